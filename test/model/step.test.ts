import assert from "node:assert/strict";
import { test } from "node:test";
import {
  isUntouched,
  nextGeneration,
  type ResultKind,
  type SendRecord,
  type StepRecord,
  sendsNow,
  standing,
  unfinished,
  type Verdict,
} from "../../src/model/step.ts";
import { begunStep, type EffectGiven } from "./examples.ts";

function send(generation: number, verdict?: Verdict): SendRecord {
  const sent = { number: 1, generation, fence: 1, sentAt: 0 };
  return verdict === undefined ? sent : { ...sent, verdict };
}

function ended(kind: ResultKind, effect: EffectGiven = {}): StepRecord {
  return { ...begunStep(effect), result: { kind, value: new Uint8Array(0) } };
}

/** An atomic step is recorded with its result and sends nothing. */
function atomicStep(): StepRecord {
  const { effect: _, ...step } = ended("succeeded");
  return { ...step, kind: "atomic" };
}

test("only an external step without a result leaves its effect open", () => {
  const open = begunStep({});
  assert.deepEqual(unfinished([open, ended("succeeded"), ended("declined"), open]), [open, open]);
  assert.deepEqual(unfinished([{ ...open, kind: "atomic" }, ended("not-executed")]), []);
});

test("an effect stands if it succeeded and was not taken back, nor takes another back", () => {
  const stands = ended("succeeded");
  const steps = [
    stands,
    ended("declined"),
    ended("not-executed"),
    begunStep({}),
    atomicStep(),
    ended("succeeded", { compensated: true }),
    ended("succeeded", { compensates: "charge" }),
  ];
  assert.deepEqual(standing(steps), [stands]);
  const { effect: _, ...bare } = stands;
  assert.deepEqual(standing([bare]), [bare]);
});

test("a step is untouched only if every send of it proved that nothing happened", () => {
  assert.ok(isUntouched([]));
  assert.ok(isUntouched([send(0, "not-executed"), send(0, "not-executed")]));
  for (const verdict of [undefined, "definite", "unanswered", "failed", "frozen"] as const)
    assert.ok(!isUntouched([send(0, "not-executed"), send(0, verdict)]), verdict);
});

test("the sends that count are those under the present key", () => {
  const sends = [send(0, "unanswered"), send(1, "not-executed"), send(1)];
  assert.deepEqual(sendsNow(1, sends), sends.slice(1));
  assert.deepEqual(sendsNow(2, sends), []);
});

test("a new provider key is made only after a proof that leaves a key which was used", () => {
  const used = { generation: 3, sends: [send(3, "unanswered")] };
  assert.equal(nextGeneration(ended("not-executed", used)), 4);
  // The key is asked with on, until a proof comes.
  assert.equal(nextGeneration(begunStep(used)), 3);
  assert.equal(nextGeneration(ended("declined", used)), 3);
  // No provider has seen a key whose every send failed before its first byte.
  const unused = { generation: 3, sends: [send(2, "unanswered"), send(3, "not-executed")] };
  assert.equal(nextGeneration(ended("not-executed", unused)), 3);
  assert.equal(nextGeneration(atomicStep()), 0);
});
