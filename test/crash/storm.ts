import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openBooks } from "../../src/cli/demo/books.ts";
import { isFinal, STATES } from "../../src/model/operation.ts";
import type { Charge, Refund } from "../../src/sandbox/wire.ts";
import type { ListFilter, OperationStore } from "../../src/store.ts";
import { createChance } from "../simulation/chance.ts";
import { endProcess, PROVIDER, startProcess } from "./processes.ts";
import { type Clients, startClients } from "./storm-clients.ts";
import { type Findings, findBroken, type Remains } from "./storm-count.ts";
import { openDoor } from "./storm-door.ts";
import { openShops, type Shops } from "./storm-shops.ts";

export interface StormOptions {
  /** A Postgres database of the storm's own; a SQLite file by default. */
  readonly url: string | undefined;
  readonly kills: number;
  readonly clients: number;
  readonly seed: number;
  /** The storm is over then, however few were killed; in milliseconds. */
  readonly ms: number;
  readonly tell: (progress: Progress) => void;
}

export interface Progress {
  readonly kills: number;
  readonly keys: number;
  readonly requests: number;
  readonly ms: number;
}

export interface StormEnd {
  readonly progress: Progress;
  readonly remains: Remains;
  readonly findings: Findings;
  /** How long after the last kill the last operation became final, in milliseconds. */
  readonly drainedMs: number;
  /** How often the unluckiest operation was claimed. */
  readonly attemptsMost: number;
}

/** Looks at what is left before it is thrown away. */
export type Look = (end: StormEnd, store: OperationStore) => Promise<void>;

const SERVING = 2;
const AHEAD = 3;
const LEASE_MS = 1_000;
/** Where processes die twice a second, the unluckiest operation dies more than ten times. */
const ATTEMPTS_MAX = 100;
const PROBABILITY = 0.15;
const FAULTS = [
  ...["reset-before", "reset-after", "500-before", "500-after", "500-frozen-before"],
  ...["500-frozen-after", "503-before", "429", "409", "truncated", "decline", "slow:200"],
  ...["late:300", "timeout-before", "timeout-after"],
];
const DRAIN_MS = 120_000;
const PAGE = 1_000;
/** How many keys are asked for once more at a time. */
const ASKING = 16;

/** Shops that are killed at random moments, again and again, while clients buy. */
export async function storm(options: StormOptions, look: Look): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-storm-"));
  const db = options.url ?? join(directory, "shop.db");
  const { child, said } = await startProcess(PROVIDER, [join(directory, "provider.db")]);
  const sandboxUrl = String(said);
  let urls: () => readonly string[] = () => [];
  const door = await openDoor(() => urls());
  const shop = {
    ...{ db, directory, sandboxUrl, port: 0, publicUrl: door.url },
    ...{ leaseMs: LEASE_MS, attemptsMax: ATTEMPTS_MAX },
  };
  const shops = await openShops(shop, { serving: SERVING, ahead: AHEAD });
  urls = shops.urls;
  const books = await openBooks(db);
  try {
    await orderFaults(sandboxUrl, options.seed);
    const chance = createChance(options.seed, "clients");
    const clients = startClients({ count: options.clients, urls: shops.urls, chance });
    const progress = await killAgainAndAgain(options, shops, clients);
    const over = performance.now();
    await fetch(new URL("/faults", sandboxUrl), { method: "DELETE" });
    await clients.stop();
    const open = await drain(books.store);
    const drainedMs = performance.now() - over;
    await askAgain(clients);
    const remains = {
      told: clients.told,
      orders: await books.orders(),
      charges: await ledger<Charge>(sandboxUrl, "charges"),
      refunds: await ledger<Refund>(sandboxUrl, "refunds"),
      entered: await books.entered(),
      open,
    };
    const attemptsMost = await mostAttempts(books.store);
    const findings = findBroken(remains);
    await look({ progress, remains, findings, drainedMs, attemptsMost }, books.store);
  } finally {
    await shops.close();
    await books.close();
    await door.close();
    await endProcess(child);
    await rm(directory, { recursive: true, force: true });
  }
}

async function orderFaults(sandboxUrl: string, seed: number): Promise<void> {
  const body = JSON.stringify({ probability: PROBABILITY, faults: FAULTS, seed });
  const response = await fetch(new URL("/sandbox/faults", sandboxUrl), { method: "POST", body });
  if (!response.ok) throw new Error(await response.text());
}

async function killAgainAndAgain(
  { kills, ms, seed, tell }: StormOptions,
  shops: Shops,
  clients: Clients,
): Promise<Progress> {
  const chance = createChance(seed, "kills");
  const start = performance.now();
  let killed = 0;
  const progress = (): Progress => ({
    kills: killed,
    keys: clients.told.size,
    requests: clients.requests(),
    ms: performance.now() - start,
  });
  while (killed < kills && performance.now() - start < ms) {
    await sleep(chance.below(PAUSE_MS));
    await shops.killOne(chance.below(SERVING));
    killed += 1;
    tell(progress());
  }
  return progress();
}

/** Mostly a new shop takes longer to start than this; it only spreads the moments. */
const PAUSE_MS = 60;

/** Waits for the workers. @returns the keys that are not final even then */
async function drain(store: OperationStore): Promise<readonly string[]> {
  const end = performance.now() + DRAIN_MS;
  for (;;) {
    const open = await openKeys(store);
    if (open.length === 0 || performance.now() > end) return open;
    await sleep(100);
  }
}

async function openKeys(store: OperationStore): Promise<readonly string[]> {
  const keys: string[] = [];
  for (const state of STATES.filter((known) => !isFinal(known))) {
    const answer = await store.list({ state, limit: PAGE });
    if (answer.kind !== "ok") throw answer.error;
    keys.push(...answer.value.map(({ record }) => record.request?.key ?? record.id));
  }
  return keys;
}

async function mostAttempts(store: OperationStore): Promise<number> {
  let most = 0;
  let after: ListFilter["after"];
  for (;;) {
    const answer = await store.list({ limit: PAGE, ...(after === undefined ? {} : { after }) });
    if (answer.kind !== "ok") throw answer.error;
    for (const { record } of answer.value) {
      most = Math.max(most, record.attempts);
      after = { createdAt: record.createdAt, id: record.id };
    }
    if (answer.value.length < PAGE) return most;
  }
}

/** Every key is told once more what became of it, by whichever shop. */
async function askAgain(clients: Clients): Promise<void> {
  const keys = [...clients.told].filter(([, { status }]) => status !== 0).map(([key]) => key);
  const ask = async (): Promise<void> => {
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) await clients.ask(key);
  };
  await Promise.all(Array.from({ length: ASKING }, ask));
}

async function ledger<T>(sandboxUrl: string, name: string): Promise<readonly T[]> {
  const response = await fetch(new URL(`/v1/${name}`, sandboxUrl));
  return ((await response.json()) as { data: T[] }).data;
}
