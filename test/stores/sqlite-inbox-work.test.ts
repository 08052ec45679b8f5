import assert from "node:assert/strict";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { answered } from "../../src/verify/cases/sample.ts";
import { both, done, eventOf, workOf } from "./sqlite-inbox-bench.ts";

both("a stale holder commits nothing, and its callback is not called", async (_, bench) => {
  const { store, skew, db } = bench;
  const [number = 0] = await bench.accept(eventOf("a"));
  const before = await bench.one();
  assert.deepEqual(await bench.claim(), []);
  skew.ms += 1_001;
  const after = await bench.one();
  assert.ok(after.fence > before.fence);
  const late = await store.inbox.handle(before, () => assert.fail("its claim is over"));
  assert.equal(answered(late).kind, "stale");
  assert.equal(answered(await store.inbox.release(before, [done(number)])), "stale");
  const insert = (tx: SqliteClient) => void tx.exec("INSERT INTO orders VALUES ('a')");
  const threw = answered(
    await store.inbox.handle(after, (tx) => {
      insert(tx);
      throw new Error("no");
    }),
  );
  assert.equal(threw.kind, "threw");
  const foreign = await store.inbox.handle(after, (tx) => {
    insert(tx);
    return workOf(1, [done(number), done(number)]);
  });
  assert.equal(answered(foreign).kind, "stale");
  assert.equal(bench.rows(), 0);
  const committed = await store.inbox.handle(after, (tx) => {
    insert(tx);
    return workOf(1, [done(number)], { state: "paid" });
  });
  assert.deepEqual(answered(committed), { kind: "committed", value: 1 });
  assert.equal(bench.rows(), 1);
  const given = await store.inbox.handle(after, () => assert.fail("it was given back"));
  assert.equal(answered(given).kind, "stale");
  assert.throws(() => db.exec("UPDATE nevertwice_inbox SET state = 'dead', ended_at = 1"), /done/);
});

both("an event that came between claim and handle is not lost", async (_, bench) => {
  const [first = 0] = await bench.accept(eventOf("a", { object: "o" }));
  const claimed = await bench.one();
  const [second = 0] = await bench.accept(eventOf("b", { object: "o" }));
  assert.deepEqual(await bench.claim(), []);
  const work = () => workOf(1, [done(first)], { state: "s" });
  answered(await bench.store.inbox.handle(claimed, work));
  const next = await bench.one();
  assert.deepEqual([next.events[0]?.number, next.state], [second, "s"]);
  assert.equal(answered(await bench.store.inbox.release(next, [done(second)])), "done");
  assert.deepEqual(await bench.claim(), []);
});

both("a fence grows though the object's row went and came again", async (_, bench) => {
  const fences: number[] = [];
  for (const key of ["a", "b", "c"]) {
    const [number = 0] = await bench.accept(eventOf(key, { object: "o" }));
    const claimed = await bench.one();
    fences.push(claimed.fence);
    assert.equal(answered(await bench.store.inbox.release(claimed, [done(number)])), "done");
  }
  assert.deepEqual(
    fences,
    [...new Set(fences)].toSorted((a, b) => a - b),
  );
  const left = bench.db.prepare("SELECT count(*) AS n FROM nevertwice_inbox_object").get({});
  assert.equal((left as { n: number }).n, 0);
});

