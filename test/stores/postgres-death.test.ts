import assert from "node:assert/strict";
import { after } from "node:test";
import type pg from "pg";
import postgres from "postgres";
import { type Clock, systemClock } from "../../src/model/clock.ts";
import { decide } from "../../src/model/decide.ts";
import type { OperationStore, Snapshot } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import {
  answered,
  claimed,
  claimOf,
  LEASE_MS,
  recordOf,
  settlementOf,
} from "../../src/verify/cases/sample.ts";
import { startProcess } from "../crash/processes.ts";
import { over, type PostgresBench, quietPool, stopServer } from "./postgres-bench.ts";
import { openProxy } from "./postgres-proxy.ts";

after(stopServer);

const HOLDER = new URL("./postgres-holder.ts", import.meta.url);
const { id } = claimOf("k");
const THIRD_MS = LEASE_MS / 3;
/** A renewal has been missed by then, whenever within the first seconds the claim was owned. */
const MISSED_MS = LEASE_MS / 2 + 4_000;
const DEFINITIONS = [{ name: "checkout", version: 1 }];

/** Another process, which looks at the claim some milliseconds later. */
interface Onlooker {
  readonly store: OperationStore<pg.PoolClient, "async">;
  /** Whether the claim can be taken over; every way to ask agrees. */
  seesLapse(ms: number): Promise<boolean>;
  takeOver(ms: number): Promise<string>;
}

function onlooker({ pool }: PostgresBench): Onlooker {
  const skew = { ms: 0 };
  const store = postgresStore(pool, { skew });
  const lapsed = ({ record, now }: Snapshot): boolean => {
    const event = { attemptsMax: 9, afterCrash: "rerun" } as const;
    return decide(record, { type: "recover", now, ...event }).kind === "take-over";
  };
  return {
    store,
    async seesLapse(ms) {
      skew.ms = ms;
      const due = answered(await store.due({ definitions: DEFINITIONS, limit: 10 }));
      const read = answered(await store.read(id));
      const found = answered(await store.claim(claimOf("k", { attemptId: "onlooker" })));
      assert.ok(read && found.kind === "found");
      const views = [due.length === 1, lapsed(read), lapsed(found.snapshot)];
      assert.equal(new Set(views).size, 1, `due, read, found: ${views}`);
      return views[0] ?? false;
    },
    async takeOver(ms) {
      skew.ms = ms;
      const { fence } = await recordOf(store, id);
      const durations = { leaseMs: LEASE_MS, runForMs: 600_000 };
      const answer = await store.takeOver({ id, fence, attemptId: "onlooker", ...durations });
      return answered(answer).kind;
    },
  };
}

/** A process's own clock, which the test moves. */
function ownTime(): { readonly clock: Clock; pass(ms: number): Promise<void> } {
  let passed = 0;
  const sleepers = new Set<{ readonly at: number; readonly wake: () => void }>();
  return {
    clock: {
      ...systemClock,
      monotonic: () => passed,
      sleep: (ms) => new Promise((wake) => void sleepers.add({ at: passed + ms, wake })),
    },
    async pass(ms) {
      for (const end = passed + ms; passed < end; passed += 1) {
        for (const sleeper of sleepers)
          if (sleeper.at <= passed + 1 && sleepers.delete(sleeper)) sleeper.wake();
        await new Promise(setImmediate);
      }
    },
  };
}

/** Asks until the database says so. */
async function until(pool: pg.Pool, condition: string, values: unknown[] = []): Promise<void> {
  const end = performance.now() + 8_000;
  while (
    (await pool.query<{ yes: boolean }>(`SELECT ${condition} AS yes`, values)).rows[0]?.yes !== true
  )
    assert.ok(performance.now() < end, `still not: ${condition}`);
}

const OURS = `FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`;
const LOCKED = `EXISTS (SELECT ${OURS})`;
const OWNED = `EXISTS (SELECT FROM nevertwice_operation WHERE owner IN (
  SELECT (classid::bigint << 32) | objid::bigint ${OURS}))`;

