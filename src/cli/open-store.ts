import { DatabaseSync } from "node:sqlite";
import type { OperationStore } from "../store.ts";
import { postgresStore } from "../stores/postgres/store.ts";
import { sqliteStore } from "../stores/sqlite/store.ts";

/** A store opened by its URL, and the client that was opened for it. */
export interface Opened<Client> {
  readonly store: OperationStore;
  readonly client: Client;
  close(): Promise<void>;
}

/** The part of pg's pool that the command line uses. */
export interface PgClient {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

export function isPostgres(db: string): boolean {
  return /^postgres(ql)?:\/\//.test(db);
}

/** Opens the store of a `postgres://` URL or of a SQLite file. @throws Error that names the mend */
export function openStore(db: string, prefix?: string): Promise<Opened<unknown>> {
  return isPostgres(db) ? openPostgres(db, prefix) : openSqlite(db, prefix);
}

export async function openSqlite(file: string, prefix?: string): Promise<Opened<DatabaseSync>> {
  const client = new DatabaseSync(file.replace(/^sqlite:(\/\/)?/, ""));
  const store = sqliteStore(client, prefix === undefined ? {} : { prefix });
  return {
    store: store as OperationStore,
    client,
    async close() {
      await store.close();
      client.close();
    },
  };
}

export async function openPostgres(url: string, prefix?: string): Promise<Opened<PgClient>> {
  const pg = await import("pg").catch(() => {
    throw new Error("Postgres needs the package `pg`. Install it: npm install pg");
  });
  const pool = new pg.default.Pool({ connectionString: url, max: 20 });
  // An idle connection that the server ends must not end this process.
  pool.on("error", () => undefined);
  const store = postgresStore(pool, prefix === undefined ? {} : { prefix });
  return {
    store: store as OperationStore,
    client: pool,
    async close() {
      await store.close();
      await pool.end();
    },
  };
}
