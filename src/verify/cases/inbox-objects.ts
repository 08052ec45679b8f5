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
const LATER_MS = 60_000;

/** Guarantees 37 and 39 to 41: who handles an object's events, and when. */
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
    name: "objects that are due for longest come first, of the sources asked for, up to the limits",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const about = (key: string, object: string, source = SOURCE) =>
        eventOf(key, { object, source });
      for (const object of ["o2", "o1", "o3"]) {
        await taken(store, about(`${object}-1`, object));
        await bench.advance(1_000);
      }
      await taken(store, about("o1-2", "o1"), about("o1-3", "o1"), about("x", "o0", "adyen"));
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
    name: "a start is counted before anything is handled, and after one without an end events come alone",
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
    name: "events beyond a claim's limit, or that came while it was held, are due when it is given back",
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
