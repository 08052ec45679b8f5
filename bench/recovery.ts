import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { Agent } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServers } from "../scripts/servers.ts";
import { charger, LEASE_MS, openShop } from "./recovery-shop.ts";

/** How many operations a killed process leaves behind, each with its charge begun. */
const COUNT = Number(process.argv[3] ?? 10_000);
/** How many the provider serves at the same time. */
const PLACES = 16;
/** How many the worker recovers at the same time, so that some wait for the provider. */
const LIMIT = 128;
const LATENCY_MS = 25;
const SAMPLE_MS = 250;
const MIB = 1024 * 1024;

const only = process.argv[2];
const directory = await mkdtemp(join(tmpdir(), "nevertwice-recovery-"));
const servers = await startServers();
const provider = fork(new URL("./provider-process.ts", import.meta.url), [
  String(LATENCY_MS),
  String(PLACES),
]);
try {
  const [{ port }] = (await once(provider, "message")) as [{ port: number }];
  console.log(`\n${COUNT} abandoned operations, a provider that answers after ${LATENCY_MS} ms`);
  console.log(`and serves ${PLACES} at once; one worker with ${LIMIT} at once\n`);
  console.log("| | operations/s | share of the provider | memory at the start and the most, MiB |");
  console.log("|---|---|---|---|");
  const bare = await pressProvider(port);
  console.log(`| the provider alone | ${bare.toFixed(0)} | 1.00 | |`);
  const postgres = servers.env["NEVERTWICE_TEST_POSTGRES_URL"];
  const databases = { sqlite: join(directory, "shop.db"), ...(postgres ? { postgres } : {}) };
  for (const [name, db] of Object.entries(databases)) {
    if (only !== undefined && only !== "all" && name !== only) continue;
    const { perSecond, startMib, mostMib } = await recover(db, port);
    const share = (perSecond / bare).toFixed(2);
    const memory = `${startMib.toFixed(0)} and ${mostMib.toFixed(0)}`;
    console.log(`| ${name} | ${perSecond.toFixed(0)} | **${share}** | ${memory} |`);
  }
} finally {
  provider.disconnect();
  await servers.stop();
  await rm(directory, { recursive: true, force: true });
}

/** The provider's own pace, asked by as many at once as the worker asks. */
async function pressProvider(port: number): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: LIMIT });
  const charge = charger(port, agent);
  const count = Math.min(COUNT, 3_000);
  let asked = 0;
  const start = performance.now();
  const client = async (): Promise<void> => {
    while (asked < count) {
      asked += 1;
      await charge(`alone-${asked}`);
    }
  };
  await Promise.all(Array.from({ length: LIMIT }, client));
  agent.destroy();
  return (count * 1_000) / (performance.now() - start);
}

interface Figures {
  readonly perSecond: number;
  readonly startMib: number;
  readonly mostMib: number;
}

async function recover(db: string, port: number): Promise<Figures> {
  const doomed = fork(new URL("./abandon-process.ts", import.meta.url), [db, String(COUNT)]);
  await once(doomed, "message");
  doomed.kill("SIGKILL");
  await once(doomed, "exit");
  const agent = new Agent({ keepAlive: true, maxSockets: LIMIT });
  let settled = 0;
  let done = (): void => undefined;
  const all = new Promise<void>((resolve) => {
    done = resolve;
  });
  const shop = openShop(db, charger(port, agent), (type) => {
    if (type === "operation.settled") settled += 1;
    if (settled === COUNT) done();
  });
  shop.skew.ms = 2 * LEASE_MS;
  const startMib = process.memoryUsage().rss / MIB;
  let mostMib = startMib;
  const sampler = setInterval(() => {
    mostMib = Math.max(mostMib, process.memoryUsage().rss / MIB);
  }, SAMPLE_MS);
  const start = performance.now();
  shop.once.worker.start({ limit: LIMIT, pollMs: 100 });
  await all;
  const seconds = (performance.now() - start) / 1_000;
  clearInterval(sampler);
  await shop.close();
  agent.destroy();
  return { perSecond: COUNT / seconds, startMib, mostMib };
}
