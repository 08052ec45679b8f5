import assert from "node:assert/strict";
import type { Holder } from "../../model/operation.ts";
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
    name: "a write that knows of more steps than there are is stale: a failover forgot one",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      assert.equal(answered(await store.begin({ ...record, stepsKnown: 0 }, STEP)), "done");
      const before = await recordOf(store, record.id);
      const ahead = { ...record, stepsKnown: 2 };
      assert.deepEqual(await everyWrite(store, ahead), ALL_STALE);
      await refuseTransactions(bench, ahead);
      assertSame(await recordOf(store, record.id), before);
      const level = { ...record, stepsKnown: 1 };
      assert.equal(answered(await store.record(level, STEP.name, RESULT)), "done");
      const work = inserting(bench, "row", { write: recordWrite("reserve"), value: 1 });
      assert.equal(answered(await store.transact(level, work)).kind, "committed");
      assert.deepEqual(await everyWrite(store, { ...record, stepsKnown: 3 }), ALL_STALE);
      const whole = { ...record, stepsKnown: 2 };
      assert.equal(answered(await store.settle(whole, settlementOf())), "done");
    },
  },
];
