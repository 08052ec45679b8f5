import assert from "node:assert/strict";
import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type { EventEnd, InboxPruneAnswer, InboxPruneRequest } from "../../store/inbox.ts";
import type { Store } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import {
  claimedObject,
  databaseNow,
  eventOf,
  eventRecordOf,
  objectsOf,
  sorted,
  taken,
  takenNumbers,
} from "./inbox-sample.ts";
import { answered, assertNear, bytes } from "./sample.ts";

const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
const YEAR_MS = 365 * DAY_MS;

/** Guarantees 43 and 44, and 9 for what came in: events in the hands of a person. */
export const inboxKeepingCases: readonly StoreCase[] = [
  {
    guarantee: 43,
    name: "a redelivery makes ended events wait anew, but never one that was done",
    async run({ store }) {
      const { done, superseded, unhandled, dead, waiting } = await everyEnd(store);
      const filter = { limit: 100 };
      const by = { by: "ada@example.com", reason: "The handler is mended." };
      const answer = await store.inbox.redeliver({ filter, ...by, dryRun: false });
      assert.deepEqual(sorted(answered(answer)), [superseded, unhandled, dead]);
      const { state, attempts, error } = await eventRecordOf(store, done);
      assert.deepEqual([state, attempts, error], ["done", 0, undefined]);
      const record = await eventRecordOf(store, dead);
      assert.equal(record.state, "waiting");
      assert.equal(record.attempts, 0);
      assert.equal(record.endedAt, undefined);
      const { events } = await claimedObject(store);
      assert.deepEqual(
        events.map(({ number, starts }) => [number, starts]),
        [
          [superseded, 1],
          [unhandled, 1],
          [dead, 1],
        ],
      );
      assert.notEqual((await eventRecordOf(store, waiting)).waitsFor, undefined);
      const [ruling, ...more] = answered(await store.inbox.rulings(10));
      assert.deepEqual(more, []);
      assert.ok(ruling);
      const { at, filter: kept, ...rest } = ruling;
      assert.deepEqual(JSON.parse(kept), filter);
      assertNear(at, record.receivedAt);
      assert.deepEqual(rest, { action: "inbox.redeliver", ...by, dryRun: false, count: 3 });
    },
  },
  {
    guarantee: 43,
    name: "a dry run answers the same, changes nothing and is kept",
    async run({ store }) {
      const { dead, waiting } = await everyEnd(store);
      const before = answered(await store.inbox.list({ limit: 100 }));
      const order = { by: "ada", reason: "to see", dryRun: true };
      const filter = { numbers: [dead, waiting], limit: 10 };
      assert.deepEqual(answered(await store.inbox.redeliver({ filter, ...order })), [dead]);
      assert.deepEqual(answered(await store.inbox.list({ limit: 100 })), before);
      assert.deepEqual(answered(await objectsOf(store)), []);
      const real = { ...order, dryRun: false };
      assert.deepEqual(answered(await store.inbox.redeliver({ filter, ...real })), [dead]);
      assert.deepEqual(answered(await store.inbox.redeliver({ filter, ...real })), []);
      assert.deepEqual(
        answered(await store.inbox.rulings(2)).map(({ dryRun, count }) => [dryRun, count]),
        [
          [false, 0],
          [false, 1],
        ],
      );
      assert.equal(answered(await store.inbox.rulings(10)).length, 3);
      assert.deepEqual(answered(await store.outbox.rulings(10)), []);
    },
  },
  {
    guarantee: 44,
    name: "bodies of ended events go when they are old, never of those that wait or are dead",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { done, superseded, unhandled, dead, waiting } = await everyEnd(store);
      await bench.advance(WEEK_MS + DAY_MS);
      const [young = 0] = (await taken(store, eventOf("y", { state: "unhandled" }))).map(
        ({ number }) => number,
      );
      assert.deepEqual(await prune(store), { kind: "pruned", bodies: 3, keys: 0 });
      for (const number of [done, superseded, unhandled]) {
        const stored = answered(await store.inbox.read(number));
        assert.ok(stored);
        assert.equal(stored.body, undefined);
        const [again] = await taken(store, eventOf(stored.record.key));
        assert.deepEqual(again, { number, isNew: false, conflict: false });
      }
      for (const number of [dead, waiting, young])
        assert.ok(answered(await store.inbox.read(number))?.body);
      assert.deepEqual(await prune(store), { kind: "pruned", bodies: 0, keys: 0 });
      const order = { by: "ada", reason: "all", dryRun: false };
      const answer = await store.inbox.redeliver({ filter: { limit: 100 }, ...order });
      assert.deepEqual(sorted(answered(answer)), [dead, young]);
    },
  },
  {
    guarantee: 44,
    name: "keys of ended events go later, and what waits or is dead stays for ever",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const change = "succeeded:pi_1";
      await everyEnd(store);
      await taken(store, eventOf("changed", { change, aliases: ["x"], state: "unhandled" }));
      await bench.advance(YEAR_MS);
      await prune(store, { keyMs: 2 * YEAR_MS });
      assert.equal(answered(await store.inbox.list({ limit: 100 })).length, 6);
      let keys = 0;
      for (let round = 0; round < 3; round += 1) {
        const answer = await prune(store, { keyMs: YEAR_MS - DAY_MS });
        keys += answer.kind === "pruned" ? answer.keys : Number.NaN;
      }
      assert.equal(keys, 4);
      const left = answered(await store.inbox.list({ limit: 100 }));
      assert.deepEqual(left.map(({ state }) => state).sort(), ["dead", "waiting"]);
      const [again] = await taken(store, eventOf("another", { change, aliases: ["x"] }));
      assert.equal(again?.conflict, false);
      assert.equal((await eventRecordOf(store, again?.number ?? 0)).state, "waiting");
      const [done] = await taken(store, eventOf("done"));
      assert.equal(done?.isNew, true);
    },
  },
  {
    guarantee: 44,
    name: "a key goes only after its body, with the names that came with it and with no others",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const first = eventOf("a", { aliases: ["x"], state: "unhandled" });
      await taken(store, first, { ...first, aliases: ["x", "y"] });
      const accepted = await taken(
        store,
        ...[eventOf("b", { aliases: ["x", "z"] }), eventOf("b", { aliases: ["y"] })],
      );
      assert.ok(accepted.every(({ conflict }) => conflict));
      await bench.advance(DAY_MS);
      const nothing = { kind: "pruned", bodies: 0, keys: 0 };
      assert.deepEqual(await prune(store, { keyMs: 0 }), nothing);
      await bench.advance(YEAR_MS);
      assert.deepEqual(await prune(store), { ...nothing, bodies: 1 });
      assert.deepEqual(await prune(store), { ...nothing, keys: 1 });
      // One more delivery of the other event does not make it the owner of what it never had.
      await taken(store, eventOf("b"));
      const names = [["x"], ["y"], ["z"]] as const;
      const later = names.map((aliases, index) => eventOf(`later ${index}`, { aliases }));
      assert.deepEqual(
        (await taken(store, ...later)).map(({ conflict }) => conflict),
        [false, false, true],
      );
    },
  },
  {
    guarantee: 44,
    name: "nothing is pruned while the clocks disagree, and no more than the limit",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      for (const key of ["a", "b", "c"]) await taken(store, eventOf(key, { state: "unhandled" }));
      await bench.advance(YEAR_MS);
      for (const offMs of [-YEAR_MS, -CLOCK_MARGIN_MS - 60_000, CLOCK_MARGIN_MS + 60_000]) {
        const wall = (await databaseNow(store)) + offMs;
        const answer = await prune(store, { wall });
        assert.ok(answer.kind === "clocks-disagree");
        assertNear(answer.now, wall - offMs);
      }
      const bodies: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const answer = await prune(store, { limit: 2 });
        bodies.push(answer.kind === "pruned" ? answer.bodies : -1);
      }
      assert.deepEqual(bodies, [2, 1, 0]);
    },
  },
  {
    guarantee: 9,
    name: "events are listed newest first, filtered, and their pages lose none",
    async run({ store }) {
      const { dead } = await everyEnd(store);
      const about = { object: "refund:re_1", source: "adyen", type: "refund.created" };
      const [other = 0] = (await taken(store, eventOf("other", about))).map(({ number }) => number);
      const list = async (filter: Parameters<Store["inbox"]["list"]>[0]) =>
        answered(await store.inbox.list(filter)).map(({ number }) => number);
      const all = await list({ limit: 100 });
      assert.equal(all.length, 6);
      assert.deepEqual(all, sorted(all).reverse());
      const paged: number[] = [];
      for (let after: number | undefined; paged.length < 6; after = paged.at(-1)) {
        const page = await list({ limit: 2, ...(after === undefined ? {} : { after }) });
        assert.equal(page.length, 2);
        paged.push(...page);
      }
      assert.deepEqual(paged, all);
      const { object, source, type } = about;
      for (const filter of [{ object }, { source }, { type }, { ...about, numbers: all }])
        assert.deepEqual(await list({ ...filter, limit: 10 }), [other]);
      assert.deepEqual(await list({ state: "dead", limit: 10 }), [dead]);
      assert.deepEqual(await list({ state: "dead", source, limit: 10 }), []);
      assert.deepEqual(await list({ numbers: [], limit: 10 }), []);
      assert.equal(answered(await store.inbox.read(other + 1_000)), undefined);
    },
  },
  {
    guarantee: 9,
    name: "what came is counted per source, by how it came first and what became of it",
    async run({ store }) {
      await everyEnd(store);
      const swept = eventOf("swept", { source: "adyen", route: "sweep" });
      await taken(store, swept, swept, eventOf("hook", { source: "adyen" }));
      await taken(store, { ...swept, route: "webhook", fingerprint: bytes("forged") });
      await taken(store, eventOf("hook", { source: "adyen", route: "sweep" }));
      const counts = answered(await store.inbox.counts());
      assert.deepEqual(
        counts.toSorted((a, b) => (a.source < b.source ? -1 : 1)),
        [
          {
            ...{ source: "adyen", events: 2, swept: 1, waiting: 2, dead: 0 },
            ...{ deliveries: 5, conflicts: 1 },
          },
          {
            ...{ source: "stripe", events: 5, swept: 0, waiting: 1, dead: 1 },
            ...{ deliveries: 5, conflicts: 0 },
          },
        ],
      );
    },
  },
];

