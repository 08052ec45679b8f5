import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { PGlite } from "@electric-sql/pglite";
import Database from "better-sqlite3";
import pg from "pg";
import postgres from "postgres";
import type { Statement } from "../../src/model/statement.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import type { Opening } from "./comparison.ts";
import type { Place } from "./world.ts";

/** A kind of store that opens empty, again and again. */
export interface Ground {
  readonly open: Opening;
  close(): Promise<void>;
}

const STILL = { wall: () => 0, monotonic: () => 0, sleep: async () => {}, timer: () => () => {} };
/** A database rounds its time, so that it may seem to lie before the process's. */
const ROUNDING_MS = 5;

const present = (): number => Date.now() - ROUNDING_MS;

/** The memory store with a clock that only a sequence moves. */
export function modelGround(): Ground {
  const open = async (): Promise<Place> => {
    const skew = { ms: 0 };
    const store = memoryStore({ skew, clock: STILL });
    const table = (): string[] => store.table<string>("user_row").values();
    return {
      ...{ store, skew, began: 0, rows: table },
      insert: (tx, id) =>
        (tx as Parameters<Parameters<typeof store.transact>[1]>[0])
          .table<string>("user_row")
          .insert(id, id),
    };
  };
  return { open, close: async () => {} };
}

type Sqlite = SqliteClient & { close(): unknown };

/** How many connections to one file share out the calls, and how each one is made. */
interface SqliteKind {
  readonly handles: number;
  connect(path: string): Sqlite;
}

const connectNode = (path: string): Sqlite => new DatabaseSync(path);

export const SQLITE_KINDS: Readonly<Record<string, SqliteKind>> = {
  "node:sqlite": { handles: 1, connect: connectNode },
  "better-sqlite3": { handles: 1, connect: (path) => new Database(path) },
  "two handles of node:sqlite": { handles: 2, connect: connectNode },
};

const USER_TABLE = "CREATE TABLE IF NOT EXISTS user_row (id text NOT NULL UNIQUE)";

/** A file that is a copy of an empty one each time it opens. */
export function sqliteGround({ handles, connect }: SqliteKind): Ground {
  const directory = mkdtempSync(join(tmpdir(), "nevertwice-"));
  const [empty, path] = [join(directory, "empty.db"), join(directory, "shop.db")];
  let made = false;
  let dbs: readonly Sqlite[] = [];
  const prepare = async (): Promise<void> => {
    const first = connect(empty);
    const store = sqliteStore(first);
    await store.migrate();
    first.exec(USER_TABLE);
    await store.close();
    first.close();
    made = true;
  };
  return {
    async open() {
      if (!made) await prepare();
      for (const db of dbs) db.close();
      for (const end of ["", "-wal", "-shm"]) rmSync(`${path}${end}`, { force: true });
      copyFileSync(empty, path);
      dbs = Array.from({ length: handles }, () => connect(path));
      return sqlitePlace(dbs);
    },
    async close() {
      for (const db of dbs) db.close();
      rmSync(directory, { recursive: true });
    },
  };
}

function sqlitePlace(dbs: readonly SqliteClient[]): Place {
  const skew = { ms: 0 };
  const stores = dbs.map((db) => sqliteStore(db, { skew }));
  return {
    ...{ store: inTurn<Place["store"]>(stores), skew, began: present() },
    statement: (id) => ({ text: "INSERT INTO user_row (id) VALUES (?)", values: [id] }),
    insert: (tx, id) =>
      void (tx as SqliteClient).prepare("INSERT INTO user_row (id) VALUES (@id)").run({ id }),
    rows: () =>
      (dbs[0]?.prepare("SELECT id FROM user_row").all({}) ?? []).map((row) =>
        String((row as { id: unknown }).id),
      ),
  };
}

/** Each call goes to the next of these; what they hold as members is shared out alike. */
function inTurn<T extends object>(all: readonly T[], turn = { calls: 0 }): T {
  const [first] = all;
  if (first === undefined || all.length === 1) return first as T;
  return new Proxy(first, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      const members = all.map((one) => Reflect.get(one, name) as unknown);
      if (typeof value === "object" && value !== null) return inTurn(members as object[], turn);
      if (typeof value !== "function") return value;
      turn.calls += 1;
      return members[turn.calls % all.length];
    },
  });
}

/** Empties every table but the one that says which migrations ran. */
const EMPTY = `DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(tablename, ', ')
  FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'nevertwice_migration'); END $$`;

interface Postgres {
  readonly store: Place["store"];
  readonly skew: Place["skew"];
  run(sql: string): Promise<unknown>;
  insert: Place["insert"];
  rows: Place["rows"];
  close(): Promise<void>;
}

function postgresGround({ store, skew, run, insert, rows, close }: Postgres): Ground {
  let made = false;
  return {
    async open() {
      if (!made) {
        await store.migrate();
        await run(USER_TABLE);
        made = true;
      }
      await run(EMPTY);
      return { store, skew, began: present(), insert, statement, rows };
    },
    async close() {
      await store.close();
      await close();
    },
  };
}

interface Row {
  readonly id: string;
}

const INSERT = "INSERT INTO user_row VALUES ($1)";
const SELECT = "SELECT id FROM user_row";
const statement = (id: string): Statement => ({ text: INSERT, values: [id] });
const idOf = ({ id }: Row): string => id;

export function pgGround(url: string): Ground {
  // What a crash of the server would lose is not what is compared here.
  const pool = new pg.Pool({ connectionString: url, options: "-c synchronous_commit=off" });
  pool.on("error", () => {});
  const skew = { ms: 0 };
  return postgresGround({
    ...{ store: postgresStore(pool, { skew }), skew },
    run: (sql) => pool.query(sql),
    insert: async (tx, id) => void (await (tx as pg.PoolClient).query(INSERT, [id])),
    rows: async () => (await pool.query<Row>(SELECT)).rows.map(idOf),
    close: () => pool.end(),
  });
}

export function postgresJsGround(url: string): Ground {
  const connection = { synchronous_commit: "off" };
  const sql = postgres(url, { max: 5, onnotice: () => {}, connection });
  const skew = { ms: 0 };
  return postgresGround({
    ...{ store: postgresStore(sql, { skew }), skew },
    run: async (text) => void (await sql.unsafe(text)),
    insert: async (tx, id) =>
      void (await (tx as postgres.ReservedSql)`INSERT INTO user_row VALUES (${id})`),
    rows: async () => (await sql<Row[]>`SELECT id FROM user_row`).map(idOf),
    close: () => sql.end(),
  });
}

export async function pgliteGround(): Promise<Ground> {
  const db = await PGlite.create();
  const skew = { ms: 0 };
  return postgresGround({
    ...{ store: postgresStore(db, { skew }), skew },
    run: (sql) => db.exec(sql),
    insert: async (tx, id) => void (await (tx as PGlite).query(INSERT, [id])),
    rows: async () => (await db.query<Row>(SELECT)).rows.map(idOf),
    close: () => db.close(),
  });
}