both("after a start without an end events are given one at a time", async (_, bench) => {
  const { store, skew } = bench;
  const object = "o";
  const numbers = await bench.accept(...["a", "b", "c"].map((key) => eventOf(key, { object })));
  const [first = 0, second = 0] = numbers;
  assert.equal((await bench.one()).events.length, 3);
  skew.ms += 1_001;
  const alone = await bench.one();
  assert.deepEqual(
    alone.events.map(({ number, starts, attempts }) => [number, starts, attempts]),
    [[first, 2, 0]],
  );
  const off = { number: first, kind: "waiting", dueInMs: 60_000 } as const;
  answered(await store.inbox.release(alone, [{ ...off, attempted: true, error: "it failed" }]));
  const next = await bench.one();
  assert.deepEqual(
    next.events.map(({ number, starts }) => [number, starts]),
    [[second, 2]],
  );
  const untried = { number: second, kind: "waiting", dueInMs: 0, attempted: false } as const;
  answered(await store.inbox.release(next, [untried]));
  assert.equal((await bench.one()).events[0]?.starts, 2);
  const { attempts, error } = answered(await store.inbox.read(first))?.record ?? {};
  assert.deepEqual([attempts, error], [1, "it failed"]);
});

both("an event that may end its process is not given with an older one", async (_, bench) => {
  const object = "o";
  const [first = 0, second = 0] = await bench.accept(
    eventOf("a", { object }),
    eventOf("b", { object }),
  );
  const off = { number: first, kind: "waiting", dueInMs: 500, attempted: false } as const;
  answered(await bench.store.inbox.release(await bench.one(), [off]));
  bench.skew.ms += 1_001;
  const older = await bench.one();
  assert.deepEqual(
    older.events.map(({ number, starts }) => [number, starts]),
    [[first, 1]],
  );
  assert.equal(answered(await bench.store.inbox.release(older, [done(first)])), "done");
  const alone = await bench.one();
  assert.deepEqual(
    alone.events.map(({ number, starts }) => [number, starts]),
    [[second, 2]],
  );
});

both("a parked event is due when its name arrives, or at its own time", async (_, bench) => {
  const { store, skew } = bench;
  const [number = 0] = await bench.accept(eventOf("a"));
  const park = async () => {
    const end = {
      number,
      kind: "waiting",
      dueInMs: 5_000,
      attempted: true,
      waitsFor: "x",
    } as const;
    answered(await store.inbox.release(await bench.one(), [end]));
    assert.deepEqual(await bench.claim(), []);
  };
  await park();
  assert.equal(answered(await store.inbox.arrive("y")), 0);
  assert.equal(answered(await store.inbox.list({ state: "waiting", limit: 9 }))[0]?.waitsFor, "x");
  assert.equal(answered(await store.inbox.arrive("x")), 1);
  await park();
  skew.ms += 5_000;
  assert.equal((await bench.one()).events[0]?.attempts, 2);
});

both("an event is handled as it is accepted, unless its object is busy", async (_, bench) => {
  const { store } = bench;
  const handled = (key: string, ends = done) =>
    store.inbox.acceptHandled(eventOf(key, { object: "o" }), (tx, { number, state = "none" }) => {
      tx.exec(`INSERT INTO orders VALUES ('${key}')`);
      return workOf(state, [ends(number)], { state: key });
    });
  const first = answered(await handled("a"));
  assert.ok(first.kind === "committed" && first.value === "none");
  const next = answered(await handled("b"));
  assert.ok(next.kind === "committed" && next.value === "a" && next.number > first.number);
  assert.deepEqual(answered(await handled("a")), {
    ...{ kind: "known", accepted: { number: first.number, isNew: false, conflict: false } },
  });
  assert.equal((await handled("x", () => done(99))).kind, "not-applied");
  await bench.accept(eventOf("c", { object: "o" }));
  assert.equal(answered(await handled("d")).kind, "busy");
  const claimed = await bench.one();
  const ends = claimed.events.map(({ number }) => done(number));
  answered(await store.inbox.handle(claimed, () => workOf(1, ends, { keeps: true })));
  assert.equal(answered(await handled("d")).kind, "busy");
  bench.skew.ms += 1_001;
  assert.equal(answered(await handled("d")).kind, "committed");
  assert.equal(answered(await store.inbox.handle(claimed, () => assert.fail())).kind, "stale");
  assert.deepEqual(await bench.claim(), []);
  assert.equal(bench.rows(), 3);
});
