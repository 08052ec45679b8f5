import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ClaimedObject, EventEnd, EventWork, NewEvent } from "../../src/store/inbox.ts";
import type { Store } from "../../src/store.ts";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { answered } from "../../src/verify/cases/sample.ts";
import { betterFile, nodeFile, type TestFile } from "./sqlite-files.ts";

const BYTES = new Uint8Array([0, 1, 255]);

export function eventOf(key: string, over: Partial<NewEvent> = {}): NewEvent {
  return {
    ...{ source: "shop", key, aliases: [], fingerprint: BYTES, type: "paid", object: `of ${key}` },
    ...{ route: "webhook", state: "waiting", body: Buffer.from(key) },
    ...over,
  };
}

export function done(number: number): EventEnd {
  return { number, kind: "done" };
}

export function workOf<T>(
  value: T,
  ends: readonly EventEnd[],
  over: Partial<EventWork<T>> = {},
): EventWork<T> {
  return { value, ends, state: undefined, messages: [], keeps: false, ...over };
}

export interface Bench<Db> {
  readonly db: Db;
  readonly store: Store<Db, "sync">;
  readonly other: Store<Db, "sync">;
  readonly skew: { ms: number };
  accept(...events: NewEvent[]): Promise<readonly number[]>;
  claim(limit?: number, eventsMax?: number): Promise<readonly ClaimedObject[]>;
  one(): Promise<ClaimedObject>;
  rows(): number;
}

async function opened<Db extends SqliteClient>(
  t: TestContext,
  file: TestFile<Db>,
): Promise<Bench<Db>> {
  t.after(() => file.close());
  const skew = { ms: 0 };
  const db = file.connect();
  const store = sqliteStore(db, { skew });
  await store.migrate();
  db.exec("CREATE TABLE orders (id TEXT PRIMARY KEY)");
  const claim = async (limit = 10, eventsMax = 10) =>
    answered(
      await store.inbox.claim({ sources: ["shop", "bank"], leaseMs: 1_000, limit, eventsMax }),
    );
  return {
    ...{ db, store, skew, claim },
    other: sqliteStore(file.connect(), { skew }),
    async accept(...events) {
      const accepted = answered(await store.inbox.accept({ events }));
      assert.ok(accepted !== "stale");
      return accepted.map(({ number }) => number);
    },
    async one() {
      const [claimed, ...others] = await claim();
      assert.ok(claimed !== undefined && others.length === 0);
      return claimed;
    },
    rows() {
      const row = db.prepare("SELECT count(*) AS count FROM orders").get({});
      return Number((row as { count: number }).count);
    },
  };
}

/** The same test through each of the two clients. */
export function both(
  name: string,
  run: (t: TestContext, bench: Bench<SqliteClient>) => Promise<void>,
) {
  test(`${name} (node:sqlite)`, async (t) => run(t, await opened(t, nodeFile())));
  test(`${name} (better-sqlite3)`, async (t) => run(t, await opened(t, betterFile())));
}
