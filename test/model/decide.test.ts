import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decide, type EndDecision } from "../../src/model/decide.ts";
import {
  isFinal,
  type OperationRecord,
  STATES,
  type State,
  TRANSITIONS,
} from "../../src/model/operation.ts";
import { standing, unfinished } from "../../src/model/step.ts";
import { testProperty } from "../property.ts";
import { anyClaim, anyEnd, anyKeyless, anyRecord, anyRecover } from "./records.ts";

const anyRun = fc.oneof(anyClaim, anyRecover);
const running = anyRecord.filter(({ state }) => state === "running");

testProperty(
  "a mismatch is told first, alike in every state, and discloses nothing (S12)",
  fc.property(anyRecord, anyClaim, (record, claim) => {
    const other = decide(record, { ...claim, payload: "other" });
    assert.deepEqual(other, { kind: "refuse", code: "key-reused" });
    const unknown = decide(record, { ...claim, payload: "recipe-unknown" });
    assert.deepEqual(unknown, { kind: "refuse", code: "recipe-unknown" });
  }),
);

testProperty(
  "a final operation is replayed or refused, never taken over",
  fc.property(
    anyRecord.filter(({ state }) => isFinal(state)),
    anyRun,
    (record, event) => {
      const decision = decide(record, event);
      if (record.outcome?.response !== undefined) {
        assert.deepEqual(decision, { kind: "replay" });
      } else {
        const large = record.outcome?.missing === "too-large";
        const code = large ? "response-not-replayable" : "key-expired";
        assert.deepEqual(decision, { kind: "refuse", code });
      }
    },
  ),
);

testProperty(
  "an operation is taken over exactly when its lease or its run has ended, or it is due",
  fc.property(
    anyRecord.filter(({ state }) => !isFinal(state)),
    anyRecover,
    (record, event) => {
      const decision = decide(record, event);
      const ready = readyAt(record);
      assert.equal(decision.kind === "take-over", ready !== undefined && ready <= event.now);
      if (decision.kind === "take-over") {
        assert.ok(TRANSITIONS[record.state].includes("running"));
        return;
      }
      assert.ok(decision.kind === "refuse" && (decision.retryAfterMs ?? 0) > 0);
      const codes = { running: "in-progress", waiting: "retry-scheduled", in_doubt: "in-doubt" };
      assert.equal(decision.code, codes[record.state as keyof typeof codes]);
      if (ready !== undefined) assert.equal(decision.retryAfterMs, ready - event.now);
    },
  ),
);

testProperty(
  "only a running record that carries our own attempt is recognised as our claim",
  fc.property(anyRecord, anyClaim, (record, claim) => {
    const mine = record.state === "running" && record.attemptId === claim.attemptId;
    // What a take-over of a wrapped handler was to do next is lost with its answer.
    const clear = record.form !== "opaque" || record.fence === 1;
    assert.equal(decide(record, claim).kind === "own", mine && clear);
  }),
);

testProperty(
  "a take-over never runs on after a keyless effect that may have happened (H5)",
  fc.property(anyKeyless, anyRun, (record, event) => {
    const decision = decide(record, event);
    if (decision.kind === "take-over")
      assert.deepEqual(decision.next, { kind: "park", doubt: "effect-unknown" });
  }),
);

testProperty(
  "attempts are bounded: the last resort is doubt",
  fc.property(anyRecord, anyRun, anyEnd, (record, run, end) => {
    const taken = decide(record, run);
    if (taken.kind === "take-over" && taken.next.kind === "run")
      assert.ok(record.attempts < run.attemptsMax);
    if (record.attempts >= end.attemptsMax) {
      const decision = decide(record, end);
      assert.notEqual(decision.kind, "wait");
      if (decision.kind === "doubt") assert.equal(decision.dueInMs, undefined);
    }
  }),
);

testProperty(
  "a crashed opaque handler goes on as its mount chose (H9)",
  fc.property(running, anyRecover, (record, event) => {
    const opaque = { ...record, form: "opaque", steps: [] } as const;
    const decision = decide(opaque, event);
    fc.pre(decision.kind === "take-over");
    const { next } = decision;
    const exhausted = record.attempts >= event.attemptsMax;
    if (event.afterCrash === "doubt")
      assert.deepEqual(next, { kind: "park", doubt: "effect-unknown" });
    else if (exhausted) assert.deepEqual(next, { kind: "park", doubt: "attempts-exhausted" });
    else assert.deepEqual(next, { kind: event.afterCrash === "probe" ? "probe" : "run" });
  }),
);

