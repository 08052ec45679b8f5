import pg from "pg";
import { postgresUrl } from "../../scripts/servers.ts";

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
