import assert from "node:assert/strict";
import { after } from "node:test";
import type pg from "pg";
import type { Store } from "../../src/store.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered } from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";

after(stopServer);

/** Messages m1, m2, … of the aggregates a1, a2, … in turn. */
async function stage(pool: pg.Pool, count: number, aggregates: number): Promise<void> {
  await pool.query(
    `INSERT INTO nevertwice_outbox (operation_id, topic, key, aggregate, payload, staged_at, due_at)
      SELECT decode(repeat('aa', 32), 'hex'), 't', 'm' || n, 'a' || n % $2::int, '\\x31',
        now() - interval '1 minute', now() - interval '1 minute'
      FROM generate_series(1, $1::int) AS n`,
    [count, aggregates],
  );
}

const TEN = { topics: ["t"], leaseMs: 60_000, limit: 10 };

over("racing relays send each message once, and each aggregate in its order", async (bench) => {
  await stage(bench.pool, 120, 6);
  const pools = Array.from({ length: 4 }, () => quietPool(bench.url));
  const sent: { readonly number: number; readonly aggregate: string | undefined }[] = [];
  const relay = async (store: Store<pg.PoolClient, "async">): Promise<void> => {
    while (sent.length < 120) {
      const claimed = answered(await store.outbox.claim({ ...TEN, limit: 3 }));
      for (const { number, aggregate, sends } of claimed) {
        assert.equal(sends, 1);
        sent.push({ number, aggregate });
      }
      const ends = claimed.map((message) => store.outbox.end(message, { kind: "sent" }));
      for (const end of await Promise.all(ends)) assert.equal(answered(end), "done");
    }
  };
  await Promise.all(pools.map((pool) => relay(postgresStore(pool))));
  assert.equal(new Set(sent.map(({ number }) => number)).size, 120);
  for (const line of Map.groupBy(sent, ({ aggregate }) => aggregate).values()) {
    const numbers = line.map(({ number }) => number);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
  }
  for (const pool of pools) await pool.end();
});

over("a line that stands behind a message keeps nobody else from leaving", async (bench) => {
  const { store, pool } = bench;
  await stage(pool, 700, 1);
  const [head, ...none] = answered(await store.outbox.claim(TEN));
  assert.ok(head !== undefined && none.length === 0);
  await pool.query("UPDATE nevertwice_outbox SET aggregate = 'free' WHERE key = 'm700'");
  await pool.query("UPDATE nevertwice_outbox SET due_at = staged_at WHERE key = 'm700'");
  const [free] = answered(await store.outbox.claim(TEN));
  assert.equal(free?.key, "m700");
  assert.deepEqual(answered(await store.outbox.claim(TEN)), []);
  answered(await store.outbox.end(head, { kind: "in_doubt", error: "cut" }));
  assert.deepEqual(answered(await store.outbox.claim(TEN)), []);
  const ruling = { filter: { limit: 5 }, by: "ann", reason: "it came", dryRun: false };
  assert.deepEqual(answered(await store.outbox.settle({ ...ruling, to: "sent" })), [head.number]);
  const next = answered(await store.outbox.claim(TEN));
  assert.deepEqual(
    next.map(({ key }) => key),
    ["m2"],
  );
});

over("an end that waits for a claim in flight still makes the next message due", async (bench) => {
  const { store, pool } = bench;
  await stage(pool, 2, 1);
  const [head] = answered(await store.outbox.claim(TEN));
  assert.ok(head !== undefined);
  await pool.query("UPDATE nevertwice_outbox SET due_at = staged_at WHERE key = 'm2'");
  // What a claim does between putting off what is behind and its commit.
  const claim = await pool.connect();
  await claim.query("BEGIN");
  await claim.query("SELECT nevertwice_claim_messages('{t}', 60000, 10, 0)");
  const ending = store.outbox.end(head, { kind: "sent" });
  const isWaiting = async (): Promise<boolean> => {
    const sql = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    return (await pool.query(`${sql} AND datname = current_database()`)).rowCount === 1;
  };
  while (!(await isWaiting())) {}
  await claim.query("COMMIT");
  claim.release();
  assert.equal(answered(await ending), "done");
  const next = answered(await store.outbox.claim(TEN));
  assert.deepEqual(
    next.map(({ key }) => key),
    ["m2"],
  );
});
