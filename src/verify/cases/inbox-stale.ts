import assert from "node:assert/strict";
import type { ClaimedObject, EventEnd } from "../../store/inbox.ts";
import type { StoreCase } from "../bench.ts";
import {
  assertUntouched,
  claimedObject,
  doneOf,
  eventOf,
  eventRecordOf,
  objectsOf,
  stagedKeys,
  stagedOf,
  taken,
  takenNumbers,
  workOf,
} from "./inbox-sample.ts";
import { answered, crowd, inserting, LEASE_MS, within } from "./sample.ts";

const LAPSED_MS = LEASE_MS + 1_000;

/** Guarantee 38: whose handler commits, and whose does not. */
export const inboxStaleCases: readonly StoreCase[] = [
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
];

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
