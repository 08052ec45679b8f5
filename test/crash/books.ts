import { DatabaseSync } from "node:sqlite";
import pg from "pg";
import type { MaybePromise, OperationStore, Store } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";

export interface OrderRow {
  readonly id: string;
  readonly status: string;
  readonly charge: string | null;
}

/** An application's own table next to the store's, in a SQLite file or a Postgres database. */
export interface Books {
  readonly store: OperationStore<unknown, "async"> &
    Partial<Pick<Store<unknown, "async">, "inbox" | "outbox">>;
  /** Added to the database's clock by this process. */
  readonly skew: { ms: number };
  /** Nothing keeps a second row of the same key out, so that a second effect is seen. */
  add(tx: unknown, id: string, key: string, status: string): MaybePromise<void>;
  pay(tx: unknown, id: string, charge: string): MaybePromise<void>;
  orders(key: string): Promise<readonly OrderRow[]>;
  /** Makes all tables; for one process, before the others come. */
  create(): Promise<void>;
  close(): Promise<void>;
}

const TABLE = "CREATE TABLE orders (id text, key text, status text, charge text)";

/** @param db a postgres:// URL or a SQLite file */
export function openBooks(db: string): Books {
  return db.startsWith("postgres://") ? openPostgres(db) : openSqlite(db);
}

function openSqlite(file: string): Books {
  const skew = { ms: 0 };
  const client = new DatabaseSync(file);
  const store = sqliteStore(client, { skew });
  return {
    // Callbacks await only where the database does, so one type serves both.
    store: store as unknown as Books["store"],
    skew,
    add: (_, id, key, status) =>
      void client.prepare("INSERT INTO orders VALUES (?, ?, ?, NULL)").run(id, key, status),
    pay: (_, id, charge) =>
      void client
        .prepare("UPDATE orders SET status = 'paid', charge = ? WHERE id = ?")
        .run(charge, id),
    orders: async (key) =>
      client
        .prepare("SELECT id, status, charge FROM orders WHERE key = ?")
        .all(key) as unknown as OrderRow[],
    async create() {
      await store.migrate();
      client.exec(TABLE);
    },
    async close() {
      await store.close();
      client.close();
    },
  };
}

function openPostgres(url: string): Books {
  const skew = { ms: 0 };
  const pool = new pg.Pool({ connectionString: url });
  // A server that goes away under an idle connection must not end this process.
  pool.on("error", () => undefined);
  const store = postgresStore(pool, { skew });
  const run = async (tx: unknown, sql: string, values: unknown[]): Promise<void> => {
    await (tx as pg.PoolClient).query(sql, values);
  };
  return {
    store: store as unknown as Books["store"],
    skew,
    add: (tx, id, key, status) =>
      run(tx, "INSERT INTO orders VALUES ($1, $2, $3, NULL)", [id, key, status]),
    pay: (tx, id, charge) =>
      run(tx, "UPDATE orders SET status = 'paid', charge = $1 WHERE id = $2", [charge, id]),
    orders: async (key) =>
      (await pool.query<OrderRow>("SELECT id, status, charge FROM orders WHERE key = $1", [key]))
        .rows,
    async create() {
      await store.migrate();
      await pool.query(TABLE);
    },
    async close() {
      await store.close();
      await pool.end();
    },
  };
}
