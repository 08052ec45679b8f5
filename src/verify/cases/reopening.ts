import assert from "node:assert/strict";
import type { StoreCase } from "../bench.ts";
import {
  AS_IT_IS,
  EVIDENCE,
  EXECUTED,
  evidenceCount,
  INTENT,
  NAMED,
  NOT_EXECUTED,
  park,
  parkedOf,
  VALUE,
} from "./doubts.ts";
import {
  answered,
  assertBytes,
  assertSame,
  bytes,
  claimed,
  claimOf,
  RUN_FOR_MS,
  recordOf,
  sendOf,
  settlementOf,
  stepOf,
  takeOverOf,
} from "./sample.ts";

/** Guarantee 29: what a person or a webhook knows settles a step, and the operation runs on. */
export const reopeningCases: readonly StoreCase[] = [
  {
    guarantee: 29,
    name: "an effect that was executed is settled with its value, and the operation is due",
    needs: ["skew"],
    async run(bench) {
      const { store } = bench;
      const parked = await parkedOf(store, "k");
      assert.equal(answered(await store.reopen(parked.id, EXECUTED)), "reopened");
      const record = await recordOf(store, parked.id);
      assert.equal(record.state, "waiting");
      assert.equal(record.attempts, 0);
      assert.equal(record.doubt, undefined);
      assert.equal(record.lastError, "timeout");
      // Whoever decided on what he had read before the word comes too late.
      assert.equal(record.fence, parked.fence + 1);
      assert.equal(answered(await store.takeOver(takeOverOf(parked))).kind, "stale");
      const [step] = record.steps;
      assert.equal(step?.result?.kind, "succeeded");
      assertBytes(step?.result?.value, VALUE);
      assert.equal(step?.effect?.reference, "pi_1");
      assert.equal(step?.recordedAt, record.dueAt);
      const [{ at, ...noted } = { at: 0 }] = answered(await store.evidence(parked.id));
      assert.deepEqual(noted, EVIDENCE);
      assert.ok(at >= parked.createdAt);
      const before = await evidenceCount(store, parked.id);
      for (const settled of [EXECUTED, NAMED, NOT_EXECUTED])
        assert.equal(answered(await store.reopen(parked.id, settled)), "settled-before");
      assert.equal(await evidenceCount(store, parked.id), before);
      assertSame(await recordOf(store, parked.id), record);
      const taken = answered(await store.takeOver(takeOverOf(record)));
      assert.ok(taken.kind === "claimed");
      assert.equal(taken.snapshot.record.attempts, 1);
      const settled = await store.settle(taken.snapshot.record, settlementOf());
      assert.equal(answered(settled), "done");
    },
  },
  {
    guarantee: 29,
    name: "a reference alone leaves the step open for the next run, and may be mended",
    async run({ store }) {
      const parked = await parkedOf(store, "k");
      for (const reference of ["pi_0", "pi_1"]) {
        const settled = { kind: "executed", reference } as const;
        const answer = await store.reopen(parked.id, { evidence: EVIDENCE, settled });
        assert.equal(answered(answer), "reopened");
        const record = await recordOf(store, parked.id);
        assert.equal(record.state, "in_doubt");
        assert.equal(record.doubt, "effect-unknown");
        assert.ok(record.dueAt);
        assert.equal(record.steps[0]?.result, undefined);
        assert.equal(record.steps[0]?.recordedAt, undefined);
        assert.equal(record.steps[0]?.effect?.reference, reference);
      }
      const reread = await recordOf(store, parked.id);
      const taken = answered(await store.takeOver(takeOverOf(reread)));
      assert.ok(taken.kind === "claimed");
      const { record } = taken.snapshot;
      const again = sendOf("charge", { target: INTENT });
      assert.equal(answered(await store.begin(record, again)), "stale");
      const end = { kind: "succeeded", value: VALUE } as const;
      assert.equal(answered(await store.record(record, "charge", end)), "done");
      assert.equal((await stepOf(store, record.id, "charge")).effect?.reference, "pi_1");
      assert.equal(await evidenceCount(store, record.id), 2);
      // The one that was named by mistake is free for whom it belongs to.
      const { record: other } = await claimed(store, claimOf("other"));
      answered(await store.begin(other, again));
      const owned = await store.record(other, "charge", { ...end, reference: "pi_0" });
      assert.equal(answered(owned), "done");
    },
  },
  {
    guarantee: 29,
    name: "an effect that was not executed is settled, may be mended, and is begun anew",
    async run({ store }) {
      const parked = await parkedOf(store, "k");
      assert.equal(answered(await store.reopen(parked.id, NAMED)), "reopened");
      for (const reopening of [NOT_EXECUTED, NAMED, NOT_EXECUTED, NOT_EXECUTED])
        assert.equal(answered(await store.reopen(parked.id, reopening)), "reopened");
      const record = await recordOf(store, parked.id);
      assert.equal(record.state, "waiting");
      const [step] = record.steps;
      assert.equal(step?.result?.kind, "not-executed");
      assertBytes(step?.result?.value, bytes(""));
      assert.equal(step?.effect?.reference, undefined);
      assert.equal(step?.effect?.sends[0]?.verdict, "unanswered");
      const taken = answered(await store.takeOver(takeOverOf(record)));
      assert.ok(taken.kind === "claimed");
      const anew = sendOf("charge", { target: INTENT, generation: 1, providerKey: "next-key" });
      assert.equal(answered(await store.begin(taken.snapshot.record, anew)), "done");
      const begun = await stepOf(store, record.id, "charge");
      assert.equal(begun.result, undefined);
      assert.equal(begun.effect?.generation, 1);
      assert.equal(begun.effect?.sends.length, 2);
      // The word has closed the first send, so that a proof for the second is one for the step.
      const refused = { kind: "not-executed" } as const;
      answered(await store.record(taken.snapshot.record, "charge", refused));
      const { result } = await stepOf(store, record.id, "charge");
      assert.equal(result?.kind, "not-executed");
    },
  },
  {
    guarantee: 29,
    name: "a reference that another step has adopted raises an alarm and settles all the same",
    async run({ store }) {
      const first = await parkedOf(store, "first");
      const second = await parkedOf(store, "second");
      assert.equal(answered(await store.reopen(first.id, NAMED)), "reopened");
      assert.equal(answered(await store.reopen(first.id, EXECUTED)), "reopened");
      assert.equal(answered(await store.reopen(second.id, EXECUTED)), "reopened");
      const sources = async (id: string): Promise<string[]> =>
        answered(await store.evidence(id)).map(({ source }) => source);
      assert.deepEqual(await sources(first.id), ["person", "person"]);
      assert.deepEqual(await sources(second.id), ["person", "alarm"]);
      assert.equal((await stepOf(store, second.id, "charge")).result?.kind, "succeeded");
    },
  },
  {
    guarantee: 29,
    name: "a compensation that a person settles lifts the refusal as well",
    async run({ store }) {
      const { record: old } = await claimed(store, claimOf("k"));
      answered(await store.begin(old, sendOf("charge")));
      answered(await store.record(old, "charge", { kind: "succeeded", value: VALUE }));
      answered(await store.begin(old, sendOf("refund", { compensates: "charge" })));
      await park(store, old);
      const evidence = { ...EVIDENCE, step: "refund" };
      assert.equal(answered(await store.reopen(old.id, { ...EXECUTED, evidence })), "reopened");
      const taken = answered(await store.takeOver(takeOverOf(await recordOf(store, old.id))));
      assert.ok(taken.kind === "claimed");
      const failed = settlementOf({ kind: "failed", status: 422 });
      assert.equal(answered(await store.settle(taken.snapshot.record, failed)), "done");
    },
  },
  {
    guarantee: 29,
    name: "a compensation that was declined may still be made by hand, and no other decline",
    async run({ store }) {
      const { record: old } = await claimed(store, claimOf("k"));
      const declined = { kind: "declined", value: VALUE } as const;
      answered(await store.begin(old, sendOf("charge")));
      answered(await store.record(old, "charge", { kind: "succeeded", value: VALUE }));
      for (const step of ["tip", "refund"]) {
        const compensates = step === "refund" ? { compensates: "charge" } : {};
        answered(await store.begin(old, sendOf(step, compensates)));
        answered(await store.record(old, step, declined));
      }
      await park(store, old, "compensation-failed");
      const word = (step: string) => ({ ...EXECUTED, evidence: { ...EVIDENCE, step } });
      assert.equal(answered(await store.reopen(old.id, word("tip"))), "settled-before");
      assert.equal(answered(await store.reopen(old.id, word("refund"))), "reopened");
      const record = await recordOf(store, old.id);
      assert.equal(record.state, "waiting");
      const charge = record.steps.find(({ name }) => name === "charge");
      assert.equal(charge?.effect?.compensated, true);
      assert.equal(answered(await store.reopen(old.id, word("refund"))), "settled-before");
    },
  },
  {
    guarantee: 29,
    name: "without a word on a step the operation is due as it is, with new attempts",
    async run({ store }) {
      const doubtful = await parkedOf(store, "doubtful");
      assert.equal(answered(await store.reopen(doubtful.id, AS_IT_IS)), "reopened");
      const again = await recordOf(store, doubtful.id);
      assert.equal(again.state, "in_doubt");
      assert.equal(again.doubt, "effect-unknown");
      assertSame(again.steps, doubtful.steps);
      const { record: tired } = await claimed(store, claimOf("tired"));
      await park(store, tired, "attempts-exhausted");
      assert.equal(answered(await store.reopen(tired.id, AS_IT_IS)), "reopened");
      const { record: waiting } = await claimed(store, claimOf("waiting"));
      const later = { state: "waiting", dueInMs: RUN_FOR_MS, countAttempt: true } as const;
      answered(await store.suspend(waiting, later));
      assert.equal(answered(await store.reopen(waiting.id, AS_IT_IS)), "reopened");
      for (const { id } of [tired, waiting]) {
        const { state, doubt, attempts, fence } = await recordOf(store, id);
        assert.deepEqual([state, doubt, attempts, fence], ["waiting", undefined, 0, 2]);
      }
      const definitions = [{ name: "checkout", version: 1 }];
      const due = answered(await store.due({ definitions, limit: 10 }));
      assert.equal(due.length, 3);
      for (const { id } of [doubtful, tired, waiting])
        assert.equal(await evidenceCount(store, id), 1);
    },
  },
];
