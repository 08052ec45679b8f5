import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import postgres from "postgres";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimOf, messageOf } from "../../src/verify/cases/sample.ts";
import { inZone } from "../zone.ts";
import { over, stopServer } from "./postgres-bench.ts";
import { carry, errorOf, kindOf, row, write } from "./postgres-carried.ts";

after(stopServer);

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

over("a date is stored as the same client stores it", async ({ url, pool, store }) => {
  const { TZ: zone } = process.env;
  inZone("America/New_York");
  await pool.query("CREATE TABLE due (day date, at timestamp, instant timestamptz)");
  const insert = "INSERT INTO due VALUES ($1, $2, $3)";
  const late = new Date(Date.UTC(2026, 2, 1, 2, 30));
  const sql = postgres(url, { max: 2, onnotice: () => {} });
  const other = postgresStore(sql);
  try {
    for (const [mine, plain] of [
      [store, () => pool.query(insert, [late, late, late])],
      [other, () => sql.unsafe(insert, [late, late, late])],
    ] as const) {
      await pool.query("TRUNCATE due");
      await plain();
      const planned = carry(mine, `of ${mine === store}`, [write(insert, late, late, late)]);
      assert.equal(await kindOf(planned), "committed");
      const { rows } = await pool.query("SELECT DISTINCT day::text, at::text, instant FROM due");
      assert.equal(rows.length, 1, JSON.stringify(rows));
    }
  } finally {
    await other.close();
    await sql.end();
    inZone(zone);
  }
});

over(
  "what a statement returns may change with its table",
  async ({ pool, store }) => {
    const returning = (key: string): Promise<string> =>
      kindOf(carry(store, key, [write("INSERT INTO orders VALUES ($1) RETURNING *", key)]));
    assert.equal(await returning("a"), "committed");
    await pool.query("ALTER TABLE orders ADD COLUMN more text");
    assert.deepEqual(await Promise.all(["b", "c", "d"].map(returning)), Array(3).fill("committed"));
  },
  { pool: { max: 1 } },
);

over(
  "a column's new type is met a second after the change",
  async ({ pool, store }) => {
    await pool.query("CREATE TABLE price (amount double precision)");
    const set = (key: string, amount: string): Promise<string> =>
      kindOf(carry(store, key, [write("INSERT INTO price VALUES ($1)", amount)]));
    assert.equal(await set("a", "1"), "committed");
    await pool.query("ALTER TABLE price ALTER amount TYPE numeric; SELECT pg_sleep(1)");
    assert.equal(await set("b", "12345678901234567.89"), "committed");
    const { rows } = await pool.query("SELECT amount::text FROM price ORDER BY price.amount");
    assert.deepEqual(rows, [{ amount: "1" }, { amount: "12345678901234567.89" }]);
  },
  { pool: { max: 1 } },
);
