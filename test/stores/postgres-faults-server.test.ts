import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type pg from "pg";
import type { OperationRecord } from "../../src/model/operation.ts";
import type { Answer, Store } from "../../src/store.ts";
import { type Patience, postgresStore } from "../../src/stores/postgres/store.ts";
import {
  answered,
  claimed,
  claimOf,
  recordOf,
  settlementOf,
  settleWrite,
  within,
} from "../../src/verify/cases/sample.ts";
import { quietPool } from "./postgres-bench.ts";
import { type Cluster, type Member, openCluster, untilYes } from "./postgres-cluster.ts";

const CLIENTS = 16;
/** Settled before the server is killed. */
const SETTLED_MIN = 100;

interface Shop {
  readonly store: Store<pg.PoolClient, "async">;
  readonly pool: pg.Pool;
  /** The callback's row and the settlement in one transaction. */
  pay(record: OperationRecord): Promise<Answer<unknown>>;
  close(): Promise<void>;
}

function shopOf({ url }: Member, patience: Partial<Patience> = {}): Shop {
  const pool = quietPool(url, { max: CLIENTS + 1 });
  // A kept connection for leases would write to the same rows, and wait for the standby, too.
  const store = postgresStore(pool, { ...patience, leases: pool });
  return {
    ...{ store, pool },
    pay: (record) =>
      store.transact(record, async (tx) => {
        await tx.query("INSERT INTO orders VALUES ($1)", [record.id]);
        return { write: settleWrite(), value: 1 };
      }),
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

async function over(
  t: TestContext,
  fsync: "on" | "off",
  run: (cluster: Cluster) => Promise<void>,
): Promise<void> {
  const cluster = await openCluster({ fsync });
  if ("skip" in cluster) {
    console.warn(`SKIPPED: ${cluster.skip}.`);
    return t.skip(cluster.skip);
  }
  try {
    const shop = shopOf(cluster.primary);
    await shop.store.migrate();
    await shop.pool.query("CREATE TABLE orders (id text)");
    await shop.close();
    await run(cluster);
  } finally {
    await cluster.close();
  }
}

interface Payment {
  readonly record: OperationRecord;
  readonly answer: Answer<unknown>;
}

/** Pays one order after the other until the first call that is not answered. */
async function payOn({ store, pay }: Shop, name: string, paid: Payment[]): Promise<void> {
  for (let count = 0; ; count += 1) {
    const claim = await store.claim(claimOf(`${name}-${count}`));
    if (claim.kind !== "ok") return;
    assert.ok(claim.value.kind === "claimed");
    const { record } = claim.value.snapshot;
    const answer = await pay(record);
    paid.push({ record, answer });
    if (answer.kind !== "ok") return;
  }
}

async function rowsOf({ pool }: Shop, record: OperationRecord): Promise<number | null> {
  return (await pool.query("SELECT FROM orders WHERE id = $1", [record.id])).rowCount;
}

test("nothing that was acknowledged is lost with a killed server", async (t) =>
  over(t, "on", async ({ primary }) => {
    const shop = shopOf(primary);
    const paid: Payment[] = [];
    const clients = Array.from({ length: CLIENTS }, (_, index) => payOn(shop, `c${index}`, paid));
    while (paid.length < SETTLED_MIN) await new Promise(setImmediate);
    await primary.kill();
    await within(20_000, Promise.all(clients));
    await primary.restart();
    for (const { record, answer } of paid) {
      const [{ state }, rows] = [await recordOf(shop.store, record.id), await rowsOf(shop, record)];
      const settled = state === "succeeded";
      assert.equal(rows, settled ? 1 : 0, "the row and the outcome are of one mind");
      if (answer.kind !== "not-known") assert.equal(settled, answer.kind === "ok", answer.kind);
    }
    const lost = paid.filter(({ answer }) => answer.kind !== "ok");
    for (const { record } of lost) {
      answered(await shop.pay(record));
      assert.equal(await rowsOf(shop, record), 1, "the same attempt makes it once");
    }
    t.diagnostic(`${paid.length} payments, ${lost.length} of them cut off by the kill`);
    await shop.close();
  }));

test("what a synchronous standby has not got is never acknowledged", async (t) =>
  over(t, "off", async ({ primary, standby: copy }) => {
    const standby = await copy();
    await primary.ask("ALTER SYSTEM SET synchronous_standby_names = '*'");
    await primary.ask("SELECT pg_reload_conf()");
    await untilYes(primary, "bool_and(sync_state = 'sync') IS TRUE FROM pg_stat_replication");
    const shop = shopOf(primary, { commitMs: 300, statementMs: 2_000 });
    const [kept, lost, alone] = await Promise.all(
      ["kept", "lost", "alone"].map(
        async (key) => (await claimed(shop.store, claimOf(key))).record,
      ),
    );
    assert.ok(kept && lost && alone);
    answered(await shop.pay(kept));
    await standby.ask("ALTER SYSTEM SET primary_conninfo = ''");
    await standby.ask("SELECT pg_reload_conf()");
    await untilYes(standby, "NOT EXISTS (SELECT FROM pg_stat_wal_receiver)");
    // No time-out of the server ends the wait for the standby; the store's own deadline does.
    assert.equal((await within(5_000, shop.pay(lost))).kind, "not-known");
    const settled = await within(5_000, shop.store.settle(alone, settlementOf()));
    assert.equal(settled.kind, "not-known");
    await primary.kill();
    await standby.ask("SELECT pg_promote()");
    const after = shopOf(standby);
    assert.equal((await recordOf(after.store, kept.id)).state, "succeeded");
    assert.equal(await rowsOf(after, kept), 1);
    for (const record of [lost, alone]) {
      assert.equal((await recordOf(after.store, record.id)).state, "running");
      assert.equal(await rowsOf(after, record), 0);
    }
    await within(10_000, Promise.all([shop.close(), after.close()]));
  }));
