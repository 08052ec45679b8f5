import assert from "node:assert/strict";
import { after, test } from "node:test";
import pg from "pg";
import postgres from "postgres";
import { type PgPool, pgClient } from "../../src/stores/postgres/pg.ts";
import { type PostgresPool, postgresStore } from "../../src/stores/postgres/store.ts";
import { eventOf } from "../../src/verify/cases/inbox-sample.ts";
import {
  answered,
  claimed,
  claimOf,
  settlementOf,
  settleWrite,
} from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";

const SETTLED = settlementOf();

after(stopServer);

/** The pool with clients that lack some members, as in older releases. */
function older(pool: pg.Pool, ...missing: readonly string[]): PostgresPool {
  const connect = async (): Promise<object> => {
    const client = await pool.connect();
    for (const name of missing) Object.defineProperty(client, name, { value: undefined });
    return client;
  };
  const shown = { connect, options: pool.options, totalCount: 1 };
  return shown as unknown as PostgresPool;
}

over("stores over one small pool do not hold its connections against each other", async (bench) => {
  const own = quietPool(bench.url, { max: 2 });
  const stores = ["nevertwice_", "other_"].map((prefix) =>
    postgresStore(own, { prefix, connectMs: 200 }),
  );
  await stores[1]?.migrate();
  const holders = await Promise.all(
    stores.map(async (store) => (await claimed(store, claimOf("k"))).record),
  );
  for (const step of ["renew", "settle"] as const)
    for (const [index, store] of stores.entries()) {
      const holder = holders[index];
      assert.ok(holder);
      const call = step === "renew" ? store.renew(holder, 30_000) : store.settle(holder, SETTLED);
      assert.equal(answered(await call), "done");
    }
  for (const store of stores) await store.close();
  await own.end();
});

over("a key that is claimed in one store is free in another one of the database", async (bench) => {
  const other = postgresStore(bench.pool, { prefix: "other_" });
  await other.migrate();
  const answer = await bench.store.atomic(claimOf("k", { form: "atomic" }), async () => {
    await claimed(other, claimOf("k"));
    assert.equal(answered(await bench.store.claim(claimOf("k"))).kind, "busy");
    return { settlement: SETTLED, value: 1 };
  });
  assert.equal(answered(answer).kind, "committed");
});

over("an event that one store handles is free in another one of the database", async (bench) => {
  const other = postgresStore(bench.pool, { prefix: "other_" });
  await other.migrate();
  const handled = (number: number) => ({
    ...{ ends: [{ number, kind: "done" }] as const, state: undefined },
    ...{ messages: [], keeps: false, value: 1 },
  });
  const event = eventOf("evt_1");
  const answer = await bench.store.inbox.acceptHandled(event, async (_, { number }) => {
    const inner = await other.inbox.acceptHandled(event, (_tx, taken) => handled(taken.number));
    assert.equal(answered(inner).kind, "committed");
    return handled(number);
  });
  assert.equal(answered(answer).kind, "committed");
});

for (const [name, missing] of [
  ["", []],
  [", in older releases too", ["getTransactionStatus"]],
] as const)
  over(`pg: what is done inside of somebody's transaction is not done${name}`, async (bench) => {
    const own = quietPool(bench.url, { max: 1 });
    const store = postgresStore(older(own, ...missing) as typeof own);
    answered(await store.read(claimOf("k").id));
    const client = await own.connect();
    await client.query("BEGIN; INSERT INTO orders VALUES ('half')");
    client.release();
    await claimed(store, claimOf("k"));
    assert.ok(answered(await bench.store.read(claimOf("k").id)), "others see the claim");
    const leaky = await own.connect();
    await leaky.query("BEGIN; INSERT INTO orders VALUES ('half')");
    leaky.release();
    const { record } = await claimed(bench.store, claimOf("other"));
    const answer = await store.transact(record, () => ({ write: settleWrite(), value: 1 }));
    assert.equal(answered(answer).kind, "committed");
    assert.equal((await bench.pool.query("SELECT FROM orders")).rowCount, 0);
    await store.close();
    await own.end();
  });

test("pg: a pool whose every connection is inside of a transaction gives none", async () => {
  let ended = 0;
  const client = {
    getTransactionStatus: () => "T",
    on: () => {},
    release(broken: boolean) {
      if (broken) ended += 1;
    },
  };
  const pool = { connect: async () => client, totalCount: 2, options: {} };
  await assert.rejects(pgClient(pool as PgPool, false).acquire(), /inside of transactions/);
  assert.equal(ended, 3);
});

