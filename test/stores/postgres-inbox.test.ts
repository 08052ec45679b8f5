import assert from "node:assert/strict";
import { after } from "node:test";
import type pg from "pg";
import type { ClaimedObject, EventEnd, EventWork, NewEvent } from "../../src/store/inbox.ts";
import type { Store } from "../../src/store.ts";
import { type PostgresStoreOptions, postgresStore } from "../../src/stores/postgres/store.ts";
import { answered, bytes } from "../../src/verify/cases/sample.ts";
import { over, quietPool, stopServer } from "./postgres-bench.ts";

after(stopServer);

type PgStore = Store<pg.PoolClient, "async">;

function eventOf(key: string, given: Partial<NewEvent> = {}): NewEvent {
  return {
    ...{ source: "stripe", key, aliases: [], fingerprint: bytes("f"), type: "paid" },
    ...{ object: `object:${key}`, route: "webhook", state: "waiting", body: bytes(`{"${key}":1}`) },
    ...given,
  };
}

async function take(store: PgStore, ...events: NewEvent[]): Promise<number[]> {
  const accepted = answered(await store.inbox.accept({ events }));
  assert.ok(accepted !== "stale");
  return accepted.map(({ number }) => number);
}

async function claim(
  store: PgStore,
  limit = 10,
  eventsMax = 10,
): Promise<readonly ClaimedObject[]> {
  const request = { sources: ["stripe"], leaseMs: 10_000, limit, eventsMax };
  return answered(await store.inbox.claim(request));
}

async function claimOne(store: PgStore): Promise<ClaimedObject> {
  const [claimed] = await claim(store, 1);
  assert.ok(claimed !== undefined);
  return claimed;
}

const done = ({ events }: ClaimedObject): EventEnd[] =>
  events.map(({ number }) => ({ number, kind: "done" }));

function workOf(
  ends: readonly EventEnd[],
  given: Partial<EventWork<number>> = {},
): EventWork<number> {
  return { ends, state: undefined, messages: [], keeps: false, value: 1, ...given };
}

const options: PostgresStoreOptions<pg.PoolClient, pg.PoolClient> = { lockMs: 5_000 };

over("two processes that accept the same events are told once that they are new", async (bench) => {
  const pool = quietPool(bench.url);
  const other = postgresStore(pool);
  const take200 = async (store: PgStore): Promise<boolean[]> => {
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        store.inbox.accept({ events: [eventOf(`k${index}`, { aliases: [`a${index}`] })] }),
      ),
    );
    return answers.map((answer) => {
      const accepted = answered(answer);
      assert.ok(accepted !== "stale" && accepted.length === 1 && !accepted[0]?.conflict);
      return accepted[0]?.isNew === true;
    });
  };
  const [one, two] = await Promise.all([take200(bench.store), take200(other)]);
  for (const [index, isNew] of one.entries()) assert.notEqual(isNew, two[index]);
  const [counts] = answered(await bench.store.inbox.counts());
  assert.deepEqual(
    { ...counts },
    {
      ...{ source: "stripe", events: 200, swept: 0, waiting: 200, dead: 0 },
      ...{ deliveries: 400, conflicts: 0 },
    },
  );
  await pool.end();
});

for (const order of ["before", "ahead of", "behind"] as const)
  over(
    `an event that is accepted ${order} its object's handler is not lost`,
    async ({ store, pool }) => {
      await take(store, eventOf("first", { object: "o" }));
      const claimed = await claimOne(store);
      const second = eventOf("second", { object: "o" });
      const gate = await pool.connect();
      let accepting: Promise<unknown> | undefined;
      const answer = await store.inbox.handle(claimed, async (tx) => {
        await tx.query("INSERT INTO orders VALUES ('a')");
        if (order === "before") await take(store, second);
        await gate.query("BEGIN");
        await gate.query("SELECT FROM nevertwice_inbox_object FOR UPDATE");
        if (order === "ahead of") {
          accepting = take(store, second);
          await waiters(pool, 1);
        }
        const open = async (): Promise<void> => {
          await waiters(pool, order === "ahead of" ? 2 : 1);
          if (order === "behind") {
            accepting = take(store, second);
            await waiters(pool, 2);
          }
          await gate.query("COMMIT");
          gate.release();
        };
        setImmediate(() => void open());
        return workOf(done(claimed));
      });
      assert.equal(answered(answer).kind, "committed");
      while (order !== "before" && accepting === undefined) await new Promise(setImmediate);
      await accepting;
      const next = await claimOne(store);
      assert.deepEqual(
        next.events.map(({ key }) => key),
        ["second"],
      );
      assert.ok(next.fence > claimed.fence);
    },
    { store: options },
  );

/** Until so many statements wait for a lock. */
async function waiters(pool: pg.Pool, count: number): Promise<void> {
  for (;;) {
    const { rowCount } = await pool.query(
      "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
    );
    if ((rowCount ?? 0) >= count) return;
  }
}

const skew = { ms: 0 };

