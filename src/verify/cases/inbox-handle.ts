import assert from "node:assert/strict";
import type { ClaimedObject, EventEnd } from "../../store/inbox.ts";
import type { MaybePromise, Store } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  eventRecordOf,
  numbersOf,
  objectsOf,
  stagedKeys,
  stagedOf,
  taken,
  takenNumbers,
  throwing,
  workOf,
} from "./inbox-sample.ts";
import { after, answered, assertNear, crowd, inserting, LEASE_MS, within } from "./sample.ts";

const LAPSED_MS = LEASE_MS + 1_000;

/** Guarantee 38: what a handler commits, and what commits nothing. */
export const inboxHandleCases: readonly StoreCase[] = [
  {
    guarantee: 38,
    name: "the row, the messages, the ends and the object's state commit together",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0, b = 0] = await takenNumbers(store, "a", "b");
      const object = await claimedObject(store);
      const messages = [stagedOf("a"), { ...stagedOf("b"), aggregate: "order_1" }];
      const work = workOf(doneOf(object.events), { state: "paid", messages });
      const answer = await store.inbox.handle(object, inserting(bench, "row", work));
      assert.deepEqual(answered(answer), { kind: "committed", value: 7 });
      assert.equal(await bench.userRows.count(), 1);
      for (const number of [a, b]) {
        const record = await eventRecordOf(store, number);
        assert.equal(record.state, "done");
        assertNear(record.endedAt, record.receivedAt);
        assert.equal(record.dueAt, undefined);
      }
      assert.deepEqual(await stagedKeys(store, "a"), ["a"]);
      const [message] = answered(await store.outbox.list({ limit: 1 }));
      assert.equal(message?.key, "b");
      assert.equal(message?.aggregate, "order_1");
      assert.equal(message?.origin, stagedOf("b").origin);
      assert.deepEqual(answered(await objectsOf(store)), []);
      await takenNumbers(store, "c");
      assert.equal((await claimedObject(store)).state, "paid");
    },
  },
  {
    guarantee: 38,
    name: "a callback that throws leaves nothing behind, and the claim goes on",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const object = await claimedObject(store);
      const error = new Error("The order is missing.");
      const answer = await store.inbox.handle(object, throwing(bench, "row", error));
      assert.deepEqual(answered(answer), { kind: "threw", error });
      await assertUntouched(bench.store, a);
      assert.equal(await bench.userRows.count(), 0);
      assert.deepEqual(answered(await objectsOf(store)), []);
      const work = inserting(bench, "row", workOf(doneOf(object.events)));
      assert.equal(answered(await store.inbox.handle(object, work)).kind, "committed");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 38,
    name: "a message whose key is taken takes everything back",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const object = await claimedObject(store);
      const first = workOf([], { messages: [stagedOf("m")], keeps: true });
      assert.equal(answered(await store.inbox.handle(object, () => first)).kind, "committed");
      const messages = [stagedOf("new"), stagedOf("m")];
      const work = workOf(doneOf(object.events), { state: "paid", messages });
      const answer = await store.inbox.handle(object, inserting(bench, "row", work));
      assert.ok(answer.kind === "not-applied" || answered(answer).kind === "threw");
      assert.equal(await bench.userRows.count(), 0);
      await assertUntouched(store, a);
      assert.deepEqual(await stagedKeys(store, "new"), []);
    },
  },
  {
    guarantee: 38,
    name: "an older fence commits nothing, whatever its callback did",
    needs: ["skew", "rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const old = await claimedObject(store);
      await bench.advance(LAPSED_MS);
      const now = await claimedObject(store);
      const work = workOf(doneOf(old.events), { state: "paid", messages: [stagedOf("m")] });
      const answer = await store.inbox.handle(old, inserting(bench, "old", work));
      assert.deepEqual(answered(answer), { kind: "stale" });
      assert.equal(answered(await store.inbox.release(old, doneOf(old.events))), "stale");
      assert.equal(await bench.userRows.count(), 0);
      await assertUntouched(store, a);
      assert.deepEqual(await stagedKeys(store, "m"), []);
      assert.equal(now.state, undefined);
      const late = await store.inbox.handle(now, inserting(bench, "new", work));
      assert.equal(answered(late).kind, "committed");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 38,
    name: "of a handler and a claim that comes during its callback one wins",
    needs: ["skew", "rows", "races", "async-callbacks"],
    async run(bench) {
      const { store } = bench;
      const other = (await bench.again?.()) ?? store;
      const [a = 0] = await takenNumbers(store, "a");
      const object = await claimedObject(store);
      await bench.advance(LAPSED_MS);
      const given: ClaimedObject[] = [];
      const answer = await store.inbox.handle(object, async (tx) => {
        await bench.userRows.insert(tx, "row");
        given.push(...answered(await within(20_000, objectsOf(other))));
        return workOf(doneOf(object.events), { state: "paid" });
      });
      const committed = answer.kind === "ok" && answer.value.kind === "committed";
      assert.ok(committed || answered(answer).kind === "stale");
      assert.equal(given.length, committed ? 0 : 1);
      assert.equal(await bench.userRows.count(), committed ? 1 : 0);
      assert.equal((await eventRecordOf(store, a)).state, committed ? "done" : "waiting");
    },
  },
  {
    guarantee: 38,
    name: "the fence decides and not the clock: a lapsed claim that nobody took still commits",
    needs: ["skew", "rows"],
    async run(bench) {
      const { store } = bench;
      await takenNumbers(store, "a");
      const object = await claimedObject(store);
      await bench.advance(LAPSED_MS);
      const work = inserting(bench, "row", workOf(doneOf(object.events)));
      assert.equal(answered(await store.inbox.handle(object, work)).kind, "committed");
      assert.deepEqual(answered(await objectsOf(store)), []);
    },
  },
  {
    guarantee: 38,
    name: "a claim that was given back commits nothing more",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      for (const way of ["release", "handle"] as const) {
        const [number = 0] = await takenNumbers(store, way);
        const object = await claimedObject(store);
        const waits: EventEnd = { number, kind: "waiting", dueInMs: 0, attempted: true };
        if (way === "release") answered(await store.inbox.release(object, [waits]));
        else answered(await store.inbox.handle(object, () => workOf([waits])));
        await assertStale(bench, object, doneOf([{ number }]));
        await assertUntouched(store, number);
        const again = await claimedObject(store);
        answered(await store.inbox.release(again, doneOf(again.events)));
      }
    },
  },
  {
    guarantee: 38,
    name: "an end of what waits no longer, of another object or of nothing commits nothing",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0, b = 0] = await takenNumbers(store, "a", "b");
      const object = await claimedObject(store);
      const [other] = await taken(store, eventOf("other", { object: "payment_intent:pi_2" }));
      const done = inserting(bench, "row", workOf(doneOf([{ number: a }]), { keeps: true }));
      assert.equal(answered(await store.inbox.handle(object, done)).kind, "committed");
      for (const number of [a, other?.number ?? 0, b + 1_000])
        await assertStale(bench, object, doneOf([{ number: b }, { number }]));
      assert.equal((await eventRecordOf(store, a)).state, "done");
      await assertUntouched(store, b);
      await assertUntouched(store, other?.number ?? 0);
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 38,
    name: "twenty commits of one holder at the same time commit once, with the row of one",
    needs: ["races", "rows"],
    async run(bench) {
      await takenNumbers(bench.store, "a");
      const object = await claimedObject(bench.store);
      const kinds = await crowd(bench, 20, async (store, index) => {
        const messages = [stagedOf(`m-${index}`)];
        const work = workOf(doneOf(object.events), { state: `${index}`, messages });
        const answer = await store.inbox.handle(object, inserting(bench, `row-${index}`, work));
        return answer.kind === "ok" ? answer.value.kind : answer.kind;
      });
      assert.equal(kinds.filter((kind) => kind === "committed").length, 1);
      assert.ok(!kinds.includes("not-known"));
      assert.equal(await bench.userRows.count(), 1);
      assert.equal(answered(await bench.store.outbox.list({ limit: 100 })).length, 1);
    },
  },
  {
    guarantee: 38,
    name: "a handler that keeps its claim goes on with the other events, and nobody else does",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const numbers = await takenNumbers(store, "a", "b", "c");
      const object = await claimedObject(store);
      for (const [index, number] of numbers.entries()) {
        const change = { state: index === 1 ? undefined : `after ${index}`, keeps: index < 2 };
        const work = workOf(doneOf([{ number }]), change);
        const answer = await store.inbox.handle(object, inserting(bench, `row-${index}`, work));
        assert.equal(answered(answer).kind, "committed");
        if (index === 1) assert.equal(await takenWhileHeld(store), 0);
      }
      const next = await claimedObject(store);
      assert.equal(next.state, "after 2");
      assert.deepEqual(
        next.events.map(({ key }) => key),
        ["while held"],
      );
      answered(await store.inbox.handle(next, () => workOf(doneOf(next.events))));
      await takenNumbers(store, "last");
      assert.equal((await claimedObject(store)).state, "after 2");
    },
  },
  {
    guarantee: 38,
    name: "every end is kept as what it is",
    async run({ store }) {
      const [a = 0, b = 0, c = 0, d = 0] = await takenNumbers(store, "a", "b", "c", "d");
      const object = await claimedObject(store);
      const ends: EventEnd[] = [
        { number: a, kind: "superseded" },
        { number: b, kind: "unhandled" },
        { number: c, kind: "dead", error: "It says nothing." },
        {
          number: d,
          kind: "waiting",
          dueInMs: 0,
          attempted: true,
          waitsFor: "x",
          error: "Not yet.",
        },
      ];
      assert.equal(
        answered(await store.inbox.handle(object, () => workOf(ends))).kind,
        "committed",
      );
      for (const { number, kind } of ends) {
        const record = await eventRecordOf(store, number);
        assert.equal(record.state, kind);
        assert.equal(record.endedAt === undefined, kind === "waiting");
        assert.equal(record.dueAt === undefined, kind !== "waiting");
      }
      assert.equal((await eventRecordOf(store, c)).error, "It says nothing.");
      assert.equal((await eventRecordOf(store, d)).waitsFor, "x");
      assert.equal((await eventRecordOf(store, d)).error, "Not yet.");
      assert.deepEqual(numbersOf(await claimedObject(store)), [d]);
    },
  },
  {
    guarantee: 38,
    name: "a callback that ends the transaction by itself ends no event",
    needs: ["transactions", "rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const object = await claimedObject(store);
      const work = workOf(doneOf(object.events), { state: "paid", messages: [stagedOf("m")] });
      const answer = await store.inbox.handle(object, (tx) =>
        after(bench.endTransaction?.(tx), () => work),
      );
      assert.ok(answer.kind !== "ok" || answer.value.kind !== "committed");
      await assertUntouched(store, a);
      assert.deepEqual(await stagedKeys(store, "m"), []);
      assert.equal(answered(await store.inbox.release(object, doneOf(object.events))), "done");
    },
  },
  {
    guarantee: 38,
    name: "a callback that returns nothing, or later than it may, comes back as an answer",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const object = await claimedObject(store);
      const nothing = (): never => undefined as never;
      const late = async (tx: unknown): Promise<never> => {
        await bench.userRows.insert(tx, "row");
        return undefined as never;
      };
      for (const work of [nothing, late] as ((tx: unknown) => MaybePromise<never>)[]) {
        const answer = await store.inbox.handle(object, work);
        assert.ok(answer.kind === "not-applied" || answered(answer).kind === "threw");
      }
      assert.equal(await bench.userRows.count(), 0);
      await assertUntouched(store, a);
      assert.equal(answered(await store.inbox.release(object, doneOf(object.events))), "done");
    },
  },
];

/** The event waits as it did before. */
async function assertUntouched(store: Store, number: number): Promise<void> {
  const record = await eventRecordOf(store, number);
  assert.equal(record.state, "waiting");
  assert.equal(record.endedAt, undefined);
  assert.ok(record.dueAt !== undefined);
}

/** The holder can neither commit nor give back, and none of its rows is there. */
async function assertStale(
  bench: Parameters<StoreCase["run"]>[0],
  holder: ClaimedObject,
  ends: readonly EventEnd[],
): Promise<void> {
  const rows = await bench.userRows.count();
  const work = workOf(ends, { state: "stale", messages: [stagedOf("stale")] });
  const answer = await bench.store.inbox.handle(holder, inserting(bench, "stale", work));
  assert.deepEqual(answered(answer), { kind: "stale" });
  assert.equal(answered(await bench.store.inbox.release(holder, ends)), "stale");
  assert.equal(await bench.userRows.count(), rows);
  assert.deepEqual(await stagedKeys(bench.store, "stale"), []);
}

/** Takes an event of the held object in; says how many objects can be claimed then. */
async function takenWhileHeld(store: Store): Promise<number> {
  await taken(store, eventOf("while held"));
  return answered(await objectsOf(store)).length;
}
