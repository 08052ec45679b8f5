import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServers } from "../scripts/servers.ts";
import { openTraffic, type TrafficHouse } from "./traffic-house.ts";

/** How many events a backlog holds. */
const BACKLOG = Number(process.argv[3] ?? 50_000);
const RECEIVED = 6_000;
const SENDERS = 24;
const ROUNDS = 3;
/** A backlog is drained in so many parts, whose paces are compared. */
const PARTS = 5;

const only = process.argv[2];
const directory = await mkdtemp(join(tmpdir(), "nevertwice-traffic-"));
const servers = await startServers();
try {
  const postgres = servers.env["NEVERTWICE_TEST_POSTGRES_URL"];
  const databases = { sqlite: join(directory, "shop.db"), ...(postgres ? { postgres } : {}) };
  for (const [name, db] of Object.entries(databases)) {
    if (only !== undefined && only !== "all" && name !== only) continue;
    const house = await openTraffic(db);
    try {
      await receive(name, house);
      await drain(name, house);
    } finally {
      await house.close();
    }
  }
} finally {
  await servers.stop();
  await rm(directory, { recursive: true, force: true });
}

/** Events per second of one INSERT each, and of the inbox, in turn. */
async function receive(name: string, house: TrafficHouse): Promise<void> {
  const rates = { insert: [] as number[], accept: [] as number[] };
  for (let round = 0; round < ROUNDS; round += 1)
    for (const way of ["insert", "accept"] as const)
      rates[way].push(await press((id) => house[way](id)));
  const [insert, accept] = [median(rates.insert), median(rates.accept)];
  console.log(
    `\n${name}: ${RECEIVED} events of 2.4 KB, ${SENDERS} at once, medians of ${ROUNDS}\n`,
  );
  console.log("| | events/s | ratio |");
  console.log("|---|---|---|");
  console.log(`| one INSERT ... ON CONFLICT DO NOTHING each | ${insert.toFixed(0)} | 1.00 |`);
  console.log(`| the inbox | ${accept.toFixed(0)} | **${(accept / insert).toFixed(2)}** |`);
}

async function press(one: (id: string) => Promise<unknown>): Promise<number> {
  const run = randomBytes(6).toString("hex");
  let next = 0;
  const start = performance.now();
  const sender = async (): Promise<void> => {
    while (next < RECEIVED) {
      next += 1;
      await one(`${run}-${next}`);
    }
  };
  await Promise.all(Array.from({ length: SENDERS }, sender));
  return (RECEIVED * 1_000) / (performance.now() - start);
}

/** The pace of a worker at the start of a backlog, and at its end. */
async function drain(name: string, house: TrafficHouse): Promise<void> {
  await house.handle(Number.MAX_SAFE_INTEGER);
  await house.fill(BACKLOG);
  const part = Math.floor(BACKLOG / PARTS);
  console.log(
    `\n${name}: a backlog of ${BACKLOG} events of as many objects, drained by one worker\n`,
  );
  console.log("| left | events/s |");
  console.log("|---|---|");
  for (let done = 0; done < PARTS; done += 1) {
    const start = performance.now();
    const handled = await house.handle(part);
    const rate = (handled * 1_000) / (performance.now() - start);
    console.log(`| ${BACKLOG - done * part} | ${rate.toFixed(0)} |`);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
