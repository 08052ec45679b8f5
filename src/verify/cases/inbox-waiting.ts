import assert from "node:assert/strict";
import type { EventEnd } from "../../store/inbox.ts";
import type { StoreCase } from "../bench.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  eventRecordOf,
  numbersOf,
  objectsOf,
  repeated,
  taken,
  takenNumbers,
} from "./inbox-sample.ts";
import { answered, assertNear, crowd, LEASE_MS } from "./sample.ts";

const _LAPSED_MS = LEASE_MS + 1_000;
const LATER_MS = 60_000;

/** Guarantees 40 and 41: what waits is neither forgotten nor early. */
export const inboxWaitingCases: readonly StoreCase[] = [
  {
    guarantee: 40,
    name: "an event that was put off comes at its time, and keeps no other one back",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const [a = 0] = await takenNumbers(store, "a");
      const late: EventEnd = { number: a, kind: "waiting", dueInMs: LATER_MS, attempted: true };
      const first = await claimedObject(store);
      answered(await store.inbox.release(first, [late]));
      const { dueAt, receivedAt } = await eventRecordOf(store, a);
      assertNear(dueAt, receivedAt + LATER_MS);
      assert.deepEqual(answered(await objectsOf(store)), []);
      const [b = 0] = await takenNumbers(store, "b");
      const second = await claimedObject(store);
      assert.deepEqual(numbersOf(second), [b]);
      assert.equal(answered(await store.inbox.release(second, doneOf(second.events))), "done");
      assert.deepEqual(answered(await objectsOf(store)), []);
      await bench.advance(LATER_MS - 10_000);
      assert.deepEqual(answered(await objectsOf(store)), []);
      await bench.advance(11_000);
      assert.deepEqual(numbersOf(await claimedObject(store)), [a]);
    },
  },
  {
    guarantee: 40,
    name: "what a claim left, or came while it was held, is due when the object is given back",
    async run({ store }) {
      const numbers = await takenNumbers(store, "a", "b", "c");
      const claims: number[][] = [];
      for (const key of ["d", undefined, undefined]) {
        const [object] = answered(await objectsOf(store, { eventsMax: 2 }));
        assert.ok(object);
        claims.push(numbersOf(object));
        if (key !== undefined) numbers.push(...(await takenNumbers(store, key)));
        assert.deepEqual(answered(await objectsOf(store)), []);
        const ends = claims.length === 2 ? [] : doneOf(object.events);
        assert.equal(answered(await store.inbox.release(object, ends)), "done");
      }
      assert.deepEqual(claims, [numbers.slice(0, 2), numbers.slice(2), numbers.slice(2, 3)]);
      assert.deepEqual(numbersOf(await claimedObject(store)), numbers.slice(3));
    },
  },
  {
    guarantee: 40,
    name: "events that come while others claim and release are all given, and done once each",
    needs: ["races"],
    async run(bench) {
      const done: number[] = [];
      const handleAll = async (store: typeof bench.store): Promise<void> => {
        for (const object of await repeated(() => objectsOf(store, { limit: 3 }))) {
          const ends = doneOf(object.events);
          const answer = await repeated(() => store.inbox.release(object, ends));
          assert.equal(answer, "done");
          done.push(...numbersOf(object));
        }
      };
      await crowd(bench, 40, async (store, index) => {
        if (index % 4 > 1) {
          await handleAll(store);
          return;
        }
        const events = [0, 1].map((part) =>
          eventOf(`evt_${index}_${part}`, { object: `payment_intent:pi_${(index + part) % 3}` }),
        );
        await repeated(() => store.inbox.accept({ events }));
      });
      for (let round = 0; round < 5; round += 1) await handleAll(bench.store);
      assert.equal(done.length, 40);
      assert.equal(new Set(done).size, 40);
      const waiting = await bench.store.inbox.list({ state: "waiting", limit: 100 });
      assert.deepEqual(answered(waiting), []);
    },
  },
  {
    guarantee: 41,
    name: "an event that waits for a name is due at once when it arrives, and no other one is",
    async run({ store }) {
      const parked: number[] = [];
      for (const [key, waitsFor] of Object.entries({ a: "order_1", b: "order_2", c: "order_1" })) {
        const [accepted] = await taken(store, eventOf(key, { object: key }));
        const { number = 0 } = accepted ?? {};
        parked.push(number);
        const waits = { kind: "waiting", dueInMs: LATER_MS, attempted: true, waitsFor } as const;
        answered(await store.inbox.release(await claimedObject(store), [{ ...waits, number }]));
        assert.equal((await eventRecordOf(store, number)).waitsFor, waitsFor);
      }
      assert.deepEqual(answered(await objectsOf(store)), []);
      for (const name of ["order", "ORDER_1", "order_3"])
        assert.equal(answered(await store.inbox.arrive(name)), 0);
      assert.equal(answered(await store.inbox.arrive("order_1")), 2);
      const { dueAt, receivedAt } = await eventRecordOf(store, parked[0] ?? 0);
      assertNear(dueAt, receivedAt);
      const objects = answered(await objectsOf(store));
      assert.deepEqual(objects.map(({ object }) => object).sort(), ["a", "c"]);
      for (const object of objects) {
        answered(await store.inbox.release(object, doneOf(object.events)));
        assert.equal((await eventRecordOf(store, numbersOf(object)[0] ?? 0)).waitsFor, undefined);
      }
      assert.equal(answered(await store.inbox.arrive("order_1")), 0);
      assert.equal(answered(await store.inbox.arrive("order_2")), 1);
    },
  },
  {
    guarantee: 41,
    name: "a name that arrives while the object is held is not lost",
    async run({ store }) {
      const [a = 0] = await takenNumbers(store, "a");
      const waits = { kind: "waiting", dueInMs: LATER_MS, attempted: true } as const;
      const first = await claimedObject(store);
      answered(await store.inbox.release(first, [{ ...waits, number: a, waitsFor: "order_1" }]));
      const [b = 0] = await takenNumbers(store, "b");
      const second = await claimedObject(store);
      assert.deepEqual(numbersOf(second), [b]);
      assert.equal(answered(await store.inbox.arrive("order_1")), 1);
      assert.deepEqual(answered(await objectsOf(store)), []);
      assert.equal(answered(await store.inbox.release(second, doneOf(second.events))), "done");
      assert.deepEqual(numbersOf(await claimedObject(store)), [a]);
    },
  },
];
