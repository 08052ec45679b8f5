import assert from "node:assert/strict";
import { after, test } from "node:test";
import { PGlite } from "@electric-sql/pglite";
import { drizzle } from "drizzle-orm/node-postgres";
import { Kysely, PostgresDialect } from "kysely";
import type pg from "pg";
import postgres from "postgres";
import { z } from "zod";
import { fail, nevertwice, ok } from "../../src/index.ts";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, claimOf, messageOf, settlementOf } from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";

after(stopServer);

/** A transaction as one library gives it; `insert` writes a row of the user's inside of it. */
interface Library {
  transaction<T>(work: (tx: unknown, insert: Insert) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

type Insert = (id: string) => Promise<unknown>;

const INSERT = "INSERT INTO orders VALUES ($1)";
const literal = (id: string): string => `INSERT INTO orders VALUES ('${id}')`;

async function inPg<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    const value = await work(client);
    await client.query("COMMIT");
    return value;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  } finally {
    client.release();
  }
}

/** What is looked up of a transaction of Prisma: its two methods for raw statements. */
function likePrismas(client: pg.PoolClient): object {
  return {
    $queryRawUnsafe: async (sql: string) => (await client.query({ text: sql, values: [] })).rows,
    $executeRawUnsafe: async (sql: string) =>
      (await client.query({ text: sql, values: [] })).rowCount ?? 0,
  };
}

const LIBRARIES: Readonly<Record<string, (url: string) => Library>> = {
  pg(url) {
    const pool = quietPool(url);
    return {
      transaction: (work) =>
        inPg(pool, (client) => work(client, (id) => client.query(INSERT, [id]))),
      close: () => pool.end(),
    };
  },
  "postgres.js"(url) {
    const sql = postgres(url, { onnotice: () => {} });
    return {
      transaction: (work) =>
        sql.begin((tx) =>
          work(tx, (id) => tx`INSERT INTO orders VALUES (${id})`),
        ) as Promise<never>,
      close: () => sql.end(),
    };
  },
  Drizzle(url) {
    const pool = quietPool(url);
    const db = drizzle(pool);
    return {
      transaction: (work) => db.transaction((tx) => work(tx, (id) => tx.execute(literal(id)))),
      close: () => pool.end(),
    };
  },
  Kysely(url) {
    const db = new Kysely<{ orders: { id: string } }>({
      dialect: new PostgresDialect({ pool: quietPool(url) }),
    });
    return {
      transaction: (work) =>
        db
          .transaction()
          .execute((tx) => work(tx, (id) => tx.insertInto("orders").values({ id }).execute())),
      close: () => db.destroy(),
    };
  },
  "Prisma's two raw methods over pg"(url) {
    const pool = quietPool(url);
    return {
      transaction: (work) =>
        inPg(pool, (client) => work(likePrismas(client), (id) => client.query(INSERT, [id]))),
      close: () => pool.end(),
    };
  },
};

const Place = z.object({ id: z.string() });
const count = async (pool: pg.Pool): Promise<number> =>
  (await pool.query("SELECT FROM orders")).rowCount ?? 0;

for (const [name, open] of Object.entries(LIBRARIES)) {
  over(`join: a transaction of ${name} claims, settles and replays`, async (bench) => {
    const { url, pool, store } = bench;
    const library = open(url);
    const once = nevertwice({ store });
    const place = (key: string, outcome: "ok" | "fail" | "throw", rollBack = false) =>
      library.transaction(async (tx, insert) => {
        const options = {
          input: Place,
          handler: async (op: { stage(topic: string, payload: unknown): void }) => {
            await insert(key);
            op.stage("placed", { key });
            if (outcome === "throw") throw new Error("of the handler");
            return outcome === "ok" ? ok({ key }, 201) : fail({ key }, 402);
          },
        };
        const request = { scope: "acct_1", key, input: { id: key } };
        const result = await once.join(tx).atomic("place", options as never, request);
        if (rollBack) throw new Error("of the user");
        return result as { kind: string; replayed?: boolean; body?: unknown };
      });
    try {
      const first = await place("a", "ok");
      assert.equal(first.kind, "succeeded");
      assert.equal(first.replayed, false);
      const again = await place("a", "ok");
      assert.equal(again.replayed, true);
      assert.deepEqual(again.body, first.body);
      assert.equal(await count(pool), 1);

      const declined = await place("b", "fail");
      assert.equal(declined.kind, "failed");
      assert.deepEqual((await place("b", "ok")).body, declined.body);
      assert.equal(await count(pool), 1, "a failed outcome keeps no row of the callback");

      await assert.rejects(place("c", "throw"), /of the handler/);
      await assert.rejects(place("c", "ok", true), /of the user/);
      assert.equal(await count(pool), 1, "a transaction that is rolled back leaves nothing");
      const { rows } = await pool.query("SELECT count(*)::int AS n FROM nevertwice_request");
      assert.deepEqual(rows, [{ n: 2 }]);
      assert.equal((await place("c", "ok")).replayed, false);
      assert.equal(await count(pool), 2);
      const staged = await pool.query("SELECT FROM nevertwice_outbox");
      assert.equal(staged.rowCount, 2);
    } finally {
      await once.close();
      await library.close();
    }
  });

  over(`join: of two transactions of ${name} with one key, one runs`, async (bench) => {
    const library = open(bench.url);
    const request = claimOf("k", { form: "atomic" });
    const join = bench.store.join;
    assert.ok(join);
    let ran = 0;
    try {
      const kinds = await library.transaction(async (tx) => {
        const outer = await join(tx, request, async () => {
          ran += 1;
          const inner = await library.transaction((other) =>
            join(other, { ...request, attemptId: "other" }, () => {
              ran += 1;
              return { settlement: settlementOf(), value: 2 };
            }),
          );
          return { settlement: settlementOf(), value: answered(inner).kind };
        });
        const done = answered(outer);
        return [done.kind, done.kind === "committed" ? done.value : undefined];
      });
      assert.deepEqual(kinds, ["committed", "busy"]);
      assert.equal(ran, 1);
      const later = await library.transaction((tx) =>
        join(tx, request, () => assert.fail("a final operation runs no more")),
      );
      assert.equal(answered(later).kind, "found");
    } finally {
      await library.close();
    }
  });
}

