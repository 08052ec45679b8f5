import assert from "node:assert/strict";
import { after } from "node:test";
import type pg from "pg";
import type { AtomicWork } from "../../src/store.ts";
import {
  answered,
  claimed,
  claimOf,
  messageOf,
  recordOf,
  recordWrite,
  settlementOf,
  settleWrite,
  within,
} from "../../src/verify/cases/sample.ts";
import { over, stopServer } from "./postgres-bench.ts";

after(stopServer);

async function orders(pool: pg.Pool): Promise<number> {
  return (await pool.query("SELECT FROM orders")).rowCount ?? 0;
}

const INSERT = "INSERT INTO orders VALUES ($1)";

over("H2: a stale holder's statements that nobody awaited leave nothing", async (bench) => {
  const { pool, store } = bench;
  const { record } = await claimed(store, claimOf("k"));
  answered(await store.suspend(record, { state: "waiting", dueInMs: 0, countAttempt: true }));
  const next = { ...record, attemptId: "b", leaseMs: 1_000, runForMs: 1_000 };
  assert.equal(answered(await store.takeOver(next)).kind, "claimed");
  const answer = await store.transact(record, (tx) => {
    tx.query(INSERT, ["stale"]).catch(() => {});
    return { write: settleWrite(), value: 1 };
  });
  assert.deepEqual(answered(answer), { kind: "refused", reason: "stale" });
  assert.equal(await orders(pool), 0);
});

over("H2: a swallowed error is told, and nothing is committed", async ({ pool, store }) => {
  const { record } = await claimed(store, claimOf("k"));
  await pool.query(INSERT, ["taken"]);
  const swallow = async (tx: pg.PoolClient): Promise<void> => {
    await tx.query(INSERT, ["mine"]);
    await tx.query(INSERT, ["taken"]).catch(() => {});
  };
  const answer = await store.transact(record, async (tx) => {
    await swallow(tx);
    return { write: settleWrite(), value: 1 };
  });
  assert.equal(answered(answer).kind, "threw");
  const atomic = await store.atomic(claimOf("atomic", { form: "atomic" }), async (tx) => {
    await swallow(tx);
    return { settlement: settlementOf(), value: 1 };
  });
  assert.equal(answered(atomic).kind, "threw");
  assert.equal(await orders(pool), 1);
  assert.equal((await recordOf(store, record.id)).state, "running");
  assert.equal(answered(await store.read(claimOf("atomic").id)), undefined);
});

over("18: an atomic callback that commits by itself commits nothing", async ({ pool, store }) => {
  const request = claimOf("k", { form: "atomic" });
  const answer = await store.atomic(request, async (tx) => {
    await tx.query(INSERT, ["mine"]);
    await tx.query("COMMIT").catch(() => {});
    return { settlement: settlementOf(), value: 1 };
  });
  assert.equal(answered(answer).kind, "threw");
  assert.equal(await orders(pool), 0);
  assert.equal(answered(await store.read(request.id)), undefined);
});

over("18: a request that stands without an operation holds no key", async ({ pool, store }) => {
  const lone = async (id: string): Promise<void> => {
    const client = await pool.connect();
    // Only a session whose triggers are off leaves such a row, as some restores do.
    await client.query("BEGIN; SET LOCAL session_replication_role = replica");
    await client.query(
      "INSERT INTO nevertwice_request VALUES (decode($1, 'hex'), true, 'own', 's', 'old', '')",
      [id],
    );
    await client.query("COMMIT");
    client.release();
  };
  const resumable = claimOf("resumable");
  await lone(resumable.id);
  assert.equal(answered(await store.read(resumable.id)), undefined);
  const { record } = await claimed(store, resumable);
  assert.equal((await recordOf(store, record.id)).request?.key, "resumable");
  assert.equal(answered(await store.settle(record, settlementOf())), "done");
  const atomic = claimOf("atomic", { form: "atomic" });
  await lone(atomic.id);
  const work = (): AtomicWork<number> => ({ settlement: settlementOf(), value: 1 });
  assert.equal(answered(await store.atomic(atomic, work)).kind, "committed");
  assert.equal((await recordOf(store, atomic.id)).request?.key, "atomic");
  assert.equal(answered(await store.atomic(atomic, work)).kind, "found");
});