testProperty(
  "nothing is settled over an unfinished step, nothing fails over a standing effect (H3)",
  fc.property(running, fc.constantFrom("succeeded", "failed"), (record, kind) => {
    const decision = decide(record, { type: "settle", kind });
    if (unfinished(record.steps).length > 0)
      assert.deepEqual(decision, { kind: "refuse", code: "step-unfinished" });
    else if (kind === "failed" && standing(record.steps).length > 0)
      assert.deepEqual(decision, { kind: "refuse", code: "effect-uncompensated" });
    else assert.deepEqual(decision, { kind: "settle" });
  }),
);

testProperty(
  "a run is only released or failed with proof that nothing happened",
  fc.property(running, anyEnd, (record, end) => {
    const decision = decide(record, end);
    if (decision.kind === "release" || decision.kind === "settle-failed-outcome") {
      assert.ok(unfinished(record.steps).length === 0);
      assert.ok(standing(record.steps).length === 0);
      assert.ok(end.doubt === undefined);
      assert.ok(end.status !== undefined && end.status >= 400 && end.status < 500);
    }
    if (decision.kind === "wait") assert.equal(unfinished(record.steps).length, 0);
  }),
);

testProperty(
  "a run that ends over a keyless effect waits for a person",
  fc.property(anyKeyless, anyEnd, (record, end) => {
    const decision = decide(record, end);
    assert.ok(decision.kind === "doubt" && decision.dueInMs === undefined);
  }),
);

testProperty(
  "an atomic record that is not final can only be looked at by a person",
  fc.property(anyKeyless, anyRecover, (record, event) => {
    const decision = decide({ ...record, form: "atomic", steps: [] }, event);
    fc.pre(decision.kind === "take-over");
    assert.deepEqual(decision.next, { kind: "park", doubt: "effect-unknown" });
  }),
);

testProperty(
  "changed code and unreadable data wait for a person, whatever else is known",
  fc.property(
    running,
    anyEnd,
    fc.constantFrom("definition-changed", "unreadable"),
    (record, end, doubt) => {
      const decision = decide(record, { ...end, doubt });
      assert.deepEqual(decision, { kind: "doubt", doubt, dueInMs: undefined, countAttempt: true });
    },
  ),
);

testProperty(
  "an opaque handler whose error proves nothing is parked where its mount chose doubt (H9)",
  fc.property(running, fc.constantFrom(undefined, 500, 503), anyEnd, (record, status, end) => {
    const { status: _, doubt: __, ...rest } = end;
    const event = {
      ...rest,
      ...(status === undefined ? {} : { status }),
      afterCrash: "doubt",
    } as const;
    const decision = decide({ ...record, form: "opaque", steps: [] }, event);
    assert.deepEqual(decision, {
      kind: "doubt",
      doubt: "effect-unknown",
      dueInMs: undefined,
      countAttempt: true,
    });
  }),
);

testProperty(
  "every end of a run is a legal transition",
  fc.property(running, anyEnd, (record, end) => {
    const state = STATE_AFTER[decide(record, end).kind];
    assert.ok(TRANSITIONS.running.includes(state));
  }),
);

testProperty(
  "a decision depends on its arguments alone and leaves them as they were",
  fc.property(anyRecord, anyRun, (record, event) => {
    const [before, asked] = [structuredClone(record), structuredClone(event)];
    assert.deepEqual(decide(record, event), decide(before, asked));
    assert.deepEqual([record, event], [before, asked]);
  }),
);

test("final states have no way out, and every state is reached from a claim", () => {
  const reached = new Set<State>(["running"]);
  for (const state of reached) for (const next of TRANSITIONS[state]) reached.add(next);
  assert.deepEqual([...reached].sort(), [...STATES].sort());
  for (const state of STATES) assert.equal(TRANSITIONS[state].length === 0, isFinal(state));
  // Whatever waits is claimed again before it ends.
  for (const state of ["waiting", "in_doubt"] as const)
    assert.ok(!TRANSITIONS[state].some(isFinal), state);
});

const STATE_AFTER: Readonly<Record<EndDecision["kind"], State>> = {
  "settle-failed-outcome": "failed",
  release: "waiting",
  wait: "waiting",
  doubt: "in_doubt",
};

function readyAt(record: OperationRecord): number | undefined {
  if (record.state !== "running") return record.dueAt;
  return Math.min(record.leaseUntil ?? 0, record.runUntil ?? 0);
}
