import assert from "node:assert/strict";
import type { EventEnd } from "../../store/inbox.ts";
import type { MaybePromise, Store } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import {
  assertUntouched,
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
import { after, answered, assertNear, inserting, LEASE_MS } from "./sample.ts";

const _LAPSED_MS = LEASE_MS + 1_000;

/** Guarantee 38: what a handler commits, and what leaves nothing behind. */
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

/** Takes an event of the held object in; says how many objects can be claimed then. */
async function takenWhileHeld(store: Store): Promise<number> {
  await taken(store, eventOf("while held"));
  return answered(await objectsOf(store)).length;
}
