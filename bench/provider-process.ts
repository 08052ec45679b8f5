import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** A provider that takes its time, for so many at once, and honours keys. */
const [, , latency = "25", places = "16"] = process.argv;
const charges = new Set<string>();
const queue: (() => void)[] = [];
let free = Number(places);

async function serve(): Promise<void> {
  if (free === 0) await new Promise<void>((resolve) => queue.push(resolve));
  else free -= 1;
  await sleep(Number(latency));
  const next = queue.shift();
  if (next) next();
  else free += 1;
}

const server = createServer(async (request, response) => {
  request.resume();
  await serve();
  charges.add(String(request.headers["idempotency-key"]));
  response.end(JSON.stringify({ id: `ch_${charges.size}`, charges: charges.size }));
});
server.keepAliveTimeout = 60_000;
server.listen(0, "127.0.0.1", () => {
  process.send?.({ port: (server.address() as AddressInfo).port });
});
process.on("disconnect", () => process.exit(0));