/** A process that holds the claim `k`. */
async function hold({ url }: PostgresBench, form = "resumable") {
  return (await startProcess(HOLDER, [url, form])).child;
}

over("H23: a killed process is noticed once it has missed a renewal", async (bench) => {
  const holder = await hold(bench);
  await until(bench.pool, OWNED);
  const other = onlooker(bench);
  assert.equal(await other.seesLapse(MISSED_MS), false, "it lives");
  assert.equal(await other.takeOver(MISSED_MS), "stale");
  holder.kill("SIGKILL");
  await until(bench.pool, `NOT ${LOCKED}`);
  for (const ms of [0, THIRD_MS]) {
    assert.equal(await other.seesLapse(ms), false, `after ${ms} ms`);
    assert.equal(await other.takeOver(ms), "stale");
  }
  assert.equal(await other.seesLapse(MISSED_MS), true);
  assert.equal(await other.takeOver(MISSED_MS), "claimed");
  const { fence, attemptId } = await recordOf(other.store, id);
  assert.deepEqual([fence, attemptId], [2, "onlooker"]);
});

over("H23: a stopped process keeps its claim until its lease lapses", async (bench) => {
  const holder = await hold(bench);
  await until(bench.pool, OWNED);
  holder.kill("SIGSTOP");
  const other = onlooker(bench);
  const late = LEASE_MS - 5_000;
  assert.equal(await other.seesLapse(late), false);
  assert.equal(await other.takeOver(late), "stale");
  assert.equal(await other.seesLapse(LEASE_MS), true);
  assert.equal(await other.takeOver(LEASE_MS), "claimed");
  holder.kill("SIGKILL");
});

over(
  "H23: a killed process's wrapped handler is never run before its lease lapses",
  async (bench) => {
    const holder = await hold(bench, "opaque");
    await until(bench.pool, LOCKED);
    holder.kill("SIGKILL");
    await until(bench.pool, `NOT ${LOCKED}`);
    const other = onlooker(bench);
    assert.equal(await other.seesLapse(MISSED_MS), false);
    assert.equal(await other.takeOver(MISSED_MS), "stale");
    assert.equal(await other.takeOver(LEASE_MS), "claimed");
  },
);

over("H23: behind a proxy nothing is proven, and the lease alone decides", async (bench) => {
  const proxy = await openProxy(bench.url);
  const far = quietPool(proxy.url);
  const store = postgresStore(far);
  await claimed(store, claimOf("k"));
  const asked = "query LIKE '%inet_client_port%' AND state = 'idle' AND pid <> pg_backend_pid()";
  await until(bench.pool, `EXISTS (SELECT FROM pg_stat_activity WHERE ${asked})`);
  assert.equal(store.capabilities.noticesDeath, false);
  await proxy.close();
  await until(bench.pool, `NOT EXISTS (SELECT FROM pg_stat_activity WHERE ${asked})`);
  const other = onlooker(bench);
  assert.equal(await other.seesLapse(MISSED_MS), false);
  assert.equal(await other.takeOver(MISSED_MS), "stale");
  assert.equal(await other.takeOver(LEASE_MS), "claimed");
  await store.close();
  await far.end();
});

over("H23: a driver that does not show its socket proves nothing", async ({ url, pool }) => {
  const sql = postgres(url, { max: 5, onnotice: () => {} });
  const { clock, pass } = ownTime();
  const store = postgresStore(sql, { clock });
  const { record } = await claimed(store, claimOf("k"));
  await pass(1_000);
  answered(await store.renew(record, LEASE_MS));
  assert.equal(store.capabilities.noticesDeath, false);
  const { rows } = await pool.query("SELECT owner FROM nevertwice_operation");
  assert.deepEqual(rows, [{ owner: null }]);
  await store.close();
  await sql.end();
});

