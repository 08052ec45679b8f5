import assert from "node:assert/strict";
import type { AcceptRequest } from "../../store/inbox.ts";
import type { StoreCase } from "../bench.ts";
import { eventOf, eventRecordOf, objectsOf, repeated, SOURCE, taken } from "./inbox-sample.ts";
import { answered, assertBytes, assertNear, bytes, crowd } from "./sample.ts";

const EVERY_BYTE = new Uint8Array(Array.from({ length: 256 }, (_, index) => index));

/** Guarantees 33 to 36: what is taken in, once. */
export const inboxAcceptCases: readonly StoreCase[] = [
  {
    guarantee: 33,
    name: "the first accept is told that the event is new, the next ones count deliveries",
    async run({ store }) {
      const event = eventOf("evt_1", { route: "sweep", body: EVERY_BYTE, aliases: ["alias"] });
      const [first] = await taken(store, event);
      assert.ok(first);
      assert.deepEqual(first, { number: first.number, isNew: true, conflict: false });
      for (const body of [EVERY_BYTE, bytes("another body of the same content")]) {
        const [again] = await taken(store, { ...event, body, route: "webhook" });
        assert.deepEqual(again, { number: first.number, isNew: false, conflict: false });
      }
      const stored = answered(await store.inbox.read(first.number));
      assertBytes(stored?.body, EVERY_BYTE);
      assert.ok(stored);
      const { receivedAt, dueAt, ...record } = stored.record;
      assertNear(dueAt, receivedAt);
      assert.deepEqual(record, {
        ...{ number: first.number, source: SOURCE, key: "evt_1", type: event.type },
        ...{ object: event.object, state: "waiting", route: "sweep", endedAt: undefined },
        ...{ deliveries: 3, conflicts: 0, attempts: 0, waitsFor: undefined, error: undefined },
      });
    },
  },
  {
    guarantee: 33,
    name: "an event that nobody handles is kept, has ended and is never claimed",
    async run({ store }) {
      const [accepted] = await taken(store, eventOf("evt_1", { state: "unhandled" }));
      const record = await eventRecordOf(store, accepted?.number ?? 0);
      assert.equal(record.state, "unhandled");
      assertNear(record.endedAt, record.receivedAt);
      assert.equal(record.dueAt, undefined);
      assert.deepEqual(answered(await objectsOf(store)), []);
      assert.equal((await taken(store, eventOf("evt_1")))[0]?.isNew, false);
    },
  },
  {
    guarantee: 33,
    name: "one call may carry an event twice; numbers follow the order of the call",
    async run({ store }) {
      const keys = ["c", "a", "c", "b"];
      const accepted = await taken(store, ...keys.map((key) => eventOf(key)));
      assert.deepEqual(
        accepted.map(({ isNew }) => isNew),
        [true, true, false, true],
      );
      const [c, a, again, b] = accepted.map(({ number }) => number);
      assert.equal(again, c);
      assert.ok((c ?? 0) < (a ?? 0) && (a ?? 0) < (b ?? 0));
      assert.equal((await eventRecordOf(store, c ?? 0)).deliveries, 2);
    },
  },
  {
    guarantee: 33,
    name: "the same key of another source is another event",
    async run({ store }) {
      const accepted = await taken(store, eventOf("1"), eventOf("1", { source: "adyen" }));
      assert.ok(accepted.every(({ isNew }) => isNew));
      assert.notEqual(accepted[0]?.number, accepted[1]?.number);
    },
  },
  {
    guarantee: 33,
    name: "a hundred events accepted by ten at once, forwards and backwards, are new once each",
    needs: ["races"],
    async run(bench) {
      const events = Array.from({ length: 100 }, (_, index) =>
        eventOf(`evt_${index}`, { object: `payment_intent:pi_${index % 7}` }),
      );
      const answers = await crowd(bench, 10, async (store, index) => {
        const given = index % 4 < 2 ? events : events.toReversed();
        const accepted = await repeated(() => store.inbox.accept({ events: given }));
        assert.ok(accepted !== "stale");
        return given.map(({ key }, at) => ({ key, ...accepted[at] }));
      });
      const all = answers.flat();
      assert.equal(all.filter(({ isNew }) => isNew).length, 100);
      assert.ok(all.every(({ conflict }) => conflict === false));
      for (const { key } of events) {
        const those = all.filter((one) => one.key === key);
        assert.equal(those.filter(({ isNew }) => isNew).length, 1);
        assert.equal(new Set(those.map(({ number }) => number)).size, 1);
        assert.equal((await eventRecordOf(bench.store, those[0]?.number ?? 0)).deliveries, 10);
      }
      assert.equal(answered(await bench.store.inbox.list({ limit: 1_000 })).length, 100);
    },
  },
  {
    guarantee: 34,
    name: "the cursor moves with its events, and only from where it was read",
    async run({ store }) {
      const sweep = (cursor: AcceptRequest["cursor"], ...keys: string[]) =>
        store.inbox.accept({
          events: keys.map((key) => eventOf(key)),
          ...(cursor === undefined ? {} : { cursor }),
        });
      const from = (place: string | undefined, to: string) => ({ source: SOURCE, from: place, to });
      const isKnown = async (key: string) => (await taken(store, eventOf(key)))[0]?.isNew === false;
      assert.equal(answered(await store.inbox.cursor(SOURCE)), undefined);
      assert.equal(answered(await sweep(from("one", "two"), "a")), "stale");
      assert.notEqual(answered(await sweep(from(undefined, "one"), "b")), "stale");
      assert.equal(answered(await store.inbox.cursor(SOURCE)), "one");
      for (const place of [undefined, "zero", "ONE"])
        assert.equal(answered(await sweep(from(place, "two"), "a", "b")), "stale");
      assert.deepEqual(answered(await sweep(from("one", "two"))), []);
      assert.equal(answered(await store.inbox.cursor(SOURCE)), "two");
      assert.equal(answered(await store.inbox.cursor("adyen")), undefined);
      assert.equal(await isKnown("b"), true);
      assert.equal(await isKnown("a"), false);
    },
  },
  {
    guarantee: 34,
    name: "of ten sweeps from one place at the same time one is taken in",
    needs: ["races"],
    async run(bench) {
      for (const from of [undefined, "0"]) {
        const answers = await crowd(bench, 10, (store, index) => {
          const cursor = { source: SOURCE, from, to: from === undefined ? "0" : `next ${index}` };
          const events = [eventOf(`${from}-${index}-a`), eventOf(`${from}-${index}-b`)];
          return repeated(() => store.inbox.accept({ events, cursor }));
        });
        assert.equal(answers.filter((answer) => answer !== "stale").length, 1);
      }
      assert.equal(answered(await bench.store.inbox.list({ limit: 100 })).length, 4);
    },
  },
  {
    guarantee: 34,
    name: "an event that the store cannot hold takes all of its call with it",
    async run({ store }) {
      for (const text of ["nul\0", "half \ud800 of a pair"]) {
        const events = [`before ${text.length}`, text, `after ${text.length}`].map((key) =>
          eventOf(key),
        );
        const cursor = { source: `sweep ${text.length}`, from: undefined, to: "1" };
        const answer = await store.inbox.accept({ events, cursor });
        assert.notEqual(answer.kind, "not-known");
        const isIn = answer.kind === "ok";
        assert.equal(answered(await store.inbox.cursor(cursor.source)), isIn ? "1" : undefined);
        for (const event of [events[0], events[2]]) {
          const [accepted] = await taken(store, event ?? eventOf(""));
          assert.equal(accepted?.isNew, !isIn);
        }
      }
    },
  },
  {
    guarantee: 35,
    name: "a known key with other content is a conflict, and what was there stays",
    async run({ store }) {
      const event = eventOf("evt_1");
      const [first] = await taken(store, event);
      const other = { ...eventOf("of other content"), key: "evt_1", type: "another" };
      const [forged] = await taken(store, { ...other, object: "another" });
      assert.deepEqual(forged, { number: first?.number, isNew: false, conflict: true });
      const [again] = await taken(store, event);
      assert.equal(again?.conflict, false);
      const stored = answered(await store.inbox.read(first?.number ?? 0));
      assertBytes(stored?.body, event.body);
      assert.equal(stored?.record.type, event.type);
      assert.equal(stored?.record.object, event.object);
      assert.equal(stored?.record.conflicts, 1);
      assert.equal(stored?.record.deliveries, 3);
      const [counts] = answered(await store.inbox.counts());
      assert.equal(counts?.conflicts, 1);
    },
  },
  {
    guarantee: 35,
    name: "a fingerprint of one byte is compared with none",
    async run({ store }) {
      const unsigned = { fingerprint: Uint8Array.of(0) };
      for (const [first, second] of [[{}, unsigned] as const, [unsigned, {}] as const]) {
        const key = first === unsigned ? "swept first" : "signed first";
        const [taking, again] = await taken(store, eventOf(key, first), eventOf(key, second));
        assert.equal(again?.conflict, false);
        const [later] = await taken(store, eventOf(key, second));
        assert.deepEqual(later, { number: taking?.number, isNew: false, conflict: false });
      }
    },
  },
  {
    guarantee: 35,
    name: "a known alias under another key is a new event, and a conflict of that one",
    async run({ store }) {
      const [first] = await taken(store, eventOf("one", { aliases: ["x", "y"] }));
      const [again] = await taken(store, eventOf("one", { aliases: ["y"] }));
      assert.equal(again?.conflict, false);
      const [second] = await taken(store, eventOf("two", { aliases: ["z", "y"] }));
      assert.equal(second?.isNew, true);
      assert.equal(second?.conflict, true);
      const [elsewhere] = await taken(store, eventOf("1", { source: "adyen", aliases: ["y"] }));
      assert.equal(elsewhere?.conflict, false);
      // A key is no alias: what nobody has signed may say the same as what somebody has.
      const [named] = await taken(store, eventOf("three", { aliases: ["one"] }));
      assert.equal(named?.conflict, false);
      assert.equal((await eventRecordOf(store, first?.number ?? 0)).conflicts, 0);
      assert.equal((await eventRecordOf(store, second?.number ?? 0)).conflicts, 1);
    },
  },
  {
    guarantee: 36,
    name: "a second event of a change is taken in as superseded",
    async run({ store }) {
      const change = "succeeded:pi_1";
      const [first, second, other, elsewhere] = await taken(
        store,
        eventOf("one", { change }),
        eventOf("two", { change }),
        eventOf("three", { change: "succeeded:pi_2" }),
        eventOf("four", { change, source: "adyen" }),
      );
      assert.equal(second?.isNew, true);
      assert.equal(second?.conflict, false);
      const superseded = await eventRecordOf(store, second?.number ?? 0);
      assert.equal(superseded.state, "superseded");
      assertNear(superseded.endedAt, superseded.receivedAt);
      for (const accepted of [first, other, elsewhere])
        assert.equal((await eventRecordOf(store, accepted?.number ?? 0)).state, "waiting");
      const [again] = await taken(store, eventOf("one", { change }));
      assert.equal(again?.isNew, false);
      const [object] = answered(await objectsOf(store));
      assert.deepEqual(
        object?.events.map(({ key }) => key),
        ["one", "three"],
      );
    },
  },
  {
    guarantee: 36,
    name: "of twenty events of one change at the same time one waits",
    needs: ["races"],
    async run(bench) {
      const answers = await crowd(bench, 20, (store, index) => {
        const events = [eventOf(`evt_${index}`, { change: "succeeded:pi_1" })];
        return repeated(() => store.inbox.accept({ events }));
      });
      assert.ok(answers.every((answer) => answer !== "stale" && answer[0]?.isNew === true));
      const records = answered(await bench.store.inbox.list({ limit: 100 }));
      assert.equal(records.filter(({ state }) => state === "waiting").length, 1);
      assert.equal(records.filter(({ state }) => state === "superseded").length, 19);
    },
  },
];
