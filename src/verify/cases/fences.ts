import assert from "node:assert/strict";
import type { OperationStore } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import { ALL_STALE, everyWrite, LATER, STEP } from "./every-write.ts";
import {
  answered,
  assertSame,
  bytes,
  claimed,
  claimOf,
  crowd,
  firstOf,
  handlesOf,
  inserting,
  LEASE_MS,
  RUN_FOR_MS,
  recordOf,
  recordWrite,
  settlementOf,
  settleWrite,
  takenOver,
  takeOverOf,
  within,
} from "./sample.ts";

/** Guarantees 3, 7, 14 and 15: who may still write, and when another may begin. */
export const fenceCases: readonly StoreCase[] = [
  {
    guarantee: 3,
    name: "every write with an older fence is stale and changes nothing (H2)",
    needs: ["skew"],
    async run(bench) {
      const { record: old } = await claimed(bench.store, claimOf("k"));
      assert.equal(answered(await bench.store.begin(old, STEP)), "done");
      const { record: current } = await takenOver(bench, old);
      assert.deepEqual(await everyWrite(bench.store, old), ALL_STALE);
      assert.deepEqual(await everyWrite(bench.store, { ...old, fence: 99 }), ALL_STALE);
      assertSame(await recordOf(bench.store, old.id), current);
    },
  },
  {
    guarantee: 3,
    name: "a stale holder's transaction leaves no row, no message, no step (H2)",
    needs: ["skew", "rows"],
    async run(bench) {
      const { store } = bench;
      const { record: old } = await claimed(store, claimOf("k"));
      const { record: current } = await takenOver(bench, old);
      const message = { topic: "receipt", key: "m", payload: bytes("1") };
      for (const write of [
        recordWrite("reserve", [message]),
        settleWrite({ ...settlementOf(), messages: [message] }),
      ]) {
        const work = inserting(bench, "zombie", { write, value: 1 });
        const answer = answered(await store.transact(old, work));
        assert.deepEqual(answer, { kind: "refused", reason: "stale" });
      }
      assert.equal(await bench.userRows.count(), 0);
      assert.deepEqual(answered(await store.messages(old.id)), []);
      assertSame(await recordOf(store, old.id), current);
    },
  },
  {
    guarantee: 3,
    name: "of a transaction and a take-over during its callback one wins (H2)",
    needs: ["races", "skew", "rows", "async-callbacks"],
    async run(bench) {
      const { record: old } = await claimed(bench.store, claimOf("k"));
      const [, other] = await handlesOf(bench);
      const insert = inserting(bench, "row", { write: settleWrite(), value: 1 });
      let takeOver: ReturnType<OperationStore["takeOver"]> | undefined;
      const answer = await bench.store.transact(old, async (tx) => {
        const result = await insert(tx);
        await bench.advance(LEASE_MS + 1_000);
        takeOver = other?.takeOver(takeOverOf(old));
        // A store may hold the record while the transaction runs, and the take-over then waits.
        if (takeOver !== undefined) await firstOf(1_000, takeOver);
        return result;
      });
      assert.ok(takeOver);
      const taken = answered(await within(20_000, takeOver)).kind === "claimed";
      const committed = answered(answer).kind === "committed";
      assert.notEqual(taken, committed);
      assert.equal(await bench.userRows.count(), committed ? 1 : 0);
      const { state } = await recordOf(bench.store, old.id);
      assert.equal(state, committed ? "succeeded" : "running");
    },
  },
  {
    guarantee: 3,
    name: "an operation that does not run accepts no write, whatever the fence",
    async run({ store }) {
      const waiting = (await claimed(store, claimOf("waiting"))).record;
      assert.equal(answered(await store.suspend(waiting, LATER)), "done");
      const final = (await claimed(store, claimOf("final"))).record;
      assert.equal(answered(await store.settle(final, settlementOf())), "done");
      for (const holder of [waiting, final]) {
        const before = await recordOf(store, holder.id);
        assert.deepEqual(await everyWrite(store, holder), ALL_STALE);
        assertSame(await recordOf(store, holder.id), before);
      }
    },
  },
  {
    guarantee: 3,
    name: "the fence decides and not the clock: a lapsed lease that nobody took still settles",
    needs: ["skew"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      await bench.advance(LEASE_MS + 1_000);
      assert.equal(answered(await bench.store.settle(record, settlementOf())), "done");
      const { state, leaseUntil } = await recordOf(bench.store, record.id);
      assert.equal(state, "succeeded");
      assert.equal(leaseUntil, undefined);
    },
  },
  {
    guarantee: 7,
    name: "leases, due times and ages follow the database's clock",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record, now } = await claimed(store, claimOf("k"));
      assert.deepEqual(answered(await store.takeOver(takeOverOf(record))), { kind: "stale" });
      await bench.advance(100_000);
      const later = answered(await store.read(record.id));
      assert.ok(later && later.now >= now + 100_000);
      assert.equal(later.record.createdAt, record.createdAt);
      const { record: second } = await takenOver(bench, record);
      assert.ok((second.leaseUntil ?? 0) >= now + 100_000 + LEASE_MS);
      assert.equal(answered(await store.suspend(second, { ...LATER, dueInMs: 50_000 })), "done");
      const { dueAt = 0, leaseUntil } = await recordOf(store, record.id);
      assert.ok(dueAt >= now + 150_000);
      assert.equal(leaseUntil, undefined);
      assert.deepEqual(answered(await store.takeOver(takeOverOf(second))), { kind: "stale" });
      await bench.advance(51_000);
      assert.equal(answered(await store.takeOver(takeOverOf(second))).kind, "claimed");
    },
  },
  {
    guarantee: 14,
    name: "fifty take-overs of one lapsed operation have one winner",
    needs: ["races", "skew"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k"));
      await bench.advance(LEASE_MS + 1_000);
      const answers = await crowd(bench, 50, (store, index) =>
        store.takeOver({ ...takeOverOf(record), attemptId: `attempt-${index}` }),
      );
      const winners = answers.map((answer) => answered(answer)).filter(isClaimed);
      assert.equal(winners.length, 1);
      const after = await recordOf(bench.store, record.id);
      assert.equal(after.fence, 2);
      assert.equal(after.attempts, 2);
      assert.equal(after.attemptId, winners[0]?.snapshot.record.attemptId);
    },
  },
  {
    guarantee: 14,
    name: "a take-over needs the fence that was read, and clears the doubt",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const doubt = { state: "in_doubt", doubt: "effect-unknown", countAttempt: true } as const;
      answered(await store.suspend(record, { ...doubt, dueInMs: 1_000, error: "timeout" }));
      const parked = await recordOf(store, record.id);
      assert.equal(parked.doubt, "effect-unknown");
      assert.equal(parked.lastError, "timeout");
      await bench.advance(2_000);
      for (const fence of [0, 2])
        assert.equal(
          answered(await store.takeOver({ ...takeOverOf(parked), fence })).kind,
          "stale",
        );
      const taken = answered(await store.takeOver(takeOverOf(parked)));
      assert.ok(isClaimed(taken));
      const { record: next } = taken.snapshot;
      assert.equal(next.state, "running");
      assert.equal(next.doubt, undefined);
      assert.equal(next.dueAt, undefined);
      assert.equal(next.attemptId, takeOverOf(parked).attemptId);
      assertSame(await recordOf(store, record.id), next);
    },
  },
  {
    guarantee: 14,
    name: "nobody takes over a final operation, one that needs a person, or an unknown one",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const parked = (await claimed(store, claimOf("parked"))).record;
      const doubt = { state: "in_doubt", doubt: "attempts-exhausted", countAttempt: true } as const;
      answered(await store.suspend(parked, { ...doubt, dueInMs: undefined }));
      const final = (await claimed(store, claimOf("final"))).record;
      answered(await store.settle(final, settlementOf({ kind: "failed", status: 422 })));
      await bench.advance(RUN_FOR_MS * 10);
      const unknown = { ...final, id: claimOf("unknown").id };
      for (const record of [parked, final, unknown])
        assert.deepEqual(answered(await store.takeOver(takeOverOf(record))), { kind: "stale" });
      const definitions = [{ name: "checkout", version: 1 }];
      assert.deepEqual(answered(await store.due({ definitions, limit: 10 })), []);
    },
  },
  {
    guarantee: 14,
    name: "due lists what can be taken over now, of known definitions, oldest first",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const first = (await claimed(store, claimOf("first"))).record;
      await bench.advance(1_000);
      const second = (await claimed(store, claimOf("second"))).record;
      answered(await store.suspend(second, { ...LATER, dueInMs: LEASE_MS }));
      await claimed(store, claimOf("other name", { name: "refund" }));
      await claimed(store, claimOf("other version", { version: 2 }));
      const definitions = [{ name: "checkout", version: 1 }];
      const ids = async (limit: number): Promise<string[]> =>
        answered(await store.due({ definitions, limit })).map(({ record }) => record.id);
      assert.deepEqual(await ids(10), []);
      await bench.advance(LEASE_MS + 1_000);
      await claimed(store, claimOf("still leased"));
      assert.deepEqual(await ids(10), [first.id, second.id]);
      assert.deepEqual(await ids(1), [first.id]);
      // Neither the time of the claim nor the order of the calls says who has waited for longest.
      const third = (await claimed(store, claimOf("third"))).record;
      answered(await store.suspend(third, { ...LATER, dueInMs: 0 }));
      const before = answered(await store.takeOver(takeOverOf(first)));
      assert.ok(before.kind === "claimed");
      await bench.advance(1_000);
      answered(await store.suspend(before.snapshot.record, { ...LATER, dueInMs: 0 }));
      assert.deepEqual(await ids(10), [second.id, third.id, first.id]);
      assert.deepEqual(answered(await store.due({ definitions: [], limit: 10 })), []);
    },
  },
  {
    guarantee: 15,
    name: "a lease is never renewed beyond runUntil, and then another may begin (H16)",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k", { runForMs: 70_000 }));
      const runUntil = record.runUntil ?? 0;
      await bench.advance(20_000);
      assert.equal(answered(await store.renew(record, LEASE_MS)), "done");
      const renewed = await recordOf(store, record.id);
      assert.ok((renewed.leaseUntil ?? 0) >= (record.leaseUntil ?? 0) + 20_000);
      assert.equal(renewed.runUntil, runUntil);
      await bench.advance(30_000);
      assert.equal(answered(await store.renew(record, LEASE_MS)), "done");
      assert.equal((await recordOf(store, record.id)).leaseUntil, runUntil);
      await bench.advance(25_000);
      answered(await store.renew(record, LEASE_MS));
      assert.ok(((await recordOf(store, record.id)).leaseUntil ?? 0) <= runUntil);
      assert.equal(answered(await store.takeOver(takeOverOf(record))).kind, "claimed");
    },
  },
  {
    guarantee: 15,
    name: "a lease longer than the run ends with the run (H16)",
    needs: ["skew"],
    async run(bench) {
      const { record } = await claimed(bench.store, claimOf("k", { runForMs: 10_000 }));
      assert.ok((record.leaseUntil ?? 0) <= (record.runUntil ?? 0));
      await bench.advance(11_000);
      assert.equal(answered(await bench.store.takeOver(takeOverOf(record))).kind, "claimed");
    },
  },
];

function isClaimed<A extends { kind: string }>(
  answer: A,
): answer is Extract<A, { kind: "claimed" }> {
  return answer.kind === "claimed";
}
