import fc from "fast-check";
import type { ClaimEvent, EndEvent, RecoverEvent } from "../../src/model/decide.ts";
import { recordId } from "../../src/model/key.ts";
import { DOUBTS, FORMS, isFinal, type OperationRecord, STATES } from "../../src/model/operation.ts";
import {
  RESULT_KINDS,
  type ResultKind,
  type StepEffect,
  type StepRecord,
} from "../../src/model/step.ts";

/** Times are small numbers, so that draws meet each other at the edges. */
const time = fc.integer({ min: 0, max: 30 });
const attempts = fc.integer({ min: 1, max: 6 });
const afterCrash = fc.constantFrom("doubt" as const, "rerun" as const, "probe" as const);
const nothing = { nil: undefined };
const half = { ...nothing, freq: 2 };

const step: fc.Arbitrary<StepRecord> = fc
  .record({
    kind: fc.constantFrom("external" as const, "external" as const, "atomic" as const),
    providerKey: fc.option(fc.constant("provider-key"), nothing),
    reference: fc.option(fc.constant("reference"), half),
    compensates: fc.option(fc.constant("step-0"), half),
    lookUp: fc.boolean(),
    compensated: fc.boolean(),
    result: fc.option(fc.constantFrom(...RESULT_KINDS), half),
    begunAt: time,
  })
  .map(({ kind, result, begunAt, ...draw }) => {
    const begun = { name: "", inputDigest: "digest", fence: 1, begunAt };
    const ended = (end: ResultKind) => ({
      result: { kind: end, value: new Uint8Array(0) },
      recordedAt: begunAt,
    });
    // An atomic step has its result from the start.
    if (kind === "atomic") return { ...begun, kind, ...ended("succeeded") };
    const { providerKey, reference, compensates, ...rest } = draw;
    const effect: StepEffect = {
      ...{ ...rest, generation: 0, sends: [] },
      ...(providerKey === undefined ? {} : { providerKey }),
      ...(reference === undefined ? {} : { reference }),
      ...(compensates === undefined ? {} : { compensates }),
    };
    return { ...begun, kind, effect, ...(result === undefined ? {} : ended(result)) };
  });

/** Any record that a store can hold. */
export const anyRecord: fc.Arbitrary<OperationRecord> = fc
  .record({
    state: fc.constantFrom(...STATES),
    form: fc.constantFrom("resumable" as const, ...FORMS),
    fence: fc.constantFrom(1, 2),
    attempts,
    attemptId: fc.constantFrom("mine", "theirs"),
    leaseUntil: time,
    runUntil: time,
    dueAt: fc.option(time, nothing),
    doubt: fc.constantFrom(...DOUBTS),
    missing: fc.constantFrom(undefined, "pruned" as const, "too-large" as const),
    steps: fc.array(step, { maxLength: 3 }),
  })
  .map((draw) => {
    const { state, form, fence, attemptId, missing, dueAt } = draw;
    const steps = form === "resumable" ? draw.steps : [];
    return {
      ...{ id: recordId("own", "a", "k"), name: "n", version: 1, form, state, fence, attemptId },
      ...{ attempts: draw.attempts, fingerprint: new Uint8Array(32), recipe: "[]", createdAt: 0 },
      steps: steps.map((entry, index) => ({ ...entry, name: `step-${index}` })),
      ...(state === "running" ? { leaseUntil: draw.leaseUntil, runUntil: draw.runUntil } : {}),
      ...(state === "waiting" || (state === "in_doubt" && dueAt !== undefined)
        ? { dueAt: dueAt ?? 0 }
        : {}),
      ...(state === "in_doubt" ? { doubt: draw.doubt } : {}),
      ...(isFinal(state) ? { finalAt: 0, outcome: outcomeOf(state, missing) } : {}),
    };
  });

function outcomeOf(
  kind: "succeeded" | "failed",
  missing: "pruned" | "too-large" | undefined,
): NonNullable<OperationRecord["outcome"]> {
  const response = { headers: [], body: new Uint8Array(0) };
  return { kind, status: 200, ...(missing === undefined ? { response } : { missing }) };
}

/** Any record that is not final and holds a keyless external step without result. */
export const anyKeyless: fc.Arbitrary<OperationRecord> = anyRecord
  .filter(({ state }) => !isFinal(state))
  .map((record) => {
    const sent = { name: "mail", kind: "external", inputDigest: "digest", fence: 1, begunAt: 0 };
    return { ...record, form: "resumable", steps: [...record.steps, sent as StepRecord] };
  });

export const anyRecover: fc.Arbitrary<RecoverEvent> = fc
  .record({ now: time, attemptsMax: attempts, afterCrash })
  .map((draw) => ({ type: "recover", ...draw }));

export const anyClaim: fc.Arbitrary<ClaimEvent> = fc
  .record({ now: time, attemptsMax: attempts, afterCrash, mine: fc.boolean() })
  .map(({ mine, ...draw }) => ({
    ...{ type: "claim", payload: "same", attemptId: mine ? "mine" : "another" },
    ...draw,
  }));

export const anyEnd: fc.Arbitrary<EndEvent> = fc
  .record({
    status: fc.constantFrom(undefined, 200, 400, 401, 422, 429, 500, 503),
    doubt: fc.option(fc.constantFrom(...DOUBTS), half),
    afterCrash,
    attemptsMax: attempts,
    backoffMs: fc.integer({ min: 1, max: 60_000 }),
  })
  .map(({ status, doubt, ...rest }) => ({
    type: "end",
    ...rest,
    ...(status === undefined ? {} : { status }),
    ...(doubt === undefined ? {} : { doubt }),
  }));
