import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import postgres from "postgres";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, within } from "../../src/verify/cases/sample.ts";
import { createDatabase, openServer, stopServer } from "./postgres-bench.ts";

const NOBODY = "0".repeat(64);

after(stopServer);

/** Until no other session is at work. */
async function untilIdle(client: pg.Client): Promise<void> {
  const sql = `SELECT FROM pg_stat_activity WHERE datname = current_database()
    AND backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'`;
  for (let open = -1; open !== 0; ) open = (await client.query(sql)).rowCount ?? 0;
  await new Promise((resolve) => setTimeout(resolve, 100));
}

test("postgres.js: a call that was given up costs the pool no connection", async (t) => {
  const server = await openServer();
  if ("skip" in server) return t.skip(server.skip);
  const database = await createDatabase();
  const sql = postgres(database.url, { max: 2, onnotice: () => {} });
  const store = postgresStore(sql, { statementMs: 200, connectMs: 2_000, leases: sql });
  await store.migrate();
  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  try {
    // As many as the pool has connections, and one more.
    for (let count = 0; count < 3; count += 1) {
      await blocker.query("BEGIN; LOCK TABLE nevertwice_operation IN ACCESS EXCLUSIVE MODE");
      assert.notEqual((await within(10_000, store.read(NOBODY))).kind, "ok");
      await blocker.query("ROLLBACK");
      // What was given up reaches its end, and whatever ends the connection with it.
      await untilIdle(blocker);
    }
    for (let count = 0; count < 4; count += 1)
      assert.equal(answered(await within(10_000, store.read(NOBODY))), undefined);
  } finally {
    await blocker.end();
    await store.close();
    await sql.end({ timeout: 1 });
    await database.drop();
  }
});
