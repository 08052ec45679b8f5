import { hash, randomBytes } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import { type AuthenticEvent, nevertwice, type Report, type Worker } from "nevertwice";
import { postgresStore } from "nevertwice/postgres";
import { sqliteStore } from "nevertwice/sqlite";
import pg from "pg";

/** An inbox on a database, beside the table that is written by hand. */
export interface TrafficHouse {
  /** One statement and one commit for an event, as it is usually written. */
  insert(id: string): Promise<unknown>;
  accept(id: string): Promise<unknown>;
  /** Leaves so many events of as many objects to a worker. */
  fill(count: number): Promise<void>;
  /** Waits until a worker has handled so many more, or all. @returns how many */
  handle(count: number): Promise<number>;
  close(): Promise<void>;
}

const TABLE = "CREATE TABLE by_hand (id text PRIMARY KEY, type text, body text, at bigint)";
const INSERT = "INSERT INTO by_hand VALUES";
const TEXT = randomBytes(1_200).toString("hex");
const AT_ONCE = 1_000;
const LIMIT = 32;

/** @param db a postgres:// URL or a SQLite file */
export function openTraffic(db: string): Promise<TrafficHouse> {
  return db.startsWith("postgres://") ? onPostgres(db) : onSqlite(db);
}

function eventOf(id: string): AuthenticEvent {
  return {
    key: `id:${id}`,
    fingerprint: hash("sha256", id, "buffer"),
    type: "payment.succeeded",
    object: { kind: "payment", id },
    payload: { id, text: TEXT },
  };
}

async function onPostgres(url: string): Promise<TrafficHouse> {
  const pool = new pg.Pool({ connectionString: url, max: 24 });
  const prefix = `bench_${randomBytes(4).toString("hex")}_`;
  const store = postgresStore(pool, { prefix });
  await store.migrate();
  await pool.query(`DROP TABLE IF EXISTS by_hand; ${TABLE}`);
  const counter = createCounter();
  const once = nevertwice({ store, onEvent: counter.hear });
  const inbox = once.inbox(
    { source: "bench" },
    {
      "payment.succeeded": (tx, { key }) => tx.query("SELECT $1::text", [key]),
    },
  );
  return {
    insert: (id) =>
      pool.query(`${INSERT} ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, [
        ...[id, "payment.succeeded", JSON.stringify({ id, text: TEXT }), Date.now()],
      ]),
    ...ours(once, inbox, counter),
    async close() {
      await once.close();
      await pool.end();
    },
  };
}

async function onSqlite(file: string): Promise<TrafficHouse> {
  const db = new DatabaseSync(file);
  const store = sqliteStore(db);
  await store.migrate();
  db.exec(TABLE);
  const insert = db.prepare(`${INSERT} (?, ?, ?, ?) ON CONFLICT DO NOTHING`);
  const counter = createCounter();
  const once = nevertwice({ store, onEvent: counter.hear });
  const inbox = once.inbox({ source: "bench" }, { "payment.succeeded": () => undefined });
  return {
    insert: async (id) =>
      insert.run(id, "payment.succeeded", JSON.stringify({ id, text: TEXT }), Date.now()),
    ...ours(once, inbox, counter),
    async close() {
      await once.close();
      db.close();
    },
  };
}

/** Counts the events that came to an end, and wakes who waits for so many. */
interface Counter {
  ended: number;
  hear(report: Report): void;
  reach(count: number): Promise<void>;
}

function createCounter(): Counter {
  let wanted = Number.POSITIVE_INFINITY;
  let tell = (): void => undefined;
  const counter: Counter = {
    ended: 0,
    hear({ type }) {
      if (type !== "event.done") return;
      counter.ended += 1;
      if (counter.ended >= wanted) tell();
    },
    reach(count) {
      wanted = count;
      if (counter.ended >= wanted) return Promise.resolve();
      return new Promise((resolve) => {
        tell = resolve;
      });
    },
  };
  return counter;
}

function ours(
  once: { readonly worker: Worker },
  inbox: { accept(events: readonly AuthenticEvent[]): Promise<void> },
  counter: Counter,
): Pick<TrafficHouse, "accept" | "fill" | "handle"> {
  let accepted = 0;
  return {
    accept: (id) => {
      accepted += 1;
      return inbox.accept([eventOf(id)]);
    },
    async fill(count) {
      for (let from = 0; from < count; from += AT_ONCE) {
        const size = Math.min(AT_ONCE, count - from);
        accepted += size;
        await inbox.accept(Array.from({ length: size }, (_, at) => eventOf(`fill-${from + at}`)));
      }
    },
    async handle(count) {
      const before = counter.ended;
      once.worker.start({ limit: LIMIT });
      await counter.reach(Math.min(accepted, before + count));
      return counter.ended - before;
    },
  };
}
