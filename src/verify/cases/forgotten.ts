import assert from "node:assert/strict";
import { type Holder, holderOf } from "../../model/operation.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import { ALL_STALE, everyWrite, RESULT, STEP } from "./every-write.ts";
import {
  answered,
  assertSame,
  claimed,
  claimOf,
  inserting,
  LEASE_MS,
  recordOf,
  recordWrite,
  settlementOf,
  settleWrite,
} from "./sample.ts";

async function refuseTransactions(bench: StoreBench, holder: Holder): Promise<void> {
  for (const write of [recordWrite("zombie"), settleWrite()]) {
    const work = inserting(bench, "zombie", { write, value: 1 });
    const answer = answered(await bench.store.transact(holder, work));
    assert.deepEqual(answer, { kind: "refused", reason: "stale" });
  }
  assert.equal(await bench.userRows.count(), 0);
}

/** Guarantee 3 after a failover: who writes on what was forgotten. */
export const forgottenCases: readonly StoreCase[] = [
  {
    guarantee: 3,
    name: "a write of another claim with the same fence is stale: a failover forgot that claim",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      assert.equal(answered(await store.begin(record, STEP)), "done");
      const before = await recordOf(store, record.id);
      const forgotten = { ...record, attemptId: "forgotten" };
      assert.deepEqual(await everyWrite(store, forgotten), ALL_STALE);
      await refuseTransactions(bench, forgotten);
      assertSame(await recordOf(store, record.id), before);
      assert.equal(answered(await store.renew(record, LEASE_MS)), "done");
    },
  },
  {
    guarantee: 3,
    name: "a write that has seen more of the steps than there is is stale: a failover forgot it",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      assert.equal(answered(await store.begin({ ...record, seen: 0 }, STEP)), "done");
      const before = await recordOf(store, record.id);
      // A step and its send.
      const ahead = { ...record, seen: 3 };
      assert.deepEqual(await everyWrite(store, ahead), ALL_STALE);
      await refuseTransactions(bench, ahead);
      assertSame(await recordOf(store, record.id), before);
      const level = { ...record, seen: 2 };
      assert.equal(answered(await store.begin(level, STEP)), "done");
      assert.equal(answered(await store.record({ ...record, seen: 3 }, STEP.name, RESULT)), "done");
      const work = inserting(bench, "row", { write: recordWrite("reserve"), value: 1 });
      assert.equal(answered(await store.transact({ ...record, seen: 4 }, work)).kind, "committed");
      assert.deepEqual(await everyWrite(store, { ...record, seen: 7 }), ALL_STALE);
      const whole = holderOf(await recordOf(store, record.id));
      assert.equal(whole.seen, 6, "two steps, two sends and two results");
      assert.equal(answered(await store.settle(whole, settlementOf())), "done");
    },
  },
];