over(
  "join: the user's transaction goes on after a callback that threw",
  async ({ pool, store }) => {
    const request = claimOf("k", { form: "atomic" });
    await inPg(pool, async (client) => {
      await client.query(INSERT, ["before"]);
      const answer = await store.join?.(client, request, async () => {
        await client.query(INSERT, ["inside"]);
        await client.query(INSERT, ["before"]);
        return { settlement: settlementOf(), value: 1 };
      });
      assert.ok(answer);
      assert.equal(answered(answer).kind, "threw");
    });
    const { rows } = await pool.query("SELECT id FROM orders");
    assert.deepEqual(rows, [{ id: "before" }]);
    assert.equal(answered(await store.read(request.id)), undefined);
  },
);

over("join: a callback that ends the user's transaction settles nothing", async (bench) => {
  const { pool, store } = bench;
  const request = claimOf("k", { form: "atomic" });
  const client = await pool.connect();
  await client.query("BEGIN");
  const answer = await store.join?.(client, request, async () => {
    await client.query(INSERT, ["mine"]);
    await assert.rejects(client.query("COMMIT"), { code: "NT004" });
    await client.query("BEGIN");
    return { settlement: { ...settlementOf(), messages: [messageOf("m")] }, value: 1 };
  });
  await client.query("COMMIT");
  client.release();
  assert.ok(answer);
  assert.equal(answered(answer).kind, "threw");
  assert.equal(await count(pool), 0);
  assert.equal(answered(await store.read(request.id)), undefined);
});

over("join: the settings of the user's transaction stay as they are", async ({ pool, store }) => {
  await inPg(pool, async (client) => {
    const show = async (): Promise<unknown> =>
      (await client.query("SELECT name, setting FROM pg_settings WHERE name LIKE '%_timeout'"))
        .rows;
    const before = await show();
    const answer = await store.join?.(client, claimOf("k", { form: "atomic" }), () => ({
      settlement: settlementOf(),
      value: 1,
    }));
    assert.ok(answer);
    assert.equal(answered(answer).kind, "committed");
    assert.deepEqual(await show(), before);
  });
});

over("join: a pool, and what is no transaction, is refused", async ({ pool, store }) => {
  for (const wrong of [pool, {}, undefined, 7]) {
    const answer = await store.join?.(wrong, claimOf("k", { form: "atomic" }), () =>
      assert.fail("nothing runs outside of a transaction"),
    );
    assert.ok(answer?.kind === "not-applied");
    assert.ok(isNevertwiceError(answer.error, "option-invalid"));
  }
});

over(
  "join: at SERIALIZABLE a winner that the snapshot hides is a serialization failure",
  async ({ pool, store }) => {
    const request = claimOf("k", { form: "atomic" });
    const done = { settlement: settlementOf(), value: 1 };
    const late = await pool.connect();
    await late.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
    await late.query("SELECT count(*) FROM orders");
    assert.equal(answered(await store.atomic(request, () => done)).kind, "committed");
    const answer = await store.join?.(late, request, () => assert.fail("it was done"));
    assert.ok(answer?.kind === "not-applied" && answer.again);
    await late.query("ROLLBACK");
    late.release();
  },
);

test("join: a transaction of PGlite claims, settles and rolls back", async () => {
  const db = await PGlite.create();
  const store = postgresStore(db);
  await store.migrate();
  await db.exec("CREATE TABLE orders (id text UNIQUE)");
  const request = claimOf("k", { form: "atomic" });
  const run = (rollBack: boolean): Promise<string> =>
    db.transaction(async (tx) => {
      const answer = await store.join?.(tx, request, async () => {
        await tx.query(INSERT, ["a"]);
        return { settlement: settlementOf(), value: 1 };
      });
      assert.ok(answer);
      if (rollBack) throw new Error("of the user");
      return answered(answer).kind;
    });
  await assert.rejects(run(true), /of the user/);
  assert.equal(await run(false), "committed");
  assert.equal(await run(false), "found");
  assert.equal((await db.query("SELECT id FROM orders")).rows.length, 1);
  await store.close();
  await db.close();
});