interface EveryEnd {
  readonly done: number;
  readonly superseded: number;
  readonly unhandled: number;
  readonly dead: number;
  /** Not due. */
  readonly waiting: number;
}

/** One event of one object in each state, named by it. */
async function everyEnd(store: Store): Promise<EveryEnd> {
  const names = ["done", "superseded", "unhandled", "dead", "waiting"];
  const numbers = await takenNumbers(store, ...names);
  const [done = 0, superseded = 0, unhandled = 0, dead = 0, waiting = 0] = numbers;
  const ends: EventEnd[] = [
    { number: done, kind: "done" },
    { number: superseded, kind: "superseded" },
    { number: unhandled, kind: "unhandled" },
    { number: dead, kind: "dead", error: "It says nothing." },
    {
      ...{ number: waiting, kind: "waiting", dueInMs: 2 * YEAR_MS },
      ...{ attempted: true, waitsFor: "order_1" },
    },
  ];
  assert.equal(answered(await store.inbox.release(await claimedObject(store), ends)), "done");
  return { done, superseded, unhandled, dead, waiting };
}

async function prune(
  store: Store,
  change: Partial<InboxPruneRequest> = {},
): Promise<InboxPruneAnswer> {
  const { wall = await databaseNow(store) } = change;
  const ages = { bodyMs: WEEK_MS, keyMs: YEAR_MS, limit: 100 };
  return answered(await store.inbox.prune({ ...ages, ...change, wall }));
}
