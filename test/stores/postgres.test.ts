import { after } from "node:test";
import { PGlite, type Transaction } from "@electric-sql/pglite";
import type pg from "pg";
import postgres from "postgres";
import type { Statement } from "../../src/model/statement.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import type { StoreBench } from "../../src/verify/store.ts";
import {
  createDatabase,
  type Database,
  openServer,
  quietPool,
  stopServer,
} from "./postgres-bench.ts";
import { runStoreCases } from "./run.ts";

const USER_TABLE = "CREATE TABLE user_row (id text UNIQUE)";
const TRUNCATE =
  "TRUNCATE user_row, nevertwice_operation, nevertwice_request, nevertwice_step, nevertwice_send, nevertwice_sent_key, nevertwice_adopted, nevertwice_evidence, nevertwice_outbox, nevertwice_setting, nevertwice_inbox, nevertwice_inbox_alias, nevertwice_inbox_change, nevertwice_inbox_body, nevertwice_inbox_work, nevertwice_inbox_object, nevertwice_cursor, nevertwice_ruling";

/** What is remembered becomes another timeline, so that the present one is news. */
const OTHER_LINEAGE = `UPDATE nevertwice_setting
  SET value = jsonb_set(value::jsonb, '{timeline}', '77')::text WHERE name = 'lineage'`;

async function pgBench(url: string, pool: pg.Pool): Promise<StoreBench<pg.PoolClient>> {
  const skew = { ms: 0 };
  const store = postgresStore(pool, { skew });
  await prepare(store, (sql) => pool.query(sql));
  const pools: pg.Pool[] = [];
  const stores = [store];
  const databases: Database[] = [];
  const again = (at: string): typeof store => {
    const other = quietPool(at);
    pools.push(other);
    const made = postgresStore(other, { skew });
    stores.push(made);
    return made;
  };
  return {
    store,
    advance(ms) {
      skew.ms += ms;
    },
    again: () => again(url),
    userRows: {
      statement,
      insert: async (tx, id) => void (await tx.query("INSERT INTO user_row VALUES ($1)", [id])),
      count: async () => (await pool.query("SELECT FROM user_row")).rowCount ?? 0,
    },
    endTransaction: async (tx) => void (await tx.query("COMMIT")),
    changeLineage: async () => void (await pool.query(OTHER_LINEAGE)),
    lacks: BARE,
    async unmigrated() {
      const database = await createDatabase();
      databases.push(database);
      return [again(database.url), again(database.url)];
    },
    async close() {
      for (const each of stores) await each.close();
      for (const each of pools) await each.end();
      for (const each of databases) await each.drop();
    },
  };
}

async function postgresJsBench(
  url: string,
  sql: postgres.Sql,
): Promise<StoreBench<postgres.ReservedSql>> {
  const skew = { ms: 0 };
  const store = postgresStore(sql, { skew });
  await prepare(store, (text) => sql.unsafe(text));
  const stores = [store];
  const others: postgres.Sql[] = [];
  return {
    store,
    advance(ms) {
      skew.ms += ms;
    },
    again() {
      const other = postgres(url, { max: 5 });
      others.push(other);
      const again = postgresStore(other, { skew });
      stores.push(again);
      return again;
    },
    userRows: {
      statement,
      insert: async (tx, id) => void (await tx`INSERT INTO user_row VALUES (${id})`),
      count: async () => (await sql`SELECT FROM user_row`).count,
    },
    endTransaction: async (tx) => void (await tx`COMMIT`),
    changeLineage: async () => void (await sql.unsafe(OTHER_LINEAGE)),
    lacks: BARE,
    async close() {
      for (const each of stores) await each.close();
      for (const each of others) await each.end();
    },
  };
}

async function pgliteBench(db: PGlite): Promise<StoreBench<Transaction>> {
  const skew = { ms: 0 };
  const store = postgresStore(db, { skew });
  await prepare(store, (sql) => db.exec(sql));
  return {
    store,
    advance(ms) {
      skew.ms += ms;
    },
    userRows: {
      statement,
      insert: async (tx, id) => void (await tx.query("INSERT INTO user_row VALUES ($1)", [id])),
      count: async () => (await db.query("SELECT id FROM user_row")).rows.length,
    },
    endTransaction: async (tx) => void (await tx.exec("COMMIT")),
    changeLineage: async () => void (await db.query(OTHER_LINEAGE)),
    close: () => store.close(),
  };
}

/** The first bench of a database makes its tables, the later ones empty them. */
async function prepare(
  store: { migrate(): Promise<readonly string[]> },
  run: (sql: string) => PromiseLike<unknown>,
): Promise<void> {
  const ran = await store.migrate();
  await run(ran.length > 0 ? USER_TABLE : TRUNCATE);
}

const statement = (id: string): Statement => ({
  text: "INSERT INTO user_row VALUES ($1)",
  values: [id],
});

/** pg and postgres.js hand out the user's bare connection, which lives on in its pool. */
const BARE = { "own-transaction": "callbacks get the user's own connection" };

const db = await PGlite.create();
after(() => db.close());
runStoreCases("pglite", () => pgliteBench(db));

if (!("skip" in (await openServer()))) {
  const first = await createDatabase();
  const pool = quietPool(first.url);
  const second = await createDatabase();
  const sql = postgres(second.url, { max: 10, onnotice: () => {} });
  after(async () => {
    await pool.end();
    await sql.end();
    await stopServer();
  });
  runStoreCases("pg", () => pgBench(first.url, pool));
  runStoreCases("postgres.js", () => postgresJsBench(second.url, sql));
}
