import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { nevertwice, ok } from "../../src/index.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { acquirer, gate, quietClock } from "../core/acquirer.ts";
import { quietPool, stopServer } from "./postgres-bench.ts";
import { type Cluster, type Member, openCluster, untilYes } from "./postgres-cluster.ts";

test.after(stopServer);

/** Longer than a lease. */
const LATER_MS = 60_000;
const ORDER = { scope: "acct_1", key: "order", input: { amount: 1999 } };

/** A shop that reserves an order, charges and marks it as paid; its pool can follow a promotion. */
function openShop(at: Member, ms: number, gates: Partial<Record<string, Promise<unknown>>> = {}) {
  const bank = acquirer();
  const pool = quietPool(at.url);
  const store = postgresStore(pool, { skew: { ms }, clock: quietClock });
  const once = nevertwice({ store, namespace: "shop", clock: quietClock, onEvent: () => {} });
  const pay = once.operation("pay", {
    input: z.object({ amount: z.int() }),
    handler: async (op) => {
      await gates["reserve"];
      await op.atomic("reserve", async (tx) => {
        await tx.query("INSERT INTO orders VALUES ('o1', 'reserved')");
      });
      await gates["charge"];
      await op.external("charge", bank.effect());
      return op.settle(async (tx) => {
        await tx.query("UPDATE orders SET status = 'paid' WHERE id = 'o1'");
        return ok({ paid: true }, 201);
      });
    },
  });
  return {
    ...{ bank, pay, store },
    /** As where a name leads to whichever server is the primary. */
    follow: (to: Member) => Object.assign(pool.options, { connectionString: to.url }),
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

async function forgetsTheReservation({ primary, standby: copy }: Cluster): Promise<void> {
  const [reserve, charge] = [gate(), gate()];
  const shop = openShop(primary, 0, { reserve: reserve.passed, charge: charge.passed });
  await shop.store.migrate();
  await primary.ask("CREATE TABLE orders (id text PRIMARY KEY, status text NOT NULL)");
  const standby = await copy();
  const first = shop.pay.run(ORDER);
  await untilYes(standby, "count(*) = 1 FROM nevertwice_operation");
  await standby.ask("ALTER SYSTEM SET primary_conninfo = ''");
  await standby.ask("SELECT pg_reload_conf()");
  await untilYes(standby, "NOT EXISTS (SELECT FROM pg_stat_wal_receiver)");
  reserve.open();
  await untilYes(primary, "count(*) = 1 FROM orders");
  shop.follow(standby);
  await primary.crash();
  await standby.ask("SELECT pg_promote()");

  charge.open();
  assert.equal((await first).kind, "in-progress", "the run learns that it holds nothing any more");
  assert.deepEqual(shop.bank.keys, [], "nothing is charged for an order that is not there");
  const later = openShop(standby, LATER_MS);
  assert.equal((await later.pay.run(ORDER)).kind, "succeeded");
  assert.equal(later.bank.charges.size, 1);
  assert.equal(await standby.ask("SELECT string_agg(status, ', ') FROM orders"), "paid");
  for (const each of [shop, later]) await each.close();
}

test("H17: a run whose step a failover forgot goes no further, and the next one does it all", async (t) => {
  const cluster = await openCluster();
  if ("skip" in cluster) {
    console.warn(`SKIPPED: ${cluster.skip}.`);
    return t.skip(cluster.skip);
  }
  try {
    await forgetsTheReservation(cluster);
  } finally {
    await cluster.close();
  }
});
