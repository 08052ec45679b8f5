import assert from "node:assert/strict";
import type { Holder } from "../../model/operation.ts";
import type { OperationStore, Recorded } from "../../store.ts";
import type { StoreCase } from "../bench.ts";
import {
  answered,
  assertBytes,
  bytes,
  claimed,
  claimOf,
  crowd,
  inserting,
  recordOf,
  sendOf,
  settlementOf,
  settleWrite,
  stepOf,
} from "./sample.ts";

const INTENT = { provider: "stripe", kind: "payment_intent" };
const REFUND = { provider: "stripe", kind: "refund" };
const VALUE = bytes('{"id":"pi_1"}');
const FAILED = settlementOf({ kind: "failed", status: 422 });

/** Guarantees 27 and 30: whose an effect is, and whether it was taken back. */
export const referenceCases: readonly StoreCase[] = [
  {
    guarantee: 27,
    name: "a second adoption of a reference is recorded all the same, with an alarm",
    async run({ store }) {
      const { record: one } = await claimed(store, claimOf("one"));
      const { record: two } = await claimed(store, claimOf("two"));
      assert.equal(await adopt(store, one, "charge", "pi_1"), "done");
      assert.equal(await adopt(store, two, "charge", "pi_1"), "reference-taken");
      for (const { id } of [one, two]) {
        const { result, effect } = await stepOf(store, id, "charge");
        assert.equal(result?.kind, "succeeded");
        assertBytes(result?.value, VALUE);
        assert.equal(effect?.reference, "pi_1");
        assert.equal(effect?.sends[0]?.verdict, "definite");
      }
      assert.deepEqual(answered(await store.evidence(one.id)), []);
      const [alarm, ...more] = answered(await store.evidence(two.id));
      assert.deepEqual(more, []);
      assert.equal(alarm?.source, "alarm");
      assert.equal(alarm?.finding, "executed");
      assert.equal(alarm?.step, "charge");
      assert.equal(alarm?.reference, "pi_1");
      assert.ok(alarm?.detail?.includes(one.id), "the alarm names the owner");
      assert.ok((alarm?.at ?? 0) >= two.createdAt);
      assert.equal(answered(await store.settle(two, settlementOf())), "done");
    },
  },
  {
    guarantee: 27,
    name: "two steps of one operation cannot adopt the same reference either",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      assert.equal(await adopt(store, record, "charge", "pi_1"), "done");
      assert.equal(await adopt(store, record, "charge again", "pi_1"), "reference-taken");
      const [alarm] = answered(await store.evidence(record.id));
      assert.equal(alarm?.step, "charge again");
    },
  },
  {
    guarantee: 27,
    name: "references of other kinds, other providers and of no target are their own",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      const targets = [INTENT, REFUND, { ...INTENT, provider: "adyen" }, undefined, undefined];
      for (const [index, target] of targets.entries()) {
        const name = `step-${index}`;
        const begin = sendOf(name, target === undefined ? {} : { target });
        assert.equal(answered(await store.begin(record, begin)), "done");
        const end = { kind: "declined", value: VALUE, reference: "pi_1" } as const;
        assert.equal(answered(await store.record(record, name, end)), "done");
        assert.equal((await stepOf(store, record.id, name)).effect?.reference, "pi_1");
      }
      assert.deepEqual(answered(await store.evidence(record.id)), []);
    },
  },
  {
    guarantee: 27,
    name: "of twenty steps that name one reference at the same time one adopts it",
    needs: ["races"],
    async run(bench) {
      const records: Holder[] = [];
      for (let index = 0; index < 20; index += 1) {
        const { record } = await claimed(bench.store, claimOf(`k-${index}`));
        answered(await bench.store.begin(record, sendOf("charge", { target: INTENT })));
        records.push(record);
      }
      const end = { kind: "succeeded", value: VALUE, reference: "pi_1" } as const;
      const answers = await crowd(bench, 20, async (store, index) =>
        answered(await store.record(records[index] ?? assert.fail(), "charge", end)),
      );
      assert.equal(answers.filter((answer) => answer === "done").length, 1);
      assert.equal(answers.filter((answer) => answer === "reference-taken").length, 19);
      for (const [index, { id }] of records.entries()) {
        const alarms = answered(await bench.store.evidence(id)).length;
        assert.equal(alarms, answers[index] === "done" ? 0 : 1);
        assert.equal((await stepOf(bench.store, id, "charge")).result?.kind, "succeeded");
      }
    },
  },
  {
    guarantee: 30,
    name: "a succeeded compensation lets the operation fail, and stands for nothing itself",
    needs: ["rows"],
    async run(bench) {
      const { store } = bench;
      const { record } = await claimed(store, claimOf("k"));
      assert.equal(await adopt(store, record, "charge", "pi_1"), "done");
      assert.equal(answered(await store.settle(record, FAILED)), "effect-uncompensated");
      const refund = sendOf("refund", { target: REFUND, compensates: "charge" });
      assert.equal(answered(await store.begin(record, refund)), "done");
      assert.equal((await stepOf(store, record.id, "refund")).effect?.compensates, "charge");
      assert.equal((await stepOf(store, record.id, "charge")).effect?.compensated, false);
      assert.equal(answered(await store.settle(record, FAILED)), "step-unfinished");
      const end = { kind: "succeeded", value: VALUE, reference: "re_1" } as const;
      assert.equal(answered(await store.record(record, "refund", end)), "done");
      assert.equal((await stepOf(store, record.id, "charge")).effect?.compensated, true);
      assert.equal((await stepOf(store, record.id, "refund")).effect?.compensated, false);
      const work = inserting(bench, "row", { write: settleWrite(FAILED), value: 1 });
      assert.equal(answered(await store.transact(record, work)).kind, "committed");
      assert.equal((await recordOf(store, record.id)).state, "failed");
      assert.equal(await bench.userRows.count(), 1);
    },
  },
  {
    guarantee: 30,
    name: "a compensation that failed, or is of another step, lifts nothing",
    async run({ store }) {
      const { record } = await claimed(store, claimOf("k"));
      await adopt(store, record, "charge", "pi_1");
      const wrong = [
        ["refund-1", "charge", { kind: "declined", value: VALUE }],
        ["refund-2", "charge", { kind: "not-executed" }],
        ["refund-3", "another", { kind: "succeeded", value: VALUE }],
        ["refund-4", "refund-4", { kind: "succeeded", value: VALUE }],
      ] as const;
      for (const [name, compensates, end] of wrong) {
        answered(await store.begin(record, sendOf(name, { compensates })));
        assert.equal(answered(await store.record(record, name, end)), "done");
        assert.equal((await stepOf(store, record.id, "charge")).effect?.compensated, false);
        assert.equal(answered(await store.settle(record, FAILED)), "effect-uncompensated");
      }
      answered(await store.begin(record, sendOf("refund", { compensates: "charge" })));
      answered(await store.record(record, "refund", { kind: "succeeded", value: VALUE }));
      assert.equal(answered(await store.settle(record, FAILED)), "done");
    },
  },
];

/** Begins a payment and records that it succeeded under a reference. */
async function adopt(
  store: OperationStore,
  holder: Holder,
  name: string,
  reference: string,
): Promise<Recorded> {
  assert.equal(answered(await store.begin(holder, sendOf(name, { target: INTENT }))), "done");
  const end = { kind: "succeeded", value: VALUE, reference } as const;
  return answered(await store.record(holder, name, end));
}
