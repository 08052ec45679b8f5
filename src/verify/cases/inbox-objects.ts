import assert from "node:assert/strict";
import type { ClaimedObject, EventEnd } from "../../store/inbox.ts";
import type { StoreCase } from "../bench.ts";
import {
  claimedObject,
  doneOf,
  eventOf,
  eventRecordOf,
  numbersOf,
  OBJECT,
  objectsOf,
  repeated,
  SOURCE,
  taken,
  takenNumbers,
} from "./inbox-sample.ts";
import { answered, assertBytes, assertNear, crowd, LEASE_MS } from "./sample.ts";

const LAPSED_MS = LEASE_MS + 1_000;
const _LATER_MS = 60_000;

/** Guarantees 37 and 39: who handles an object's events. */
export const inboxObjectCases: readonly StoreCase[] = [
  {
    guarantee: 37,
    name: "a claim gives an object with its events, lowest number first, to one alone",
    async run({ store }) {
      const event = eventOf("c", { route: "sweep" });
      const [number = 0] = (await taken(store, event, eventOf("a"), eventOf("b"))).map(
        (accepted) => accepted.number,
      );
      const object = await claimedObject(store);
      assert.equal(object.source, SOURCE);
      assert.equal(object.object, OBJECT);
      assert.equal(object.state, undefined);
      assert.ok(object.fence > 0);
      assert.deepEqual(
        object.events.map(({ key }) => key),
        ["c", "a", "b"],
      );
      const [first] = object.events;
      assert.ok(first);
      const { body, now, receivedAt, ...rest } = first;
      assertBytes(body, event.body);
      assertNear(now, receivedAt);
      assert.deepEqual(rest, {
        ...{ number, key: "c", type: event.type, route: "sweep", starts: 1, attempts: 0 },
      });
      assert.deepEqual(answered(await objectsOf(store)), []);
    },
  },
  {
    guarantee: 37,
    name: "twenty objects claimed by ten at once are given once each",
    needs: ["races"],
    async run(bench) {
      const events = Array.from({ length: 40 }, (_, index) =>
        eventOf(`evt_${index}`, { object: `payment_intent:pi_${index % 20}` }),
      );
      await taken(bench.store, ...events);
      const given: ClaimedObject[] = [];
      // A claim may pass over what another one is about to take, so it may take several.
      for (let round = 0; round < 5; round += 1) {
        const answers = await crowd(bench, 10, (store) =>
          repeated(() => objectsOf(store, { limit: 5 })),
        );
        given.push(...answers.flat());
      }
      assert.equal(given.length, 20);
      assert.equal(new Set(given.map(({ object }) => object)).size, 20);
      assert.equal(new Set(given.flatMap(numbersOf)).size, 40);
    },
  },
  {
    guarantee: 37,
    name: "a claim that lapsed is taken by the next one, under a higher fence",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const numbers = await takenNumbers(store, "a");
      let { fence } = await claimedObject(store);
      for (let round = 0; round < 3; round += 1) {
        await bench.advance(LEASE_MS - 5_000);
        assert.deepEqual(answered(await objectsOf(store)), []);
        await bench.advance(6_000);
        const next = await claimedObject(store);
        assert.ok(next.fence > fence);
        assert.deepEqual(numbersOf(next), numbers);
        fence = next.fence;
      }
    },
  },
  {
    guarantee: 37,
    name: "the fence grows although the object was given back, and all of its events ended",
    async run({ store }) {
      let before = 0;
      for (const key of ["a", "b", "c"]) {
        await taken(store, eventOf(key));
        const object = await claimedObject(store);
        assert.ok(object.fence > before);
        before = object.fence;
        assert.equal(answered(await store.inbox.release(object, doneOf(object.events))), "done");
      }
    },
  },
  {
    guarantee: 37,
    name: "objects due for longest come first, of the sources asked for, up to the limits",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const about = (key: string, object: string, source = SOURCE) =>
        eventOf(key, { object, source });
      const [late = 0] = (await taken(store, about("late", "o4"))).map(({ number }) => number);
      const putOff = { number: late, kind: "waiting", dueInMs: 10_000, attempted: true } as const;
      answered(await store.inbox.release(await claimedObject(store), [putOff]));
      for (const object of ["o2", "o1", "o3"]) {
        await taken(store, about(`${object}-1`, object));
        await bench.advance(1_000);
      }
      await taken(store, about("o1-2", "o1"), about("o1-3", "o1"), about("x", "o0", "adyen"));
      await bench.advance(10_000);
      const claim = async (change: Parameters<typeof objectsOf>[1]) =>
        answered(await objectsOf(store, change)).map(({ object, events }) => [
          object,
          ...events.map(({ key }) => key),
        ]);
      assert.deepEqual(await claim({ sources: [] }), []);
      assert.deepEqual(await claim({ sources: ["strip", "STRIPE"] }), []);
      assert.deepEqual(await claim({ limit: 2, eventsMax: 2 }), [
        ["o2", "o2-1"],
        ["o1", "o1-1", "o1-2"],
      ]);
      assert.deepEqual(await claim({ sources: ["adyen", SOURCE] }), [
        ["o3", "o3-1"],
        ["o0", "x"],
        ["o4", "late"],
      ]);
    },
  },
  {
    guarantee: 37,
    name: "the same object of two sources is two objects",
    async run({ store }) {
      await taken(store, eventOf("a"), eventOf("b", { source: "adyen" }));
      const objects = answered(await objectsOf(store, { sources: [SOURCE, "adyen"] }));
      assert.deepEqual(objects.map(({ source }) => source).sort(), ["adyen", SOURCE]);
    },
  },
  {
    guarantee: 39,
    name: "a start is counted by the claim, and after one without an end events come alone",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const numbers = await takenNumbers(store, "a", "b", "c");
      const startsOf = ({ events }: ClaimedObject) => events.map(({ starts }) => starts);
      const first = await claimedObject(store);
      assert.deepEqual(startsOf(first), [1, 1, 1]);
      await bench.advance(LAPSED_MS);
      const second = await claimedObject(store);
      assert.deepEqual(numbersOf(second), numbers.slice(0, 1));
      assert.deepEqual(startsOf(second), [2]);
      await bench.advance(LAPSED_MS);
      const third = await claimedObject(store);
      assert.deepEqual(numbersOf(third), numbers.slice(0, 1));
      assert.deepEqual(startsOf(third), [3]);
      assert.equal(third.events[0]?.attempts, 0);
      const dead: EventEnd = { number: numbers[0] ?? 0, kind: "dead", error: "It kills." };
      assert.equal(answered(await store.inbox.release(third, [dead])), "done");
      for (const number of numbers.slice(1)) {
        const next = await claimedObject(store);
        assert.deepEqual(numbersOf(next), [number]);
        assert.deepEqual(startsOf(next), [2]);
        assert.equal(answered(await store.inbox.release(next, doneOf(next.events))), "done");
      }
      assert.deepEqual(answered(await objectsOf(store)), []);
    },
  },
  {
    guarantee: 39,
    name: "an attempt that ended is counted, and one that was not tried is taken back",
    async run({ store }) {
      const [a = 0, b = 0] = await takenNumbers(store, "a", "b");
      const object = await claimedObject(store);
      const waits = { kind: "waiting", dueInMs: 0 } as const;
      const ends: EventEnd[] = [
        { ...waits, number: a, attempted: true, error: "The provider is away." },
        { ...waits, number: b, attempted: false },
      ];
      assert.equal(answered(await store.inbox.release(object, ends)), "done");
      assert.equal((await eventRecordOf(store, a)).error, "The provider is away.");
      assert.equal((await eventRecordOf(store, a)).attempts, 1);
      assert.equal((await eventRecordOf(store, b)).error, undefined);
      const { events } = await claimedObject(store);
      assert.deepEqual(
        events.map(({ number, starts, attempts }) => [number, starts, attempts]),
        [
          [a, 2, 1],
          [b, 1, 0],
        ],
      );
    },
  },
];
