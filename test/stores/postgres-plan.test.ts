import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import type { Statement, StatementValue } from "../../src/model/statement.ts";
import type { Answer, AtomicAnswer, Store } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimOf, messageOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { over, stopServer } from "./postgres-bench.ts";

after(stopServer);

type Carries = Pick<Store, "carryOut">;

const write = (text: string, ...values: StatementValue[]): Statement => ({ text, values });
const row = (id: string): Statement => write("INSERT INTO orders VALUES ($1)", id);

function carry(
  store: Carries,
  key: string,
  statements: readonly Statement[],
  messages = [] as ReturnType<typeof messageOf>[],
): Promise<Answer<AtomicAnswer<undefined>>> {
  assert.ok(store.carryOut);
  const settlement = { ...settlementOf(), messages };
  return store.carryOut(claimOf(key, { form: "atomic" }), { statements, settlement });
}

async function kindOf(answer: Promise<Answer<AtomicAnswer<undefined>>>): Promise<string> {
  return answered(await answer).kind;
}

async function errorOf(
  answer: Promise<Answer<AtomicAnswer<undefined>>>,
): Promise<{ readonly code?: string }> {
  const value = answered(await answer);
  assert.equal(value.kind, "threw");
  return value.kind === "threw" ? (value.error as { code?: string }) : {};
}

const TYPED = `CREATE TABLE typed (t text, i int, b bigint, n numeric, f boolean, at timestamptz,
  d bytea, j jsonb, nothing text, list int[])`;
const TYPED_VALUES = [
  ...["it's \\ $1", 7, 2n ** 62n, "12.50", true, new Date(86_400_000)],
  ...[new Uint8Array([0, 39, 92, 255]), '{"a":[1]}', null, "{1,2}"],
];
const INSERT_TYPED = "INSERT INTO typed VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
const READ_TYPED = `SELECT concat_ws('|', t, i, b, n, f, extract(epoch FROM at)::int,
  encode(d, 'hex'), j, coalesce(nothing, 'null'), list) AS row FROM typed`;
const READ = 'it\'s \\ $1|7|4611686018427387904|12.50|t|86400|00275cff|{"a": [1]}|null|{1,2}';

over("each value of a plan takes the type of its place", async ({ url, pool, store }) => {
  await pool.query(TYPED);
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  const other = postgresStore(sql);
  assert.equal(
    await kindOf(carry(store, "pg", [write(INSERT_TYPED, ...TYPED_VALUES)])),
    "committed",
  );
  assert.equal(
    await kindOf(carry(other, "js", [write(INSERT_TYPED, ...TYPED_VALUES)])),
    "committed",
  );
  const { rows } = await pool.query(READ_TYPED);
  assert.deepEqual(rows, [{ row: READ }, { row: READ }]);
  await other.close();
  await sql.end();
});

test("each value of a plan takes the type of its place in PGlite", async () => {
  const db = await PGlite.create();
  const store = postgresStore(db);
  await store.migrate();
  await db.exec(TYPED);
  assert.equal(
    await kindOf(carry(store, "k", [write(INSERT_TYPED, ...TYPED_VALUES)])),
    "committed",
  );
  assert.deepEqual((await db.query(READ_TYPED)).rows, [{ row: READ }]);
  await store.close();
  await db.close();
});

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

over("what is wrong with a plan is told as the database says it", async ({ pool, store }) => {
  await pool.query(`CREATE TABLE child (id text REFERENCES orders (id)
    DEFERRABLE INITIALLY DEFERRED)`);
  const codes: (string | undefined)[] = [];
  for (const statement of [
    write("INSERT INTO nowhere VALUES ($1)", 1),
    write("INSERT INTO orders VALUES (no_such_function($1))", "a"),
    write("INSERT INTO orders VALUES ($1, $2)", "a", "b"),
    write("INSERT INTO orders VALUES ($1)", "a", "b"),
    write("CREATE TABLE other (id text)"),
    write("COMMIT"),
    write("INSERT INTO child VALUES ($1)", "absent"),
    write("INSERT INTO orders VALUES ($1)", "a\0b"),
  ])
    codes.push((await errorOf(carry(store, "k", [statement]))).code);
  assert.deepEqual(codes, [
    ...["42P01", "42883", "42601", "42601", "42601", "42601", "23503", "22P05"],
  ]);
  assert.equal(answered(await store.read(claimOf("k").id)), undefined);
  assert.equal(await kindOf(carry(store, "k", [row("a")])), "committed");
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

over("a message key that is taken is no fault of the plan's statements", async ({ store }) => {
  assert.equal(await kindOf(carry(store, "a", [row("a")], [messageOf("m")])), "committed");
  const answer = await carry(store, "b", [row("b")], [messageOf("m")]);
  assert.deepEqual([answer.kind, "again" in answer && answer.again], ["not-applied", false]);
  assert.equal(answered(await store.read(claimOf("b").id)), undefined);
});

over(
  "a connection keeps a hundred statements at most, and plans follow a changed table",
  async ({ pool, store }) => {
    for (let i = 0; i < 130; i += 1) {
      const statement = write(`INSERT INTO orders VALUES ($1 || '${i}')`, "row");
      assert.equal(await kindOf(carry(store, `k${i}`, [statement])), "committed");
    }
    const { rows } = await pool.query(
      "SELECT count(*)::int AS n FROM pg_prepared_statements WHERE name LIKE '%plan%'",
    );
    assert.ok(rows[0].n <= 100, `${rows[0].n} statements`);
    await pool.query("ALTER TABLE orders ADD COLUMN more text");
    assert.equal(await kindOf(carry(store, "changed", [row("changed")])), "committed");
    await pool.query("DROP TABLE orders; CREATE TABLE orders (id varchar(40), n int DEFAULT 1)");
    assert.equal(await kindOf(carry(store, "new", [row("new")])), "committed");
    await pool.query("DEALLOCATE ALL");
    assert.equal(await kindOf(carry(store, "cleared", [row("cleared")])), "committed");
  },
  { pool: { max: 1 } },
);

over(
  "plans commit in a database whose transactions are serializable",
  async ({ pool, store }) => {
    const kinds = await Promise.all(
      Array.from({ length: 10 }, (_, i) => kindOf(carry(store, `k${i}`, [row(`r${i}`)]))),
    );
    assert.deepEqual(new Set(kinds), new Set(["committed"]));
    assert.equal((await pool.query("SELECT FROM orders")).rowCount, 10);
  },
  { settings: "default_transaction_isolation = 'serializable'" },
);
