import { recordId } from "../../src/model/key.ts";
import type { OperationRecord } from "../../src/model/operation.ts";
import type { StepEffect, StepRecord } from "../../src/model/step.ts";

/** A resumable operation in its first run, but for what a test says of it. */
export function runningRecord(given: Partial<OperationRecord>): OperationRecord {
  return {
    id: recordId("own", "acct_1", "key_1"),
    name: "checkout",
    version: 1,
    form: "resumable",
    state: "running",
    fence: 1,
    attemptId: "attempt_1",
    attempts: 1,
    leaseUntil: 30_000,
    runUntil: 600_000,
    fingerprint: new Uint8Array(32),
    recipe: "[]",
    createdAt: 0,
    steps: [],
    ...given,
  };
}

export type EffectGiven = Partial<StepEffect>;

/** An external step that was begun and has no result; by nothing can it be found again. */
export function begunStep(effect: EffectGiven): StepRecord {
  return {
    ...{ name: "charge", kind: "external", inputDigest: "digest", fence: 1, begunAt: 0 },
    effect: { generation: 0, lookUp: false, compensated: false, sends: [], ...effect },
  };
}