over("H15: a claim stays its own while a failed outcome is undone", async ({ pool, store }) => {
  const request = claimOf("k", { form: "atomic" });
  const failing = { settlement: settlementOf({ kind: "failed", status: 402 }), value: 1 };
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      store.atomic(request, async (tx) => {
        await tx.query(INSERT, [`row-${index}`]);
        return failing;
      }),
    ),
  );
  const kinds = answers.map((answer) => answered(answer).kind);
  assert.equal(kinds.filter((kind) => kind === "committed").length, 1);
  assert.equal(await orders(pool), 0);
  assert.equal((await recordOf(store, request.id)).state, "failed");
});

const FAILED = { settlement: settlementOf({ kind: "failed", status: 409 }), value: 1 };

over("H15: a failed outcome is written after a statement that failed", async ({ pool, store }) => {
  const request = claimOf("k", { form: "atomic" });
  await pool.query(INSERT, ["taken"]);
  const answer = await store.atomic(request, async (tx) => {
    await tx.query(INSERT, ["mine"]);
    await assert.rejects(tx.query(INSERT, ["taken"]), { code: "23505" });
    return FAILED;
  });
  assert.equal(answered(answer).kind, "committed");
  assert.equal(await orders(pool), 1);
  const { state, outcome } = await recordOf(store, request.id);
  assert.deepEqual([state, outcome?.status], ["failed", 409]);
});

for (const [how, sql] of [
  ["leaves its transaction", "ROLLBACK"],
  ["begins another one", "ROLLBACK; BEGIN"],
] as const)
  over(`18: an atomic callback that ${how} has no failed outcome`, async ({ store }) => {
    const request = claimOf("k", { form: "atomic" });
    const answer = await store.atomic(request, async (tx) => {
      await tx.query(sql).catch(() => {});
      return FAILED;
    });
    assert.equal(answered(answer).kind, "threw");
    assert.equal(answered(await store.read(request.id)), undefined);
  });

over(
  "H14: duplicates of a running atomic operation are busy at once and hold no connection",
  async ({ pool, store }) => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = (): void => {};
    const inside = new Promise<void>((resolve) => {
      entered = resolve;
    });
    const work = async (): Promise<AtomicWork<number>> => {
      entered();
      await gate;
      return { settlement: settlementOf(), value: 1 };
    };
    const request = claimOf("slow", { form: "atomic" });
    const running = store.atomic(request, work);
    await inside;
    try {
      const duplicates = Array.from({ length: 40 }, () => store.claim(request));
      const others = Array.from({ length: 40 }, (_, i) => store.claim(claimOf(`other-${i}`)));
      const again = Array.from({ length: 10 }, () => store.atomic(request, work));
      for (const answer of await within(3_000, Promise.all(duplicates)))
        assert.equal(answered(answer).kind, "busy");
      for (const answer of await within(3_000, Promise.all(again)))
        assert.equal(answered(answer).kind, "busy");
      for (const answer of await within(3_000, Promise.all(others)))
        assert.equal(answered(answer).kind, "claimed");
      assert.ok(pool.totalCount <= 4);
      await within(3_000, pool.query("SELECT 1"));
    } finally {
      release();
    }
    assert.equal(answered(await running).kind, "committed");
  },
  { pool: { max: 4 } },
);

over("V1: claims that arrive together leave in few statements", async ({ pool, store }) => {
  let statements = 0;
  pool.on("acquire", () => {
    statements += 1;
  });
  const requests = Array.from({ length: 150 }, (_, index) => claimOf(`k-${index}`));
  const holders = await Promise.all(requests.map((request) => claimed(store, request)));
  const settled = await Promise.all(
    holders.map(({ record }) => store.settle(record, settlementOf())),
  );
  assert.ok(settled.every((answer) => answered(answer) === "done"));
  assert.ok(statements <= 8, `${statements} connections were asked for`);
});

