import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Scene } from "../crash/scene.ts";
import type { Reply, Server, ServerSettings } from "./server.ts";
import { startServer } from "./server.ts";

/** What a row of the table came to. */
export interface Measured {
  readonly charges: number;
  readonly orders: number;
  /** Statuses and how often each was given, such as `500x201`. */
  readonly statuses: string;
}

/** A way to take the database away from the servers, and to give it back. */
export interface Outage {
  /** What the servers are given instead of the database's own address. */
  readonly db: string;
  begin(): Promise<void>;
  end(): Promise<void>;
  close(): Promise<void>;
}

/** A database with its provider, on which rows are tried. */
export interface Ground {
  readonly name: string;
  readonly scene: Scene;
  openOutage(): Promise<Outage>;
}

/** One test of a row: it can start servers, which end with it, and has to say what it measured. */
export interface Trial {
  readonly scene: Scene;
  readonly ground: Ground;
  /** A key that no other test uses. */
  readonly key: string;
  start(settings?: ServerSettings, db?: string): Promise<Server>;
  measure(replies: readonly Reply[], keys?: readonly string[]): Promise<Measured>;
  /** Waits until the provider has charged the trial's key. */
  charged(): Promise<void>;
}

/** A lower machine than a client's patience: what is counted is charges, not seconds. */
export const PATIENT_MS = 20_000;
const POLL_MS = 10;
/** A row that hangs is a failure with a name. */
const ROW_MS = 60_000;

export function table(): { readonly lines: string[]; add(line: readonly string[]): void } {
  const lines: string[] = [];
  return { lines, add: (line) => void lines.push(line.join(" | ")) };
}

/** Registers a row's test on a database that is opened before it runs. */
export function registerRow(
  at: () => Ground,
  name: string,
  results: ReturnType<typeof table>,
  [letter, sentence]: readonly [letter: string, sentence: string],
  run: (trial: Trial, context: TestContext) => Promise<void>,
): void {
  test(`${letter}: ${sentence} (${name})`, { timeout: ROW_MS }, async (t) => {
    const ground = at();
    const { scene } = ground;
    const trialKey = `${letter}-${sentence}`.replace(/[^A-Za-z0-9]+/g, "-").slice(0, 80);
    const servers: Server[] = [];
    t.after(async () => {
      await Promise.all(servers.map((server) => server.close()));
    });
    await run(
      {
        scene,
        ground,
        key: trialKey,
        async start(settings = {}, db = scene.db) {
          const server = await startServer(db, scene.sandboxUrl, settings);
          servers.push(server);
          return server;
        },
        async measure(replies, keys = [trialKey]) {
          const charges = (await scene.charges(...keys)).length;
          const orders = (await Promise.all(keys.map((key) => scene.orders(key)))).flat().length;
          const statuses = statusesOf(replies);
          results.add([letter, name, sentence, `${charges}`, `${orders}`, statuses]);
          return { charges, orders, statuses };
        },
        async charged() {
          while ((await scene.charges(trialKey)).length === 0) await sleep(POLL_MS);
        },
      },
      t,
    );
  });
}

function statusesOf(replies: readonly Reply[]): string {
  const counts = new Map<string, number>();
  for (const { status, code } of replies) {
    const name = code === undefined ? `${status}` : `${status} ${code}`;
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${count}x ${name}`).join(", ");
}

/** The different bodies of the replies. */
export function bodies(replies: readonly Reply[]): ReadonlySet<string> {
  return new Set(replies.map(({ body }) => body));
}
