import pg from "pg";
import { postgresUrl } from "./servers.ts";

const DATABASES = ["sqlite", "postgres"] as const;
type DatabaseName = (typeof DATABASES)[number];

/** Where databases for a proof come from. */
export interface Ground {
  readonly name: DatabaseName;
  /** The URL of a new Postgres database; undefined where a file will do. */
  database(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** The databases of an option; all of them without one, undefined for an unknown name. */
export function readDatabases(given: string | undefined): readonly DatabaseName[] | undefined {
  if (given === undefined) return DATABASES;
  const found = DATABASES.find((name) => name === given);
  return found && [found];
}

/** @returns undefined if the machine has no such server */
export async function openGround(name: DatabaseName): Promise<Ground | undefined> {
  if (name === "sqlite") return { name, database: async () => undefined, close: async () => {} };
  const server = await postgresUrl();
  if ("skip" in server) return undefined;
  const admin = new pg.Pool({ connectionString: server.url, max: 1 });
  // Its server may end while the last connection still says goodbye.
  admin.on("error", () => {});
  const made: string[] = [];
  return {
    name,
    async database() {
      const database = `prove_${process.pid}_${made.length + 1}`;
      made.push(database);
      await admin.query(`CREATE DATABASE ${database}`);
      const url = new URL(server.url);
      url.pathname = `/${database}`;
      return url.href;
    },
    async close() {
      for (const database of made) await admin.query(`DROP DATABASE ${database} WITH (FORCE)`);
      await admin.end();
      await server.stop();
    },
  };
}
