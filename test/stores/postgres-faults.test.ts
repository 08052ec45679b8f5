import assert from "node:assert/strict";
import { after, test } from "node:test";
import type pg from "pg";
import { isNevertwiceError } from "../../src/model/errors.ts";
import type { OperationStore } from "../../src/store.ts";
import { type Patience, postgresStore } from "../../src/stores/postgres/store.ts";
import {
  answered,
  claimed,
  claimOf,
  recordOf,
  recordWrite,
  settlementOf,
  settleWrite,
  within,
} from "../../src/verify/cases/sample.ts";
import { createDatabase, openServer, quietPool, stopServer } from "./postgres-bench.ts";
import { type LossyProxy, openProxy } from "./postgres-proxy.ts";

const opened = await openServer();
const skip = "skip" in opened ? opened.skip : false;
after(stopServer);

interface Bench {
  readonly proxy: LossyProxy;
  /** Over the proxy. */
  readonly store: OperationStore<pg.PoolClient, "async">;
  /** Past the proxy. */
  readonly direct: OperationStore<pg.PoolClient, "async">;
  readonly pool: pg.Pool;
}

function over(
  name: string,
  run: (bench: Bench) => Promise<void>,
  patience: Partial<Patience> = {},
): void {
  test(name, { skip }, async () => {
    const database = await createDatabase();
    const proxy = await openProxy(database.url);
    const pools = [quietPool(database.url), quietPool(proxy.url)] as const;
    const [pool, lossy] = pools;
    const store = postgresStore(lossy, patience);
    const direct = postgresStore(pool);
    try {
      await direct.migrate();
      await pool.query("CREATE TABLE orders (id text)");
      await run({ proxy, store, direct, pool });
    } finally {
      await store.close();
      await direct.close();
      await proxy.close();
      for (const each of pools) await each.end();
      await database.drop();
    }
  });
}

async function orders(pool: pg.Pool): Promise<number> {
  return (await pool.query("SELECT FROM orders")).rowCount ?? 0;
}

const insert = (tx: pg.PoolClient): Promise<unknown> => tx.query("INSERT INTO orders VALUES ('o')");

over(
  "H2: a settlement whose COMMIT lost its answer is not known, and is not done again",
  async (bench) => {
    const { proxy, store, direct, pool } = bench;
    const { record } = await claimed(direct, claimOf("k"));
    const settle = async (): ReturnType<typeof store.transact> =>
      store.transact(record, async (tx) => {
        await insert(tx);
        return { write: settleWrite(), value: 1 };
      });
    proxy.arm("; COMMIT", "reset");
    assert.equal((await settle()).kind, "not-known");
    const again = answered(await settle());
    assert.deepEqual(again, { kind: "refused", reason: "stale" });
    assert.equal(await orders(pool), 1);
    assert.equal((await recordOf(direct, record.id)).state, "succeeded");
  },
);

over(
  "H2: two settlements after a lost answer commit once",
  async ({ proxy, store, direct, pool }) => {
    const request = claimOf("k", { form: "atomic" });
    const run = (): ReturnType<typeof store.atomic> =>
      store.atomic(request, async (tx) => {
        await insert(tx);
        return { settlement: settlementOf(), value: 1 };
      });
    proxy.arm("; COMMIT", "reset");
    assert.equal((await run()).kind, "not-known");
    const found = answered(await run());
    assert.ok(found.kind === "found");
    assert.equal(found.snapshot.record.attemptId, request.attemptId);
    assert.equal(await orders(pool), 1);
    assert.equal((await recordOf(direct, request.id)).state, "succeeded");
  },
);

over("H28: the retry of a claim with a lost answer knows itself again", async (bench) => {
  const { proxy, store } = bench;
  const request = claimOf("k");
  proxy.arm("nevertwice_claim", "reset");
  assert.equal((await store.claim(request)).kind, "not-known");
  const answer = answered(await store.claim(request));
  assert.ok(answer.kind === "found");
  assert.equal(answer.snapshot.record.attemptId, request.attemptId);
  assert.equal(answer.snapshot.record.state, "running");
});

over(
  "a COMMIT that is never answered is given up after its deadline",
  async ({ proxy, store, direct, pool }) => {
    const { record } = await claimed(direct, claimOf("k"));
    proxy.arm("; COMMIT", "swallow");
    const answer = await within(
      5_000,
      store.transact(record, async (tx) => {
        await insert(tx);
        return { write: recordWrite("reserve"), value: 1 };
      }),
    );
    assert.equal(answer.kind, "not-known");
    assert.equal(await orders(pool), 1);
    assert.equal((await recordOf(direct, record.id)).steps.length, 1);
  },
  { commitMs: 200 },
);

over(
  "a connection that is lost before COMMIT was not applied",
  async ({ proxy, store, direct, pool }) => {
    const { record } = await claimed(direct, claimOf("k"));
    proxy.arm("INSERT INTO orders", "reset");
    const answer = await store.transact(record, async (tx) => {
      await insert(tx);
      return { write: settleWrite(), value: 1 };
    });
    assert.equal(answer.kind, "not-applied");
    assert.equal(await orders(pool), 0);
  },
);

over(
  "H16: a callback that hangs loses its transaction and its connection",
  async ({ store, direct }) => {
    const { record } = await claimed(direct, claimOf("k"));
    const hang = new Promise<never>(() => {});
    const answer = await within(
      5_000,
      store.transact(record, () => hang),
    );
    assert.ok(answer.kind === "not-applied");
    assert.equal(answered(await direct.settle(record, settlementOf())), "done");
  },
  { idleMs: 200 },
);

over(
  "a full pool is answered within its patience and gets its connection back",
  async ({ pool }) => {
    // A server that drops its database speaks to connections that are just closing.
    const small = quietPool(pool.options.connectionString ?? "", { max: 2 });
    const store = postgresStore(small, { connectMs: 100 });
    const taken = [await small.connect(), await small.connect()];
    const answer = await within(5_000, store.claim(claimOf("k")));
    assert.ok(answer.kind === "not-applied" && answer.again);
    for (const client of taken) client.release();
    await claimed(store, claimOf("k"));
    await store.close();
    await small.end();
  },
);

over("what a person must mend is said with the way out", async ({ pool }) => {
  const other = postgresStore(pool, { prefix: "absent_" });
  const absent = await other.claim(claimOf("k"));
  assert.ok(absent.kind === "not-applied" && !absent.again);
  assert.ok(isNevertwiceError(absent.error, "schema-outdated"));
  await other.close();
  const readOnly = quietPool(pool.options.connectionString ?? "", {
    options: "-c default_transaction_read_only=on",
  });
  const standby = postgresStore(readOnly);
  const refused = await standby.claim(claimOf("k"));
  assert.ok(refused.kind === "not-applied");
  assert.ok(isNevertwiceError(refused.error, "store-unavailable"));
  await standby.close();
  await readOnly.end();
  assert.throws(() => postgresStore(pool, { prefix: "x; DROP TABLE y" }), {
    code: "option-invalid",
  });
});

test("a server that nobody reaches was sent nothing", async () => {
  const nowhere = quietPool("postgres://nobody@127.0.0.1:1/none");
  const store = postgresStore(nowhere);
  const answer = await store.claim(claimOf("k"));
  assert.ok(answer.kind === "not-applied" && answer.again);
  await store.close();
  await nowhere.end();
});
