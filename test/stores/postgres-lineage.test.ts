import assert from "node:assert/strict";
import { test } from "node:test";
import type pg from "pg";
import { z } from "zod";
import { nevertwice, type Operation, ok } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import type { OperationStore } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimed, claimOf, LEASE_MS, recordOf } from "../../src/verify/cases/sample.ts";
import { acquirer, gate, quietClock } from "../core/acquirer.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";
import { type Cluster, type Member, openCluster, untilYes } from "./postgres-cluster.ts";

test.after(stopServer);

const DAY_MS = 86_400_000;
/** Longer than a provider keeps a key by default. */
const FORGOTTEN_MS = 2 * DAY_MS;

type Store = OperationStore<pg.PoolClient, "async">;

interface Shop {
  readonly store: Store;
  readonly pay: Operation<{ amount: number }, unknown>;
  close(): Promise<void>;
}

const bank = acquirer();

/** A process of a shop, whose handler charges once the gate is open. */
function shop({ url }: Member, ms: number, opened: Promise<unknown> = Promise.resolve()): Shop {
  const pool = quietPool(url);
  const store = postgresStore(pool, { skew: { ms }, clock: quietClock });
  const quiet = { clock: quietClock, onEvent: () => {} };
  const once = nevertwice({ store, namespace: "shop", waitMs: 0, ...quiet });
  const pay = once.operation("pay", {
    input: z.object({ amount: z.int() }),
    handler: async (op) => {
      await opened;
      return ok(await op.external("charge", bank.effect()), 201);
    },
  });
  return {
    ...{ store, pay },
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

const order = (key: string) => ({ scope: "acct_1", key, input: { amount: 1999 } });
const idOf = (key: string) => recordId("own", "acct_1", key);

async function changedAt({ store }: Shop): Promise<number | undefined> {
  assert.ok(store.lineage);
  return answered(await store.lineage()).changedAt;
}

/** The standby stands alone from now on: what the primary commits does not reach it. */
async function cut(standby: Member): Promise<void> {
  await standby.ask("ALTER SYSTEM SET primary_conninfo = ''");
  await standby.ask("SELECT pg_reload_conf()");
  await untilYes(standby, "NOT EXISTS (SELECT FROM pg_stat_wal_receiver)");
}

async function failOver({ primary, standby: copy }: Cluster): Promise<void> {
  const first = shop(primary, 0);
  await first.store.migrate();
  assert.equal(await changedAt(first), undefined);

  // The history is one: an old operation that was never sent is sent.
  const stuck = gate();
  const crashed = shop(primary, 0, stuck.passed);
  void crashed.pay.run(order("unchanged")).catch(() => {});
  await untilYes(primary, "count(*) = 1 FROM nevertwice_operation");
  const later = shop(primary, FORGOTTEN_MS);
  assert.equal((await later.pay.run(order("unchanged"))).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
  assert.equal(await changedAt(later), undefined);

  // The claims reach the standby; the first send of the one does not.
  const doors = gate();
  const lost = shop(primary, 0, doors.passed);
  bank.script.push("hangs after");
  void lost.pay.run(order("lost")).catch(() => {});
  await claimed(lost.store, claimOf("held"));
  const standby = await copy();
  await untilYes(primary, "count(*) = 2 FROM nevertwice_operation WHERE owner IS NOT NULL");
  await untilYes(standby, "count(*) = 2 FROM nevertwice_operation WHERE owner IS NOT NULL");
  await cut(standby);
  doors.open();
  await untilYes(primary, "count(*) = 2 FROM nevertwice_send");
  await primary.crash();
  await standby.ask("SELECT pg_promote()");
  assert.equal(await standby.ask("SELECT count(*)::int FROM nevertwice_send"), 1);

  await isNoticed(standby);
  for (const each of [first, crashed, later, lost]) await each.close();
}

async function isNoticed(promoted: Member): Promise<void> {
  const sooner = shop(promoted, LEASE_MS - 12_000);
  const { fence } = await recordOf(sooner.store, claimOf("held").id);
  const again = { attemptId: "b", leaseMs: LEASE_MS, runForMs: 600_000 };
  const holder = { id: claimOf("held").id, fence };
  // No lock of the primary is held here, whoever lives.
  assert.equal(answered(await sooner.store.takeOver({ ...holder, ...again })).kind, "stale");

  const after = shop(promoted, FORGOTTEN_MS);
  assert.equal(answered(await after.store.takeOver({ ...holder, ...again })).kind, "claimed");
  assert.equal((await after.pay.run(order("lost"))).kind, "in-doubt");
  assert.deepEqual(new Set(bank.keys).size, bank.keys.length, "nothing was sent a second time");
  assert.equal(bank.keys.length, 2);
  const { state, doubt } = await recordOf(after.store, idOf("lost"));
  assert.deepEqual([state, doubt], ["in_doubt", "effect-unknown"]);

  const noticed = await changedAt(after);
  assert.ok(noticed !== undefined && noticed > Date.now() + DAY_MS);
  const much = shop(promoted, FORGOTTEN_MS + DAY_MS);
  assert.deepEqual(await much.store.migrate(), []);
  assert.equal(await changedAt(much), noticed);
  // What began on the new history has nothing behind it that could be lost.
  assert.equal((await much.pay.run(order("new"))).kind, "succeeded");
  for (const each of [sooner, after, much]) await each.close();
}

test("H17: after a promotion a step that may have been sent is not sent on a guess", async (t) => {
  const cluster = await openCluster();
  if ("skip" in cluster) {
    console.warn(`SKIPPED: ${cluster.skip}.`);
    return t.skip(cluster.skip);
  }
  try {
    await failOver(cluster);
  } finally {
    await cluster.close();
  }
});

over("H17: a dump that is restored is another history", async ({ pool, store }) => {
  const asked = async (): Promise<number | undefined> =>
    answered(await (store.lineage?.() ?? assert.fail())).changedAt;
  assert.equal(await asked(), undefined);
  await pool.query("CREATE TABLE dump AS TABLE nevertwice_setting");
  await pool.query("DROP TABLE nevertwice_setting");
  await pool.query("ALTER TABLE dump RENAME TO nevertwice_setting");
  await pool.query("ALTER TABLE nevertwice_setting ADD PRIMARY KEY (name)");
  assert.ok((await asked()) !== undefined);
});

over("H17: what a managed server does not let be read stays unknown", async ({ url, pool }) => {
  const role = `lower_${process.pid}`;
  await pool.query(`CREATE ROLE ${role} LOGIN`);
  const revoked = ["pg_control_system()", "pg_control_checkpoint()", "pg_current_wal_lsn()"];
  for (const name of revoked) await pool.query(`REVOKE EXECUTE ON FUNCTION ${name} FROM PUBLIC`);
  await pool.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
  await pool.query("TRUNCATE nevertwice_setting");
  const at = new URL(url);
  at.username = role;
  const lower = quietPool(at.href);
  const store = postgresStore(lower);
  const asked = async (): Promise<number | undefined> =>
    answered(await (store.lineage?.() ?? assert.fail())).changedAt;
  assert.equal(await asked(), undefined);
  const known = await pool.query("SELECT value::jsonb AS parts FROM nevertwice_setting");
  assert.deepEqual(Object.keys(known.rows[0]?.parts), ["table"]);
  // What becomes readable later is no change.
  for (const name of revoked) await pool.query(`GRANT EXECUTE ON FUNCTION ${name} TO PUBLIC`);
  assert.equal(await asked(), undefined);
  await lower.end();
  await pool.query(`DROP OWNED BY ${role}`);
  await pool.query(`DROP ROLE ${role}`);
});
