import assert from "node:assert/strict";
import type { Reopening } from "../../model/evidence.ts";
import type { Answer, Reopened, TakeOverAnswer } from "../../store.ts";
import type { StoreBench, StoreCase } from "../bench.ts";
import {
  AS_IT_IS,
  EVIDENCE,
  EXECUTED,
  evidenceCount,
  NAMED,
  NOT_EXECUTED,
  park,
  parkedOf,
} from "./doubts.ts";
import {
  answered,
  assertSame,
  claimed,
  claimOf,
  crowd,
  handlesOf,
  inserting,
  keylessSendOf,
  LEASE_MS,
  RUN_FOR_MS,
  recordOf,
  recordWrite,
  sendOf,
  settlementOf,
  stepOf,
  takenOver,
  takeOverOf,
} from "./sample.ts";

const ALL: readonly Reopening[] = [AS_IT_IS, EXECUTED, NAMED, NOT_EXECUTED];

/** Guarantee 29 again: when a reopening is refused, and that it never disturbs a claim. */
export const refusalCases: readonly StoreCase[] = [
  {
    guarantee: 29,
    name: "nothing is reopened that is unknown, final or held, nor a step that was never begun",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: held } = await claimed(store, claimOf("held"));
      answered(await store.begin(held, sendOf("charge")));
      const { record: final } = await claimed(store, claimOf("final"));
      answered(await store.settle(final, settlementOf()));
      const parked = await parkedOf(store, "parked");
      const { id } = claimOf("unknown");
      for (const reopening of ALL) {
        assert.equal(answered(await store.reopen(id, reopening)), "missing");
        await assertRefused(bench, held.id, reopening, "held");
        await assertRefused(bench, final.id, reopening, "final");
        if (reopening === AS_IT_IS) continue;
        for (const step of ["another", "handler"]) {
          const evidence = { ...EVIDENCE, step };
          await assertRefused(bench, parked.id, { ...reopening, evidence }, "no-such-step");
        }
      }
    },
  },
  {
    guarantee: 29,
    name: "an atomic step has its result from the start",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      const write = recordWrite("charge");
      answered(await store.transact(record, inserting(bench, "row", { write, value: 1 })));
      await park(store, record);
      for (const reopening of [EXECUTED, NAMED, NOT_EXECUTED])
        await assertRefused(bench, record.id, reopening, "settled-before");
    },
  },
  {
    guarantee: 29,
    name: "a claim whose lease or run has lapsed is nobody's any more, and its holder is stale",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const lapses = [
        { leaseMs: LEASE_MS, runForMs: RUN_FOR_MS },
        { leaseMs: RUN_FOR_MS, runForMs: LEASE_MS },
      ];
      for (const [index, change] of lapses.entries()) {
        const { record } = await claimed(store, claimOf(`k-${index}`, change));
        answered(await store.begin(record, sendOf("charge")));
        await assertRefused(bench, record.id, NOT_EXECUTED, "held");
        await bench.advance(LEASE_MS + 1_000);
        assert.equal(answered(await store.reopen(record.id, NOT_EXECUTED)), "reopened");
        const reopened = await recordOf(store, record.id);
        assert.equal(reopened.state, "waiting");
        assert.equal(reopened.leaseUntil, undefined);
        assert.equal(answered(await store.begin(record, sendOf("charge"))), "stale");
        assert.equal(answered(await store.settle(record, settlementOf())), "stale");
        assertSame(await recordOf(store, record.id), reopened);
      }
    },
  },
  {
    guarantee: 29,
    name: "a wrapped handler is the step `handler`, which its reopening makes",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      for (const [index, reopening] of [EXECUTED, NAMED, NOT_EXECUTED].entries()) {
        const { record } = await claimed(store, claimOf(`k-${index}`, { form: "opaque" }));
        await bench.advance(LEASE_MS + 1_000);
        await assertRefused(bench, record.id, reopening, "no-such-step");
        const evidence = { ...EVIDENCE, step: "handler" };
        assert.equal(
          answered(await store.reopen(record.id, { ...reopening, evidence })),
          "reopened",
        );
        const { kind, inputDigest, fence, begunAt, effect } = await stepOf(
          store,
          record.id,
          "handler",
        );
        assert.deepEqual([kind, inputDigest, fence], ["external", "", 1]);
        assert.ok(begunAt >= record.createdAt + LEASE_MS);
        assert.equal(effect?.generation, 0);
        assert.equal(effect?.lookUp, false);
        assert.equal(effect?.target, undefined);
        assert.equal(effect?.request?.length ?? 0, 0);
        assert.deepEqual(effect?.sends, []);
        const reopened = await recordOf(store, record.id);
        assert.equal(reopened.state, reopening === NAMED ? "in_doubt" : "waiting");
        if (reopening !== NAMED) continue;
        // Nothing was sent by us, and the answer is recorded all the same.
        const taken = answered(await store.takeOver(takeOverOf(reopened)));
        assert.ok(taken.kind === "claimed");
        const end = { kind: "succeeded", value: new Uint8Array(0) } as const;
        const { record: owned } = taken.snapshot;
        assert.equal(answered(await store.record(owned, "handler", end)), "done");
        const { result, effect: known } = await stepOf(store, record.id, "handler");
        assert.deepEqual([result?.kind, known?.sends], ["succeeded", []]);
      }
      const { record: other } = await claimed(store, claimOf("other", { form: "opaque" }));
      await bench.advance(LEASE_MS + 1_000);
      assert.equal(answered(await store.reopen(other.id, AS_IT_IS)), "reopened");
      const untold = await recordOf(store, other.id);
      assert.deepEqual([untold.steps, untold.state], [[], "in_doubt"]);
      // What is known of a step inside of it says nothing of the handler.
      const inner = await parkedOf(store, "inner", { form: "opaque" });
      assert.equal(answered(await store.reopen(inner.id, EXECUTED)), "reopened");
      assert.equal((await recordOf(store, inner.id)).state, "in_doubt");
    },
  },
  {
    guarantee: 29,
    name: "of twenty words on one step at the same time one settles it",
    needs: ["races"],
    async run(bench) {
      const { id } = await parkedOf(bench.store, "k");
      const answers = await crowd(bench, 20, async (store) =>
        answered(await store.reopen(id, EXECUTED)),
      );
      assert.equal(answers.filter((answer) => answer === "reopened").length, 1);
      assert.equal(answers.filter((answer) => answer === "settled-before").length, 19);
      assert.equal(await evidenceCount(bench.store, id), 1);
      assert.equal((await recordOf(bench.store, id)).state, "waiting");
    },
  },
  {
    guarantee: 29,
    name: "of a reopening and a take-over at the same time one wins, and the other changes nothing",
    needs: ["races", "skew"],
    async run(bench) {
      const [one, two] = await handlesOf(bench);
      assert.ok(one && two);
      for (let round = 0; round < 8; round += 1) {
        const { record } = await claimed(one, claimOf(`k-${round}`));
        answered(await one.begin(record, keylessSendOf("charge")));
        await bench.advance(LEASE_MS + 1_000);
        const takeOver = (): Promise<Answer<TakeOverAnswer>> => one.takeOver(takeOverOf(record));
        const early = round % 2 === 0 ? takeOver() : undefined;
        const reopening: Promise<Answer<Reopened>> = two.reopen(record.id, NOT_EXECUTED);
        const taken = answered(await (early ?? takeOver()));
        const reopened = answered(await reopening) === "reopened";
        const { state, fence, steps } = await recordOf(one, record.id);
        assert.notEqual(taken.kind === "claimed", reopened, "one of them wins");
        assert.equal(state, reopened ? "waiting" : "running");
        assert.equal(fence, 2);
        assert.equal(steps[0]?.result?.kind, reopened ? "not-executed" : undefined);
        if (taken.kind === "claimed") assertSame(taken.snapshot.record.steps, steps);
        assert.equal(await evidenceCount(one, record.id), reopened ? 1 : 0);
      }
    },
  },
  {
    guarantee: 29,
    name: "a step that a later claim settled is not reopened",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const { record: old } = await claimed(store, claimOf("k"));
      answered(await store.begin(old, sendOf("charge")));
      const { record } = await takenOver(bench, old);
      const end = { kind: "declined", value: new Uint8Array(0) } as const;
      answered(await store.record(record, "charge", end));
      await bench.advance(LEASE_MS + 1_000);
      for (const reopening of [EXECUTED, NAMED, NOT_EXECUTED])
        await assertRefused(bench, record.id, reopening, "settled-before");
    },
  },
];

/** A refused reopening changes nothing and adds nothing. */
async function assertRefused(
  { store }: StoreBench,
  id: string,
  reopening: Reopening,
  reason: string,
): Promise<void> {
  const before = await recordOf(store, id);
  const count = await evidenceCount(store, id);
  assert.equal(answered(await store.reopen(id, reopening)), reason);
  assertSame(await recordOf(store, id), before);
  assert.equal(await evidenceCount(store, id), count);
}
