import { existsSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import type { Store } from "../store.ts";
import { postgresStore } from "../stores/postgres/store.ts";
import { sqliteStore } from "../stores/sqlite/store.ts";

/** A store opened by its URL, and the client that was opened for it. */
export interface Opened<Client> {
  readonly store: Store;
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

/**
 * Opens the store of a `postgres://` URL or of a SQLite file.
 *
 * @param create whether a file that is not there is made; a look into one must not make it
 * @throws Error that names the mend
 */
export async function openByUrl(
  db: string,
  create: boolean,
  prefix?: string,
): Promise<Opened<unknown>> {
  if (isPostgres(db)) return openPostgres(db, prefix);
  if (/^[a-z][a-z0-9+.-]+:\/\//.test(db)) {
    throw new Error("Only postgres:// URLs and SQLite files are known.");
  }
  if (!create && !existsSync(db)) {
    throw new Error(`There is no file ${db}. Run \`nevertwice migrate --db ${db}\` to make it.`);
  }
  return openSqlite(db, prefix);
}

export async function openSqlite(file: string, prefix?: string): Promise<Opened<DatabaseSync>> {
  const client = new DatabaseSync(file);
  const store = sqliteStore(client, prefix === undefined ? {} : { prefix });
  return {
    store: store as Store,
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
    store: store as Store,
    client: pool,
    async close() {
      await store.close();
      await pool.end();
    },
  };
}
