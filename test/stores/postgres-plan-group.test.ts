import assert from "node:assert/strict";
import { after } from "node:test";
import postgres from "postgres";
import type { Statement } from "../../src/model/statement.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { claimOf } from "../../src/verify/cases/sample.ts";
import { over, stopServer } from "./postgres-bench.ts";
import { carry, errorOf, kindOf, row, write } from "./postgres-carried.ts";

after(stopServer);

over("a plan that meets a lock waits alone, and the others of its group do not", async (bench) => {
  const { pool, store } = bench;
  await pool.query(
    "CREATE TABLE stock (id int PRIMARY KEY, n int); INSERT INTO stock VALUES (1, 5)",
  );
  const holder = await pool.connect();
  await holder.query("BEGIN; UPDATE stock SET n = n - 1");
  // The first one is under way alone, so that the others leave as one group.
  const first = kindOf(carry(store, "first", [row("first")]));
  const take = write("UPDATE stock SET n = n - $2 WHERE id = $1", 1, 2);
  let isTaken = false;
  const taken = kindOf(carry(store, "taken", [take])).finally(() => {
    isTaken = true;
  });
  const others = ["a", "b", "c"].map((key) => kindOf(carry(store, key, [row(key)])));
  assert.deepEqual(await Promise.all([first, ...others]), [
    "committed",
    "committed",
    "committed",
    "committed",
  ]);
  assert.equal(isTaken, false);
  await holder.query("COMMIT");
  holder.release();
  assert.equal(await taken, "committed");
  assert.deepEqual((await pool.query("SELECT n FROM stock")).rows, [{ n: 2 }]);
});

over("each plan after one that met a lock waits for locks less", async ({ pool, store }) => {
  await pool.query(
    "CREATE TABLE stock (n int); INSERT INTO stock VALUES (5); CREATE TABLE seen (key text, ms text)",
  );
  const holder = await pool.connect();
  await holder.query("BEGIN; UPDATE stock SET n = n - 1");
  const first = kindOf(carry(store, "first", [row("first")]));
  const taken = kindOf(carry(store, "taken", [write("UPDATE stock SET n = n - 1")]));
  const keys = Array.from({ length: 12 }, (_, i) => `k${i}`);
  const see = (key: string): Statement =>
    write("INSERT INTO seen VALUES ($1, current_setting('lock_timeout'))", key);
  await Promise.all([first, ...keys.map((key) => kindOf(carry(store, key, [see(key)])))]);
  const { rows } = await pool.query("SELECT key, ms FROM seen");
  // A group goes through its plans in the order of their ids.
  const wanted = keys.map((key) => (claimOf(key).id < claimOf("taken").id ? "20ms" : "1ms"));
  const found = new Map(rows.map(({ key, ms }) => [key, ms]));
  assert.deepEqual(
    keys.map((key) => found.get(key)),
    wanted,
  );
  assert.equal(new Set(wanted).size, 2);
  await holder.query("COMMIT");
  holder.release();
  assert.equal(await taken, "committed");
});

over("plans that take rows in opposite orders all commit", async ({ url, pool, store }) => {
  await pool.query("CREATE TABLE account (id int PRIMARY KEY, n int)");
  await pool.query("INSERT INTO account VALUES (1, 0), (2, 0)");
  const sql = postgres(url, { max: 4, onnotice: () => {} });
  const other = postgresStore(sql);
  const add = (id: number): Statement => write("UPDATE account SET n = n + 1 WHERE id = $1", id);
  const kinds = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      kindOf(
        carry(i % 2 ? store : other, `k${i}`, i % 4 < 2 ? [add(1), add(2)] : [add(2), add(1)]),
      ),
    ),
  );
  assert.deepEqual(new Set(kinds), new Set(["committed"]));
  const { rows } = await pool.query("SELECT n FROM account");
  assert.deepEqual(rows, [{ n: 60 }, { n: 60 }]);
  await other.close();
  await sql.end();
});

over("plans that wait leave together, under few commits", async ({ pool, store }) => {
  await pool.query("CREATE TABLE seen (id text, transaction text)");
  const see = (id: string): Statement =>
    write("INSERT INTO seen VALUES ($1, pg_current_xact_id()::text)", id);
  const kinds = await Promise.all(
    Array.from({ length: 100 }, (_, i) => kindOf(carry(store, `k${i}`, [see(`r${i}`)]))),
  );
  assert.deepEqual(new Set(kinds), new Set(["committed"]));
  const { rows } = await pool.query(
    "SELECT count(*)::int AS rows, count(DISTINCT transaction)::int AS commits FROM seen",
  );
  assert.equal(rows[0].rows, 100);
  assert.ok(rows[0].commits <= 3, `${rows[0].commits} commits for 100 plans`);
});

over("a deferred constraint fails its own plan alone", async ({ pool, store }) => {
  await pool.query(`CREATE TABLE child (id text REFERENCES orders (id)
    DEFERRABLE INITIALLY DEFERRED)`);
  const first = kindOf(carry(store, "first", [row("first")]));
  const kinds = ["a", "b", "c"].map((key) => kindOf(carry(store, key, [row(key)])));
  const wrong = errorOf(carry(store, "w", [row("w"), write("INSERT INTO child VALUES ('x')")]));
  // Each of these is in order only once both of its rows are there.
  const early = ["d", "e"].map((key) =>
    kindOf(carry(store, key, [write("INSERT INTO child VALUES ($1)", key), row(key)])),
  );
  assert.equal((await wrong).code, "23503");
  const others = await Promise.all([...kinds, ...early]);
  assert.deepEqual(new Set([await first, ...others]), new Set(["committed"]));
  assert.equal((await pool.query("SELECT FROM orders")).rowCount, 6);
});

over("a plan that takes long holds nobody up", async ({ pool, store }) => {
  await pool.query(`CREATE TABLE gate (open boolean);
    CREATE FUNCTION pass() RETURNS void LANGUAGE plpgsql AS $$
    BEGIN
      LOOP
        EXIT WHEN EXISTS (SELECT FROM gate);
        PERFORM pg_sleep(0.01);
      END LOOP;
    END $$`);
  const slow = kindOf(carry(store, "slow", [write("SELECT pass()")]));
  const others = ["a", "b"].map((key) => kindOf(carry(store, key, [row(key)])));
  assert.deepEqual(await Promise.all(others), ["committed", "committed"]);
  await pool.query("INSERT INTO gate VALUES (true)");
  assert.equal(await slow, "committed");
});
