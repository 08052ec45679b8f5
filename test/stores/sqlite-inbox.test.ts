import assert from "node:assert/strict";
import { EVENT_ROUTES, EVENT_STATES } from "../../src/model/event.ts";
import type { EventEnd, NewEvent } from "../../src/store/inbox.ts";
import type { Store } from "../../src/store.ts";
import type { SqliteClient } from "../../src/stores/sqlite/client.ts";
import { answered } from "../../src/verify/cases/sample.ts";
import { both, done, eventOf } from "./sqlite-inbox-bench.ts";

const DAY = 86_400_000;

both("of two connections that take in the same events, one is told new", async (_, bench) => {
  const keys = Array.from({ length: 200 }, (_, index) => `event-${index}`);
  const take = (store: Store<SqliteClient, "sync">) =>
    Promise.all(keys.map((key) => store.inbox.accept({ events: [eventOf(key)] })));
  const answers = (await Promise.all([take(bench.store), take(bench.other)])).map((list) =>
    list.map((answer) => {
      const value = answered(answer);
      assert.ok(value !== "stale" && value[0]);
      return value[0];
    }),
  );
  for (const index of keys.keys()) {
    const pair = answers.map((list) => list[index]);
    assert.deepEqual(pair.map((one) => one?.isNew).toSorted(), [false, true]);
    assert.equal(pair[0]?.number, pair[1]?.number);
  }
  const [counts] = answered(await bench.store.inbox.counts());
  assert.deepEqual(counts, {
    ...{ source: "shop", events: 200, swept: 0, waiting: 200, dead: 0 },
    ...{ deliveries: 400, conflicts: 0 },
  });
});

both("all events of a call or none, with the cursor", async (_, { store, other }) => {
  const page = (from: string | undefined, to: string, ...events: NewEvent[]) => ({
    ...{ events, cursor: { source: "shop", from, to } },
  });
  const twice = [eventOf("a"), eventOf("a"), eventOf("b", { aliases: ["x"] })];
  const first = answered(await store.inbox.accept(page(undefined, "1", ...twice)));
  assert.ok(first !== "stale");
  assert.deepEqual(
    first.map(({ isNew }) => isNew),
    [true, false, true],
  );
  const late = await other.inbox.accept(page(undefined, "2", eventOf("c")));
  assert.equal(answered(late), "stale");
  const hostile = { ...eventOf("e"), route: "pigeon" as "webhook" };
  const bad = await store.inbox.accept(page("1", "2", eventOf("d"), hostile));
  assert.equal(bad.kind, "not-applied");
  assert.equal(answered(await other.inbox.cursor("shop")), "1");
  const keys = answered(await other.inbox.list({ limit: 10 })).map(({ key }) => key);
  assert.deepEqual(keys, ["b", "a"]);
  const again = eventOf("b", { fingerprint: new Uint8Array(32).fill(9) });
  const told = answered(
    await store.inbox.accept({ events: [again, eventOf("f", { aliases: ["x"] })] }),
  );
  assert.ok(told !== "stale");
  assert.deepEqual(
    told.map(({ isNew, conflict }) => [isNew, conflict]),
    [
      [false, true],
      [true, true],
    ],
  );
});

both("a change is unique: its second event is superseded, and may be redelivered", async (_, b) => {
  const [first = 0, second = 0] = await b.accept(
    eventOf("a", { change: "paid:1" }),
    eventOf("b", { change: "paid:1" }),
  );
  const { state, endedAt } = answered(await b.store.inbox.read(second))?.record ?? {};
  assert.ok(state === "superseded" && endedAt !== undefined);
  const known = answered(
    await b.store.inbox.acceptHandled(eventOf("c", { change: "paid:1" }), () =>
      assert.fail("it is superseded"),
    ),
  );
  assert.ok(known.kind === "known" && known.accepted.isNew);
  const ruling = { filter: { limit: 10 }, by: "ann", reason: "wanted" };
  const asked = answered(await b.store.inbox.redeliver({ ...ruling, dryRun: true }));
  assert.deepEqual(asked, [known.accepted.number, second]);
  assert.deepEqual(
    (await b.one()).events.map(({ number }) => number),
    [first],
  );
  assert.deepEqual(answered(await b.store.inbox.redeliver({ ...ruling, dryRun: false })), asked);
  assert.equal((await b.claim()).length, 2);
  assert.deepEqual(
    answered(await b.store.inbox.rulings(10)).map(({ dryRun, count }) => [dryRun, count]),
    [
      [false, 2],
      [true, 2],
    ],
  );
});

both("pruning takes bodies, then keys, and leaves what waits or is dead", async (_, bench) => {
  const { store, skew, db } = bench;
  const [first = 0, second = 0, third = 0] = await bench.accept(
    eventOf("a", { object: "o", aliases: ["n"], change: "v" }),
    eventOf("b", { object: "o" }),
    eventOf("c"),
  );
  const [claimed] = await bench.claim(1);
  const dead: EventEnd = { number: second, kind: "dead", error: "poison" };
  answered(await store.inbox.release(claimed ?? assert.fail(), [done(first), dead]));
  assert.throws(() => db.exec("DELETE FROM nevertwice_inbox"), /Only the key/);
  const prune = async (wall: number) =>
    answered(await store.inbox.prune({ bodyMs: DAY, keyMs: 400 * DAY, limit: 9, wall }));
  const start = answered(await store.inbox.read(first))?.record.receivedAt ?? 0;
  assert.equal((await prune(start + DAY)).kind, "clocks-disagree");
  skew.ms += 2 * DAY;
  assert.deepEqual(await prune(start + skew.ms), { kind: "pruned", bodies: 1, keys: 0 });
  assert.equal(answered(await store.inbox.read(first))?.body, undefined);
  assert.deepEqual(answered(await store.inbox.read(second))?.body, new Uint8Array([98]));
  skew.ms += 400 * DAY;
  assert.deepEqual(await prune(start + skew.ms), { kind: "pruned", bodies: 0, keys: 1 });
  const left = answered(await store.inbox.list({ limit: 9 })).map(({ number }) => number);
  assert.deepEqual(left, [third, second]);
  const [anew = 0] = await bench.accept(eventOf("a", { aliases: ["n"], change: "v" }));
  assert.ok(anew > third);
});

both("the checks of the tables are the lists of the model", async (_, { db, accept }) => {
  await accept(eventOf("a"));
  const insert = (route: string, state: string) =>
    db
      .prepare(`INSERT INTO nevertwice_inbox (source, key, fingerprint, type, object, route, state,
  received_at, ended_at) VALUES ('s', @key, x'', 't', 'o', @route, @state, 1, @ended)`)
      .run({ key: `${route} ${state}`, route, state, ended: state === "waiting" ? null : 1 });
  for (const route of EVENT_ROUTES) for (const state of EVENT_STATES) insert(route, state);
  assert.throws(() => insert("webhook", "other"), /CHECK/);
  assert.throws(() => insert("other", "done"), /CHECK/);
  assert.throws(() => db.exec("DELETE FROM nevertwice_inbox_object"), /stays while/);
});