over("H23: a live process that loses its lease connection keeps its claim", async (bench) => {
  const { pool, store } = bench;
  const { record } = await claimed(store, claimOf("k"));
  await until(pool, OWNED);
  const { rows } = await pool.query(`SELECT pid, pg_terminate_backend(pid) ${OURS}`);
  const pid: unknown = rows[0]?.pid;
  const again = `EXISTS (SELECT ${OURS} AND pid <> $1)`;
  await until(pool, `${again} AND ${OWNED}`, [pid]);
  const other = onlooker(bench);
  assert.equal(await other.seesLapse(MISSED_MS), false);
  assert.equal(await other.takeOver(MISSED_MS), "stale");
  assert.equal(answered(await store.renew(record, LEASE_MS)), "done");
  await until(pool, OWNED);
  assert.equal(answered(await store.settle(record, settlementOf())), "done");
});

over("H23: the renewal of a process that could not lock again is no death", async (bench) => {
  const { pool, store } = bench;
  const { record } = await claimed(store, claimOf("k"));
  await until(pool, OWNED);
  // The row of a process that lost its connection and renewed over another one, without a lock.
  const bare = postgresStore(pool, { leases: pool });
  assert.equal(answered(await bare.renew(record, LEASE_MS)), "done");
  await store.close();
  await until(pool, `NOT ${LOCKED}`);
  assert.equal(await onlooker(bench).seesLapse(MISSED_MS), false);
});

over(
  "H23: the lock ends with the last claim, and every session goes back to the pool",
  async (bench) => {
    const { pool, store } = bench;
    assert.equal(store.capabilities.noticesDeath, false, "nothing is proven yet");
    const one = await claimed(store, claimOf("k"));
    await until(pool, OWNED);
    assert.equal(store.capabilities.noticesDeath, true);
    const two = await claimed(store, claimOf("l"));
    const owned = await pool.query("SELECT FROM nevertwice_operation WHERE owner IS NOT NULL");
    assert.equal(owned.rowCount, 2, "a claim beside another is owned from its first statement on");
    const half = `bool_and(lease_until - missed_at = interval '${LEASE_MS / 2} ms')`;
    const ofSecond = `FROM nevertwice_operation WHERE encode(id, 'hex') = $1`;
    const ask = async () =>
      (await pool.query(`SELECT ${half} AS half ${ofSecond}`, [two.record.id])).rows;
    assert.deepEqual(await ask(), [{ half: true }]);
    answered(await store.renew(two.record, LEASE_MS));
    assert.deepEqual(await ask(), [{ half: true }]);
    answered(await store.settle(one.record, settlementOf()));
    await until(pool, LOCKED);
    answered(await store.suspend(two.record, { state: "waiting", dueInMs: 0, countAttempt: true }));
    await until(pool, `NOT ${LOCKED}`);
    // The answer to the unlocking may still be on its way.
    const all = await Promise.all(Array.from({ length: 10 }, () => pool.connect()));
    for (const client of all) client.release();
    const left = await pool.query("SELECT FROM nevertwice_operation WHERE owner IS NOT NULL");
    assert.equal(left.rowCount, 0);
  },
);

over("H23: claims that end soon take neither a connection nor a lock", async ({ url, pool }) => {
  const own = quietPool(url);
  const { clock, pass } = ownTime();
  const store = postgresStore(own, { clock });
  for (let i = 0; i < 10; i += 1) {
    const { record } = await claimed(store, claimOf(`k-${i}`));
    await pass(30);
    const next = await claimed(store, claimOf(`l-${i}`));
    answered(await store.settle(record, settlementOf()));
    await pass(15);
    answered(await store.settle(next.record, settlementOf()));
  }
  assert.equal(own.totalCount, 1);
  await claimed(store, claimOf("k"));
  await pass(100);
  await until(pool, OWNED);
  await store.close();
  await own.end();
});
