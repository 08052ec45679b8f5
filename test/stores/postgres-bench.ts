import { test } from "node:test";
import pg from "pg";
import { postgresUrl } from "../../scripts/servers.ts";
import type { Store } from "../../src/store.ts";
import { type PostgresStoreOptions, postgresStore } from "../../src/stores/postgres/store.ts";

let starting: ReturnType<typeof postgresUrl> | undefined;
let count = 0;

/** The server of this test file, started once; `stopServer` after the last test. */
export function openServer(): ReturnType<typeof postgresUrl> {
  starting ??= postgresUrl();
  return starting;
}

export interface Database {
  readonly url: string;
  drop(): Promise<void>;
}

/** A database of its own on the server. */
export async function createDatabase(settings = ""): Promise<Database> {
  const server = await openServer();
  if ("skip" in server) throw new Error(server.skip);
  count += 1;
  const name = `nevertwice_${process.pid}_${count}`;
  await administer(server.url, `CREATE DATABASE ${name}`);
  if (settings !== "") await administer(server.url, `ALTER DATABASE ${name} SET ${settings}`);
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const base = server.url;
  return {
    url: url.href,
    drop: () => administer(base, `DROP DATABASE ${name} WITH (FORCE)`),
  };
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A pool that stays quiet when a test's server or database goes away. */
export function quietPool(url: string, options: pg.PoolConfig = {}): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, ...options });
  pool.on("error", () => {});
  return pool;
}

export async function stopServer(): Promise<void> {
  const server = await starting;
  if (server !== undefined && !("skip" in server)) await server.stop();
}

type PgOptions = PostgresStoreOptions<pg.PoolClient, pg.PoolClient>;

export interface PostgresBench {
  readonly url: string;
  readonly pool: pg.Pool;
  readonly store: Store<pg.PoolClient, "async">;
}

/** A test over a database of its own with a table of the user's. */
export function over(
  name: string,
  run: (bench: PostgresBench) => Promise<void>,
  { pool: poolOptions = {}, store: storeOptions = {}, settings = "" } = {} as {
    pool?: pg.PoolConfig;
    store?: PgOptions;
    settings?: string;
  },
): void {
  test(name, async (t) => {
    const server = await openServer();
    if ("skip" in server) return t.skip(server.skip);
    const database = await createDatabase(settings);
    const pool = quietPool(database.url, poolOptions);
    const store = postgresStore(pool, storeOptions);
    try {
      await store.migrate();
      await pool.query("CREATE TABLE orders (id text UNIQUE)");
      await run({ url: database.url, pool, store });
    } finally {
      await store.close();
      await pool.end();
      await database.drop();
    }
  });
}
