import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import type { MaybePromise, Store } from "../../src/store.ts";
import { type MemoryTransaction, memoryStore } from "../../src/stores/memory/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";

/** A store whose clock can be moved, and a table of counts beside it. */
export interface Ground {
  readonly store: Store<unknown, "async">;
  /** Added to the database's clock, in milliseconds. */
  readonly skew: { ms: number };
  /** Adds one to a row of the user's, inside a transaction of the store. */
  add(tx: unknown, row: number): MaybePromise<void>;
  /** The sum of all rows. */
  total(): Promise<number>;
  close(): Promise<void>;
}

/** Few enough that the table stays small, and enough that writers seldom meet. */
export const ROWS = 2_000;
/** The memory store copies a table for each transaction. */
const MEMORY_ROWS = 50;

interface Count {
  readonly n: number;
}

function openMemory(): Ground {
  const skew = { ms: 0 };
  const store = memoryStore({ skew });
  return {
    store: store as unknown as Ground["store"],
    skew,
    add(tx, row) {
      const counts = (tx as MemoryTransaction).table<Count>("counts");
      const id = String(row % MEMORY_ROWS);
      counts.put(id, { n: (counts.get(id)?.n ?? 0) + 1 });
    },
    total: async () =>
      store
        .table<Count>("counts")
        .values()
        .reduce((sum, { n }) => sum + n, 0),
    close: () => store.close(),
  };
}

const ADD = "UPDATE counts SET n = n + 1 WHERE id =";
const TOTAL = "SELECT sum(n) AS n FROM counts";
const TABLE = "CREATE TABLE counts (id integer PRIMARY KEY, n integer NOT NULL)";

async function openSqlite(): Promise<Ground> {
  const directory = mkdtempSync(join(tmpdir(), "nevertwice-soak-"));
  const db = new DatabaseSync(join(directory, "shop.db"));
  const skew = { ms: 0 };
  const store = sqliteStore(db, { skew });
  await store.migrate();
  db.exec(TABLE);
  const insert = db.prepare("INSERT INTO counts VALUES (?, 0)");
  for (let row = 0; row < ROWS; row += 1) insert.run(row);
  const add = db.prepare(`${ADD} ?`);
  const total = db.prepare(TOTAL);
  return {
    // Callbacks await only where the database does, so one type serves all.
    store: store as unknown as Ground["store"],
    skew,
    add: (_, row) => void add.run(row),
    total: async () => Number(total.get()?.["n"]),
    async close() {
      await store.close();
      db.close();
      rmSync(directory, { recursive: true });
    },
  };
}

async function openPostgres(url: string): Promise<Ground> {
  const pool = new pg.Pool({ connectionString: url });
  const skew = { ms: 0 };
  const store = postgresStore(pool, { skew });
  await store.migrate();
  await pool.query(TABLE);
  await pool.query(`INSERT INTO counts SELECT g, 0 FROM generate_series(0, ${ROWS - 1}) AS g`);
  return {
    store: store as unknown as Ground["store"],
    skew,
    async add(tx, row) {
      await (tx as pg.PoolClient).query(`${ADD} $1`, [row]);
    },
    total: async () => Number((await pool.query<{ n: string }>(TOTAL)).rows[0]?.n),
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

/** @param store memory, sqlite, or the URL of a Postgres database of its own */
export function openGround(store: string): Promise<Ground> {
  if (store === "memory") return Promise.resolve(openMemory());
  return store === "sqlite" ? openSqlite() : openPostgres(store);
}
