import assert from "node:assert/strict";
import { test } from "node:test";
import { decide, type EndDecision, type EndEvent } from "../../src/model/decide.ts";
import { DOUBTS, type OperationRecord } from "../../src/model/operation.ts";
import type { StepRecord } from "../../src/model/step.ts";
import { begunStep, runningRecord } from "./examples.ts";

const ERROR: EndEvent = { type: "end", afterCrash: "rerun", attemptsMax: 10, backoffMs: 200 };
const OPEN = begunStep({ providerKey: "key" });
const value = new Uint8Array(0);
const DONE: StepRecord = { ...OPEN, result: { kind: "succeeded", value } };

function end(event: Partial<EndEvent>, given: Partial<OperationRecord> = {}): EndDecision {
  return decide(runningRecord(given), { ...ERROR, ...event });
}

const PARKED = { kind: "doubt", doubt: "effect-unknown", dueInMs: undefined, countAttempt: true };
const WAIT = { kind: "wait", dueInMs: 200 };
const LATER = { kind: "doubt", doubt: "effect-unknown", dueInMs: 200, countAttempt: true };

test("an error with nothing done waits for the next attempt", () => {
  for (const event of [{}, { status: 500 }, { status: 503 }, { status: 200 }])
    assert.deepEqual(end(event), WAIT);
});

test("a passing status with nothing done gives the claim back, a 4xx is the outcome", () => {
  for (const status of [401, 403, 408, 425, 429])
    assert.deepEqual(end({ status }), { kind: "release" });
  for (const status of [400, 402, 422])
    assert.deepEqual(end({ status }), { kind: "settle-failed-outcome" });
  // An attempt that is the last one changes neither.
  assert.deepEqual(end({ status: 429 }, { attempts: 10 }), { kind: "release" });
  assert.deepEqual(end({ status: 422 }, { attempts: 10 }), { kind: "settle-failed-outcome" });
});

test("over an effect that stands no status gives the claim back or fails", () => {
  for (const status of [429, 422]) {
    assert.deepEqual(end({ status }, { steps: [DONE] }), WAIT);
    assert.deepEqual(end({ status }, { steps: [OPEN] }), LATER);
    const doubt = "settle-failed";
    assert.deepEqual(end({ status, doubt }), { ...LATER, doubt });
  }
});

test("a step that can be found again makes the doubt due, and is named before the run's own", () => {
  assert.deepEqual(end({}, { steps: [OPEN] }), LATER);
  assert.deepEqual(end({ doubt: "settle-failed" }, { steps: [OPEN] }), LATER);
  assert.deepEqual(end({ doubt: "settle-failed" }), { ...LATER, doubt: "settle-failed" });
});

test("each doubt that running again would only repeat waits for a person, over any step", () => {
  for (const doubt of DOUBTS)
    for (const steps of [[], [DONE], [OPEN]]) {
      const person = ["definition-changed", "unreadable", "compensation-failed"].includes(doubt);
      const due = { ...LATER, doubt: steps.includes(OPEN) ? "effect-unknown" : doubt };
      assert.deepEqual(end({ doubt }, { steps }), person ? { ...PARKED, doubt } : due);
    }
});

test("a run that says that no attempt can help is parked, whatever else it has", () => {
  assert.deepEqual(end({ parked: true }), PARKED);
  assert.deepEqual(end({ parked: true, status: 422 }, { steps: [OPEN] }), PARKED);
  assert.deepEqual(end({ parked: false }), WAIT);
});

test("after the last attempt nothing is due, and the doubt says whether an effect is open", () => {
  assert.deepEqual(end({}, { attempts: 9 }), WAIT);
  assert.deepEqual(end({}, { attempts: 10 }), { ...PARKED, doubt: "attempts-exhausted" });
  assert.deepEqual(end({}, { attempts: 10, steps: [OPEN] }), PARKED);
  const settle = { doubt: "settle-failed" } as const;
  assert.deepEqual(end(settle, { attempts: 10 }), { ...PARKED, doubt: "attempts-exhausted" });
});

test("an attempt that came too early to help is given back, even the last one", () => {
  for (const attempts of [1, 10]) {
    const given = { attempts, steps: [OPEN] };
    assert.deepEqual(end({ early: true }, given), { ...LATER, countAttempt: false });
  }
  assert.deepEqual(end({ early: false }, { steps: [OPEN] }), LATER);
});

test("the next attempt comes no sooner than the provider knows more, nor than the back-off", () => {
  assert.deepEqual(end({ dueInMs: 60_000 }), { kind: "wait", dueInMs: 60_000 });
  assert.deepEqual(end({ dueInMs: 100 }), WAIT);
  const given = { steps: [OPEN] };
  assert.deepEqual(end({ dueInMs: 60_000 }, given), { ...LATER, dueInMs: 60_000 });
});

test("a wrapped handler's 408 proves nothing: a call of its own may have timed out", () => {
  const opaque = { form: "opaque" } as const;
  assert.deepEqual(end({ status: 408 }, opaque), WAIT);
  assert.deepEqual(end({ status: 408, afterCrash: "doubt" }, opaque), PARKED);
  assert.deepEqual(end({ status: 408, afterCrash: "probe" }, opaque), LATER);
  assert.deepEqual(end({ status: 429, afterCrash: "doubt" }, opaque), { kind: "release" });
  assert.deepEqual(end({ status: 408, afterCrash: "doubt" }), { kind: "release" });
});

test("a wrapped handler's error goes on as its mount chose, a resumable one's does not ask", () => {
  const opaque = { form: "opaque" } as const;
  assert.deepEqual(end({ afterCrash: "doubt" }, opaque), PARKED);
  assert.deepEqual(end({ afterCrash: "probe" }, opaque), LATER);
  assert.deepEqual(end({ afterCrash: "rerun" }, opaque), WAIT);
  for (const afterCrash of ["doubt", "probe"] as const) assert.deepEqual(end({ afterCrash }), WAIT);
  const last = { ...opaque, attempts: 10 };
  const exhausted = { ...PARKED, doubt: "attempts-exhausted" };
  assert.deepEqual(end({ afterCrash: "probe" }, last), exhausted);
  assert.deepEqual(end({ status: 422, afterCrash: "doubt" }, opaque), {
    kind: "settle-failed-outcome",
  });
});