test("pg: statements that nobody awaited are seen in every release of pg 8", async () => {
  for (const [isBusy, members] of [
    [false, { _queryQueue: [], _activeQuery: null, _sentQueryQueue: [] }],
    [true, { _queryQueue: [{}], _activeQuery: null }],
    [true, { _queryQueue: [], _activeQuery: {} }],
    [false, { _queryQueue: [], _activeQuery: undefined, activeQuery: { warns: true } }],
    [true, { _queryQueue: [], _activeQuery: null, _sentQueryQueue: [{}] }],
    [false, { queryQueue: [], activeQuery: null }],
    [true, { queryQueue: [{}], activeQuery: null }],
    [true, { queryQueue: [], activeQuery: {} }],
  ] as const) {
    const released: unknown[] = [];
    const client = { ...members, release: (broken: unknown) => released.push(broken), on() {} };
    const pool = { connect: async () => client, totalCount: 0, options: {} };
    (await pgClient(pool as PgPool, false).acquire()).release();
    assert.deepEqual(released, [isBusy]);
  }
});

over("pg: a callback that gives its client back shares it with nobody", async (bench) => {
  const own = quietPool(bench.url, { max: 1 });
  const store = postgresStore(own);
  const { record } = await claimed(store, claimOf("k"));
  const answer = await store.transact(record, async (tx) => {
    await tx.query("INSERT INTO orders VALUES ('a')");
    tx.release();
    assert.equal(own.idleCount, 0);
    return { write: settleWrite(), value: 1 };
  });
  assert.equal(answered(answer).kind, "committed");
  assert.equal(own.idleCount, 1);
  await store.close();
  await own.end();
});

over("postgres.js: a callback that gives its client back shares it with nobody", async (bench) => {
  const sql = postgres(bench.url, { max: 1, onnotice: () => {} });
  const store = postgresStore(sql);
  const { record } = await claimed(store, claimOf("k"));
  let others = 0;
  const answer = await store.transact(record, async (tx) => {
    tx.release();
    const other = sql`SELECT 1`.then(() => {
      others += 1;
    });
    for (let count = 0; count < 3; count += 1) await tx`INSERT INTO orders VALUES (${count})`;
    assert.equal(others, 0);
    return { write: settleWrite(), value: other };
  });
  const done = answered(answer);
  assert.ok(done.kind === "committed");
  await done.value;
  assert.equal((await bench.pool.query("SELECT FROM orders")).rowCount, 3);
  await store.close();
  await sql.end();
});

over("pg: an outcome stands in the schema of its claim, or nothing is committed", async (bench) => {
  await bench.pool.query("CREATE SCHEMA tenant");
  const tenant = postgresStore(bench.pool, { schema: "tenant" });
  await tenant.migrate();
  const request = claimOf("k", { form: "atomic" });
  const change = async (tx: pg.PoolClient) => {
    await tx.query("INSERT INTO orders VALUES ('a'); SET LOCAL search_path TO tenant, public");
    return { settlement: SETTLED, value: 1 };
  };
  assert.equal((await bench.store.atomic(request, change)).kind, "not-applied");
  assert.equal((await bench.pool.query("SELECT FROM orders")).rowCount, 0);
  assert.equal(answered(await tenant.read(request.id)), undefined);
  assert.equal(answered(await tenant.atomic(request, change)).kind, "committed");
});

over("pg: an idle connection that the server ends does not end the process", async (bench) => {
  const own = new pg.Pool({ connectionString: bench.url, max: 1 });
  const store = postgresStore(own);
  const [pid] = (await own.query("SELECT pg_backend_pid() AS pid")).rows;
  const lost = new Promise<void>((resolve) => own.once("remove", () => resolve()));
  await bench.pool.query("SELECT pg_terminate_backend($1)", [pid.pid]);
  await lost;
  answered(await store.read(claimOf("k").id));
  await own.end();
});

over("a role that may make no tables migrates where there is nothing to do", async (bench) => {
  const role = `app_${process.pid}`;
  const { pool } = bench;
  await pool.query(`REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE ${role} LOGIN;
    GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
  const url = new URL(bench.url);
  url.username = role;
  const own = quietPool(url.href);
  try {
    assert.deepEqual(await postgresStore(own).migrate(), []);
    await assert.rejects(postgresStore(own, { prefix: "other_" }).migrate(), /permission denied/);
  } finally {
    await own.end();
    await pool.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
