import assert from "node:assert/strict";
import { test } from "node:test";
import { holderOf, isClaimOf, isHeldBy, type OperationRecord } from "../../src/model/operation.ts";
import { progressOf, type StepRecord } from "../../src/model/step.ts";

const step = (sends: number, kind?: "succeeded" | "declined" | "not-executed"): StepRecord => ({
  ...{ name: `s${sends}${kind}`, kind: "external", inputDigest: "", fence: 1, begunAt: 0 },
  ...(kind === undefined ? {} : { result: { kind, value: new Uint8Array(0) }, recordedAt: 0 }),
  effect: {
    ...{ generation: 0, lookUp: false, compensated: false },
    sends: Array.from({ length: sends }, (_, index) => ({
      ...{ number: index + 1, generation: 0, fence: 1, sentAt: 0 },
    })),
  },
});

const { effect, ...atomic } = step(0, "succeeded");

const RECORD: OperationRecord = {
  ...{ id: "a".repeat(64) as never, name: "pay", version: 1, form: "resumable", state: "running" },
  ...{ fence: 2, attemptId: "mine", attempts: 2, createdAt: 0, recipe: "r" },
  ...{ fingerprint: new Uint8Array(0), steps: [atomic, step(2, "declined"), step(1)] },
};

test("progress grows with every step, every send and every result", () => {
  assert.equal(progressOf([]), 0);
  assert.equal(progressOf([step(0)]), 1);
  assert.equal(progressOf([step(1)]), 2);
  assert.equal(progressOf([step(2)]), 3);
  assert.equal(progressOf([step(2, "not-executed")]), 4);
  assert.equal(progressOf([step(2, "declined")]), 4);
  assert.equal(progressOf([atomic]), 2);
  assert.equal(progressOf(RECORD.steps), 8);
});

test("who holds a record names its claim and all of its progress", () => {
  const holder = holderOf(RECORD);
  assert.deepEqual(holder, { id: RECORD.id, fence: 2, attemptId: "mine", seen: 8 });
  assert.ok(isHeldBy(RECORD, holder));
  assert.ok(isHeldBy(RECORD, { ...holder, seen: 7 }));
  const { seen, ...blind } = holder;
  assert.ok(isHeldBy({ ...RECORD, steps: [] }, blind));
});

test("another claim, another state and forgotten steps hold nothing", () => {
  const holder = holderOf(RECORD);
  for (const other of [{ fence: 1 }, { fence: 3 }, { attemptId: "yours" }]) {
    assert.ok(!isClaimOf(RECORD, { ...holder, ...other }));
    assert.ok(!isHeldBy(RECORD, { ...holder, ...other }));
  }
  assert.ok(isClaimOf({ ...RECORD, state: "waiting" }, holder));
  for (const state of ["waiting", "in_doubt", "succeeded", "failed"] as const)
    assert.ok(!isHeldBy({ ...RECORD, state }, holder));
  assert.ok(!isHeldBy({ ...RECORD, steps: RECORD.steps.slice(1) }, holder));
  assert.ok(!isHeldBy({ ...RECORD, steps: [] }, { ...holder, seen: 1 }));
});