over(
  "a stale fence commits nothing, not even what its handler has written",
  async ({ store, pool }) => {
    await take(store, eventOf("k"));
    const first = await claimOne(store);
    let second: ClaimedObject | undefined;
    const message = { topic: "t", key: "k", payload: bytes("1"), origin: "a".repeat(64) };
    const answer = await store.inbox.handle(first, async (tx) => {
      await tx.query("INSERT INTO orders VALUES ('stale')");
      skew.ms += 10_000;
      second = await claimOne(store);
      return workOf(done(first), { messages: [message], state: "paid" });
    });
    assert.deepEqual(answered(answer), { kind: "stale" });
    assert.equal((await pool.query("SELECT FROM orders")).rowCount, 0);
    assert.deepEqual(answered(await store.outbox.list({ limit: 10 })), []);
    assert.ok(second !== undefined && second.state === undefined);
    assert.equal(second.events[0]?.starts, 2);
    assert.equal(answered(await store.inbox.release(first, done(first))), "stale");
    const newer = await store.inbox.handle(second, async () =>
      workOf(done(first), { messages: [message], state: "paid" }),
    );
    assert.deepEqual(answered(newer), { kind: "committed", value: 1 });
    assert.equal(answered(await store.inbox.release(second, [])), "stale", "it was given back");
    const [kept] = (await pool.query("SELECT state, due_at FROM nevertwice_inbox_object")).rows;
    assert.deepEqual(kept, { state: "paid", due_at: null });
  },
  { store: { skew } },
);

over(
  "batches with the same keys, aliases and objects in any order never deadlock",
  async (bench) => {
    const stores = Array.from({ length: 8 }, () => {
      const pool = quietPool(bench.url, { max: 3 });
      return { pool, store: postgresStore(pool) };
    });
    let seed = 7;
    const chance = (): number => {
      seed = (seed * 48271) % 2147483647;
      return seed / 2147483647;
    };
    const shuffled = (): NewEvent[] =>
      Array.from({ length: 30 }, (_, index) => ({ index, at: chance() }))
        .sort((a, b) => a.at - b.at)
        .map(({ index }) =>
          eventOf(`k${index}`, {
            ...{ object: `o${index % 5}`, aliases: [`a${index % 7}`], change: `c${index % 11}` },
          }),
        );
    const lists = Array.from({ length: 48 }, shuffled);
    const handling = async (store: PgStore): Promise<void> => {
      for (let round = 0; round < 6; round += 1)
        for (const claimed of await claim(store, 5, 3))
          answered(await store.inbox.handle(claimed, async () => workOf(done(claimed))));
    };
    const [, , ...answers] = await Promise.all([
      handling(bench.store),
      handling(bench.store),
      ...lists.map((events, index) => stores[index % 8]?.store.inbox.accept({ events })),
    ]);
    for (const answer of answers)
      assert.equal(answer?.kind, "ok", String(answer && "error" in answer && answer.error));
    const { rows } = await bench.pool.query("SELECT count(*)::int AS n FROM nevertwice_inbox");
    assert.equal(rows[0].n, 30);
    for (const { pool } of stores) await pool.end();
  },
);

over("an object is never claimed twice", async ({ store, url }) => {
  await take(store, ...Array.from({ length: 120 }, (_, index) => eventOf(`k${index}`)));
  const pools = Array.from({ length: 6 }, () => quietPool(url));
  const claims = await Promise.all(
    pools.map(async (pool) => {
      const mine = postgresStore(pool);
      const rounds = await Promise.all([claim(mine, 7), claim(mine, 7), claim(mine, 7)]);
      return rounds.flat();
    }),
  );
  const objects = claims.flat().map(({ object }) => object);
  assert.equal(new Set(objects).size, objects.length);
  assert.ok(objects.length >= 100, `${objects.length}`);
  for (const pool of pools) await pool.end();
});

over(
  "an event that is handled as it comes meets a claim, a double and a queued one",
  async (bench) => {
    const { store, pool } = bench;
    const event = eventOf("k", { object: "o" });
    const write = async (tx: pg.PoolClient, id: string): Promise<void> =>
      void (await tx.query("INSERT INTO orders VALUES ($1)", [id]));
    const handled = await store.inbox.acceptHandled(event, async (tx, { number, state }) => {
      assert.equal(state, undefined);
      await write(tx, "a");
      assert.deepEqual(await claim(store), []);
      return workOf([{ number, kind: "done" }], { state: "paid" });
    });
    assert.equal(answered(handled).kind, "committed");
    const again = answered(
      await store.inbox.acceptHandled(event, () => assert.fail("it is known")),
    );
    assert.ok(again.kind === "known" && !again.accepted.isNew);
    // Accepted by another way while the callback runs: then it is handled there.
    const raced = await store.inbox.acceptHandled(eventOf("r"), async (tx, { number }) => {
      await write(tx, "b");
      await take(store, eventOf("r"));
      return workOf([{ number, kind: "done" }]);
    });
    assert.equal(answered(raced).kind, "known");
    assert.equal((await pool.query("SELECT FROM orders")).rowCount, 1);
    const busy = await store.inbox.acceptHandled(eventOf("s", { object: "object:r" }), () =>
      assert.fail("the object is busy"),
    );
    assert.equal(answered(busy).kind, "busy");
    const threw = await store.inbox.acceptHandled(eventOf("t"), async (tx) => {
      await write(tx, "c");
      throw new Error("no");
    });
    assert.equal(answered(threw).kind, "threw");
    assert.equal(answered(await store.inbox.list({ limit: 10 })).length, 2);
  },
);
