import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import postgres from "postgres";
import type { PostgresPool } from "../../src/stores/postgres/pool.ts";
import { tableNames } from "../../src/stores/postgres/statements.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimed, claimOf } from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";

after(stopServer);

const INVALID = { code: "option-invalid" };
const pool = (max?: number): pg.Pool => new pg.Pool(max === undefined ? {} : { max });

test("how long the store waits is a whole number of milliseconds above zero", () => {
  const names = ["connectMs", "lockMs", "statementMs", "idleMs", "commitMs"] as const;
  for (const name of names) {
    for (const ms of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, "5"])
      assert.throws(
        () => postgresStore(pool(), { [name]: ms as number }),
        INVALID,
        `${name} ${ms}`,
      );
    for (const ms of [1, 60_000]) postgresStore(pool(), { [name]: ms });
  }
});

test("a prefix and a schema are plain lower-case names of up to forty characters", () => {
  const longest = "a".repeat(40);
  for (const name of ["a", "_", "a1_", longest]) {
    assert.equal(tableNames(name).of("x"), `${name}x`);
    assert.equal(tableNames("p_", name).of("x"), `"${name}".p_x`);
  }
  for (const name of ["", "A", "1a", "a-b", 'a"', "a b", "ä", `${longest}a`, "a\n", " a"]) {
    assert.throws(() => tableNames(name), INVALID, name);
    assert.throws(() => postgresStore(pool(), { prefix: name }), INVALID, name);
    assert.throws(() => postgresStore(pool(), { schema: name }), INVALID, name);
  }
});

test("only a pool of pg, a sql of postgres.js and a PGlite instance are taken", () => {
  const likes = [
    {},
    { connect() {} },
    { totalCount: 0 },
    { reserve() {} },
    { unsafe() {} },
    { transaction() {} },
    { execProtocol() {} },
  ];
  for (const like of likes)
    assert.throws(() => postgresStore(like as unknown as PostgresPool), INVALID);
  const lite = { transaction() {}, execProtocol() {}, waitReady: Promise.resolve() };
  assert.ok(postgresStore(lite as unknown as PostgresPool));
  assert.ok(postgresStore(pool()));
  assert.ok(postgresStore(postgres("postgres://nobody@127.0.0.1:1/none")));
});

test("heartbeats have a connection of their own wherever there is more than one", () => {
  const lite = { transaction() {}, execProtocol() {}, waitReady: Promise.resolve() };
  const separate = (given: PostgresPool, leases?: PostgresPool): boolean =>
    postgresStore(given, leases === undefined ? {} : { leases }).capabilities.separateLeases;
  const url = "postgres://nobody@127.0.0.1:1/none";
  assert.deepEqual(
    [pool(), pool(1), postgres(url), postgres(url, { max: 1 })].map((given) => separate(given)),
    [true, false, true, false],
  );
  assert.equal(separate(lite as unknown as PostgresPool), false);
  assert.equal(separate(pool(1), pool()), true);
  const { capabilities } = postgresStore(pool());
  assert.deepEqual(
    [capabilities.callbacks, capabilities.durable, capabilities.noticesDeath],
    ["async", true, false],
  );
});

over("heartbeats go over the other pool where one is handed in", async ({ url, pool }) => {
  const other = quietPool(url);
  const store = postgresStore(pool, { leases: other });
  const { record } = await claimed(store, claimOf("k"));
  assert.equal(other.totalCount, 0);
  assert.equal(answered(await store.renew(record, 20_000)), "done");
  assert.equal(other.totalCount, 1);
  await store.close();
  await other.end();
});

over("a store in a schema of its own, with a prefix, keeps away from others", async (bench) => {
  const { pool, store } = bench;
  await pool.query("CREATE SCHEMA apart");
  const apart = postgresStore(pool, { schema: "apart", prefix: "own_" });
  assert.ok((await apart.migrate()).length > 0);
  assert.deepEqual(await apart.migrate(), []);
  const { record } = await claimed(apart, claimOf("k"));
  assert.equal(answered(await store.read(record.id)), undefined);
  const { rows } = await pool.query("SELECT count(*)::int AS n FROM apart.own_operation");
  assert.deepEqual(rows, [{ n: 1 }]);
  await apart.close();
});