over("21: a taken message key refuses its own settlement of a group", async ({ store }) => {
  const requests = Array.from({ length: 20 }, (_, index) => claimOf(`k-${index}`));
  const holders = await Promise.all(requests.map((request) => claimed(store, request)));
  const settlement = { ...settlementOf(), messages: [messageOf("same")] };
  const answers = await Promise.all(
    holders.map(({ record }, i) =>
      store.settle(record, i % 10 === 0 ? settlement : settlementOf()),
    ),
  );
  assert.equal(answers.filter(({ kind }) => kind === "ok").length, 19);
  const refused = answers.filter((answer) => answer.kind === "not-applied");
  assert.deepEqual(
    refused.map(({ again }) => again),
    [false],
  );
});

over("H22: statements that go on after the callback lose their connection", async (bench) => {
  const { pool, store } = bench;
  const { record } = await claimed(store, claimOf("k"));
  let detached: Promise<void> = Promise.resolve();
  const answer = await store.transact(record, (tx) => {
    detached = (async () => {
      for (;;) await tx.query("SELECT 1");
    })();
    detached.catch(() => {});
    return { write: recordWrite("reserve"), value: 1 };
  });
  assert.equal(answered(answer).kind, "committed");
  await within(3_000, assert.rejects(detached));
  assert.equal(await orders(pool), 0);
});

over(
  "H23: a heartbeat gets through while the pool is exhausted",
  async ({ pool, store }) => {
    const { record } = await claimed(store, claimOf("k"));
    assert.equal(answered(await store.renew(record, 20_000)), "done");
    const taken = await Promise.all([pool.connect(), pool.connect()]);
    const waiting = pool.connect();
    assert.equal(answered(await within(3_000, store.renew(record, 40_000))), "done");
    for (const client of taken) client.release();
    (await waiting).release();
    assert.equal(answered(await store.settle(record, settlementOf())), "done");
    const all = await within(3_000, Promise.all([pool.connect(), pool.connect(), pool.connect()]));
    for (const client of all) client.release();
  },
  { pool: { max: 3 } },
);

over(
  "H23: nothing of a transaction stays in its session",
  async ({ pool, store }) => {
    const settings = ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"];
    const show = async (): Promise<unknown> =>
      Promise.all(settings.map(async (name) => (await pool.query(`SHOW ${name}`)).rows));
    const before = await show();
    const { record } = await claimed(store, claimOf("k"));
    await store.transact(record, () => ({ write: recordWrite("reserve"), value: 1 }));
    await store.atomic(claimOf("a", { form: "atomic" }), () => {
      throw new Error("no");
    });
    await store.settle(record, settlementOf());
    assert.deepEqual(await show(), before);
    // On a slow machine the claim lived long enough for a lease connection; it goes back first.
    await store.close();
    const { rows } = await pool.query(
      "SELECT (SELECT count(*)::int FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS locks, (SELECT count(*)::int FROM pg_prepared_statements) AS prepared",
    );
    assert.deepEqual(rows, [{ locks: 0, prepared: 0 }]);
  },
  { pool: { max: 2 } },
);

over(
  "a database whose default isolation is SERIALIZABLE has one winner and loses none",
  async ({ store }) => {
    const requests = Array.from({ length: 10 }, (_, index) => claimOf(`k-${index}`));
    const crowd = requests.flatMap((request) => Array.from({ length: 5 }, () => request));
    const answers = await Promise.all(
      crowd.map((request, i) => store.claim({ ...request, attemptId: `a-${i}` })),
    );
    const kinds = answers.map((answer) => answered(answer).kind);
    assert.equal(kinds.filter((kind) => kind === "claimed").length, requests.length);
    const record = await recordOf(store, requests[0]?.id ?? "");
    assert.equal(answered(await store.renew(record, 1_000)), "done");
    assert.equal(answered(await store.settle(record, settlementOf())), "done");
    const atomic = await store.atomic(claimOf("a", { form: "atomic" }), async (tx) => {
      const { rows } = await tx.query("SHOW transaction_isolation");
      return { settlement: settlementOf(), value: rows };
    });
    const done = answered(atomic);
    assert.ok(done.kind === "committed");
    assert.deepEqual(done.value, [{ transaction_isolation: "read committed" }]);
  },
  { settings: "default_transaction_isolation = 'serializable'" },
);
