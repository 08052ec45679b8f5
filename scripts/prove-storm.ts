import { parseArgs } from "node:util";
import { showOperation } from "../src/cli/inspect.ts";
import { createOutput } from "../src/cli/output.ts";
import type { OperationStore } from "../src/store.ts";
import { type Progress, type StormEnd, storm } from "../test/crash/storm.ts";
import { openGround, readDatabases } from "./ground.ts";
import { Misused } from "./misused.ts";

const PROGRESS_MS = 10_000;
const SHOWN_MAX = 5;
/** The account that the demo takes a client for who names none. */
const SCOPE = "demo";

/** Shops killed at random moments under load. @returns the exit code */
export async function proveStorm(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      db: { type: "string" },
      kills: { type: "string", default: "1000" },
      minutes: { type: "string", default: "600" },
      clients: { type: "string", default: "12" },
      seed: { type: "string", default: String(Date.now() % 1_000_000_000) },
    },
  });
  const databases = readDatabases(values.db);
  const numbers = [values.kills, values.minutes, values.clients, values.seed].map(Number);
  const [kills = 0, minutes = 0, clients = 0, seed = 0] = numbers;
  if (databases === undefined || !(kills > 0 && minutes > 0 && clients > 0 && seed >= 0))
    throw new Misused("This makes no sense.");
  for (const name of databases) {
    const ground = await openGround(name);
    if (ground === undefined) continue;
    console.log(`${name}: ${kills} kills, ${clients} clients, seed ${seed}`);
    let right = false;
    try {
      const url = await ground.database();
      const task = { url, kills, clients, seed, ms: minutes * 60_000, tell: teller(name) };
      await storm(task, async (end, store) => {
        right = await report(name, end, store);
      });
    } finally {
      await ground.close();
    }
    if (!right) return 1;
  }
  return 0;
}

function teller(name: string): (progress: Progress) => void {
  let told = 0;
  return (progress) => {
    if (progress.ms - told < PROGRESS_MS) return;
    told = progress.ms;
    const { kills, keys, requests } = progress;
    console.log(`${name}: ${kills} kills, ${rate(progress)}, ${keys} keys, ${requests} requests`);
  };
}

function rate({ kills, ms }: Progress): string {
  return `${Math.round((kills * 60_000) / ms)} a minute`;
}

/** @returns whether every promise was kept */
async function report(name: string, end: StormEnd, store: OperationStore): Promise<boolean> {
  const { progress, remains, findings, drainedMs } = end;
  const statuses = [...remains.told.values()].map(({ status }) => status);
  const count = (status: number): number => statuses.filter((one) => one === status).length;
  const rows: [string, string | number][] = [
    ["SIGKILLs", `${progress.kills}, ${rate(progress)}`],
    ["requests", progress.requests],
    ["keys", remains.told.size],
    ["answered 201, 402, left by their client", `${count(201)}, ${count(402)}, ${count(0)}`],
    ["charges, orders, refunds", counts(remains)],
    ["events of the provider in the books", remains.entered.size],
    ...Object.entries(findings).map(([what, keys]): [string, number] => [what, keys.length]),
    ["most attempts of one operation", end.attemptsMost],
    ["all final after the last kill", `${(drainedMs / 1_000).toFixed(1)} s`],
  ];
  console.log(`\n| ${name} | |\n| --- | --- |`);
  for (const [what, value] of rows) console.log(`| ${what} | ${value} |`);
  console.log("");
  const broken = new Set(Object.values(findings).flat());
  for (const key of [...broken].slice(0, SHOWN_MAX)) await show(key, end, store);
  return broken.size === 0;
}

function counts({ charges, orders, refunds }: StormEnd["remains"]): string {
  return [charges, orders, refunds].map((list) => list.length).join(", ");
}

/** Everything that is known of a key that broke a promise. */
async function show(key: string, { remains }: StormEnd, store: OperationStore): Promise<void> {
  await showOperation(store, key, { scope: SCOPE }, createOutput(false)).catch((error) =>
    console.log(error),
  );
  const charges = remains.charges.filter(({ metadata }) => metadata["cartId"] === key);
  const orders = remains.orders.filter(({ cartId }) => cartId === key);
  console.dir({ key, told: remains.told.get(key), charges, orders }, { depth: 5 });
}
