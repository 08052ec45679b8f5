import assert from "node:assert/strict";
import { test } from "node:test";
import { type Continuation, decide, type RecoverEvent } from "../../src/model/decide.ts";
import type { OperationRecord } from "../../src/model/operation.ts";
import { begunStep, type EffectGiven, runningRecord } from "./examples.ts";

const NOW = 1_000_000;
const RECOVER: RecoverEvent = {
  type: "recover",
  now: NOW,
  attemptsMax: 10,
  afterCrash: "rerun",
};

/** How a record that is ready goes on. */
function next(given: Partial<OperationRecord>, event: Partial<RecoverEvent> = {}): Continuation {
  const { dueAt: _, ...ready } = runningRecord({ leaseUntil: NOW, runUntil: NOW });
  const record = { ...ready, ...(given.state === undefined ? {} : { dueAt: NOW }), ...given };
  const decision = decide(record, { ...RECOVER, ...event });
  assert.ok(decision.kind === "take-over", JSON.stringify(decision));
  return decision.next;
}

const RUN: Continuation = { kind: "run" };
const DOUBT: Continuation = { kind: "park", doubt: "effect-unknown" };
const EXHAUSTED: Continuation = { kind: "park", doubt: "attempts-exhausted" };

test("a duplicate of a run is asked to come back within a second, however long the lease", () => {
  const held = runningRecord({ leaseUntil: NOW + 30_000, runUntil: NOW + 600_000 });
  const refused = { kind: "refuse", code: "in-progress" };
  assert.deepEqual(decide(held, RECOVER), { ...refused, retryAfterMs: 1_000 });
  const ending = { ...held, leaseUntil: NOW + 300 };
  assert.deepEqual(decide(ending, RECOVER), { ...refused, retryAfterMs: 300 });
  const overdue = { ...held, runUntil: NOW + 200 };
  assert.deepEqual(decide(overdue, RECOVER), { ...refused, retryAfterMs: 200 });
});

test("whoever waits for a time is told the whole wait", () => {
  const refused = { kind: "refuse", retryAfterMs: 60_000 };
  const waiting = runningRecord({ state: "waiting", dueAt: NOW + 60_000 });
  assert.deepEqual(decide(waiting, RECOVER), { ...refused, code: "retry-scheduled" });
  const doubtful = { ...waiting, state: "in_doubt" } as const;
  assert.deepEqual(decide(doubtful, RECOVER), { ...refused, code: "in-doubt" });
});

test("a doubt that only a person settles is asked for again after five seconds", () => {
  const { dueAt: _, ...parked } = runningRecord({ state: "in_doubt", doubt: "effect-unknown" });
  const refused = { kind: "refuse", code: "in-doubt", retryAfterMs: 5_000 };
  assert.deepEqual(decide(parked, RECOVER), refused);
});

test("a running record without a lease is as good as lapsed", () => {
  const { leaseUntil: _, runUntil: __, ...bare } = runningRecord({});
  assert.deepEqual(decide(bare, RECOVER), { kind: "take-over", next: RUN });
  const { runUntil: ___, ...leased } = runningRecord({ leaseUntil: NOW + 1 });
  assert.deepEqual(decide(leased, RECOVER), { kind: "take-over", next: RUN });
});

const WAYS: readonly (readonly [string, EffectGiven, Continuation])[] = [
  ["its provider key", { providerKey: "key" }, RUN],
  ["a look-up", { lookUp: true }, RUN],
  ["a reference", { reference: "pi_1" }, RUN],
  ["nothing", {}, DOUBT],
];

for (const [way, effect, expected] of WAYS)
  test(`a step begun before a crash that has ${way} ${expected === RUN ? "goes on" : "waits"}`, () => {
    assert.deepEqual(next({ steps: [begunStep(effect)] }), expected);
    const proven = { kind: "not-executed", value: new Uint8Array(0) } as const;
    assert.deepEqual(next({ steps: [{ ...begunStep(effect), result: proven }] }), RUN);
  });

test("the last attempt that is counted is the last that runs", () => {
  assert.deepEqual(next({ attempts: 9 }), RUN);
  assert.deepEqual(next({ attempts: 10 }), EXHAUSTED);
  assert.deepEqual(next({ attempts: 9, form: "opaque" }), RUN);
  assert.deepEqual(next({ attempts: 10, form: "opaque" }), EXHAUSTED);
});

test("a wrapped handler that waits has proved that nothing happened, whatever its mount chose", () => {
  for (const afterCrash of ["doubt", "rerun", "probe"] as const)
    assert.deepEqual(next({ form: "opaque", state: "waiting" }, { afterCrash }), RUN);
});

test("a wrapped handler in doubt that is due goes on as its mount chose", () => {
  const doubtful = { form: "opaque", state: "in_doubt" } as const;
  assert.deepEqual(next(doubtful, { afterCrash: "doubt" }), DOUBT);
  assert.deepEqual(next(doubtful, { afterCrash: "rerun" }), RUN);
  assert.deepEqual(next(doubtful, { afterCrash: "probe" }), { kind: "probe" });
});

test("a probe that never knows is not asked for ever", () => {
  const crashed = { form: "opaque", attempts: 9 } as const;
  assert.deepEqual(next(crashed, { afterCrash: "probe" }), { kind: "probe" });
  assert.deepEqual(next({ ...crashed, attempts: 10 }, { afterCrash: "probe" }), EXHAUSTED);
});

test("what a person said of a wrapped handler ends it, before any probe or doubt", () => {
  const handler = { ...begunStep({}), name: "handler" };
  const value = new Uint8Array(0);
  const done = { ...handler, result: { kind: "succeeded", value } } as const;
  const referred = { ...begunStep({ reference: "order_1" }), name: "handler" };
  for (const afterCrash of ["doubt", "rerun", "probe"] as const)
    for (const step of [done, referred]) {
      const said = { form: "opaque", steps: [step] } as const;
      assert.deepEqual(next(said, { afterCrash }), { kind: "conclude" });
    }
  const undone = { ...handler, result: { kind: "not-executed", value } } as const;
  for (const step of [undone, handler, { ...done, name: "another" }])
    assert.deepEqual(next({ form: "opaque", steps: [step] }), RUN);
});
