import type { ErrorCode } from "./errors.ts";
import { type Doubt, isFinal, type OperationRecord } from "./operation.ts";
import { judgeStatus, type OutcomeKind } from "./outcome.ts";
import { OPAQUE_STEP, type StepRecord, standing, unfinished } from "./step.ts";

/** A claim that met a record: what the claimer knows, and the database's time at the read. */
export interface ClaimEvent {
  readonly type: "claim";
  readonly now: number;
  readonly attemptId: string;
  /** The payload against the record's fingerprint, by the record's own recipe. */
  readonly payload: "same" | "other" | "recipe-unknown";
  readonly attemptsMax: number;
  /** What a crashed opaque handler's mount chose. */
  readonly afterCrash: "doubt" | "rerun" | "probe";
}

/** A worker that found a lapsed or due record. */
export interface RecoverEvent extends Omit<ClaimEvent, "type" | "payload" | "attemptId"> {
  readonly type: "recover";
}

/** A run that wants to end with an outcome. */
export interface SettleEvent {
  readonly type: "settle";
  readonly kind: OutcomeKind;
}

/** A run that ended without one. */
export interface EndEvent {
  readonly type: "end";
  /** The status that the handler threw or returned, if it spoke HTTP. */
  readonly status?: number;
  /** The doubt that the run itself declared, such as a settle that failed for good. */
  readonly doubt?: Doubt;
  /** No later attempt can resolve the doubt. */
  readonly parked?: boolean;
  /** Not before then may a later attempt know more, in milliseconds from now. */
  readonly dueInMs?: number;
  /** Nothing was tried that could have helped yet, so the attempt is given back. */
  readonly early?: boolean;
  readonly afterCrash: "doubt" | "rerun" | "probe";
  readonly attemptsMax: number;
  /** The wait before the next attempt, in milliseconds. */
  readonly backoffMs: number;
}

/**
 * How to go on after a take-over: run the handler, ask the probe, end with what a person said of a
 * wrapped handler, or park in doubt.
 */
export type Continuation =
  | { readonly kind: "run" }
  | { readonly kind: "conclude" }
  | { readonly kind: "probe" }
  | { readonly kind: "park"; readonly doubt: Doubt };

export type ClaimDecision =
  | { readonly kind: "refuse"; readonly code: ErrorCode; readonly retryAfterMs?: number }
  | { readonly kind: "replay" }
  | { readonly kind: "own" }
  | { readonly kind: "take-over"; readonly next: Continuation };

export type EndDecision =
  | { readonly kind: "settle-failed-outcome" }
  | { readonly kind: "release" }
  | { readonly kind: "wait"; readonly dueInMs: number }
  | {
      readonly kind: "doubt";
      readonly doubt: Doubt;
      readonly dueInMs: number | undefined;
      readonly countAttempt: boolean;
    };

export type SettleDecision =
  | { readonly kind: "settle" }
  | { readonly kind: "refuse"; readonly code: "step-unfinished" | "effect-uncompensated" };

/** How long a client is asked to wait when only a person can settle the doubt. */
const DOUBT_RETRY_MS = 5_000;

/**
 * The rules of an operation, as a pure function of its record and what happens to it.
 * The stores enforce the same rules by conditional writes; `core` only carries decisions out.
 */
export function decide(record: OperationRecord, event: ClaimEvent | RecoverEvent): ClaimDecision;
export function decide(record: OperationRecord, event: SettleEvent): SettleDecision;
export function decide(record: OperationRecord, event: EndEvent): EndDecision;
export function decide(
  record: OperationRecord,
  event: ClaimEvent | RecoverEvent | SettleEvent | EndEvent,
): ClaimDecision | SettleDecision | EndDecision {
  switch (event.type) {
    case "claim":
      return decideClaim(record, event);
    case "recover":
      return decideRun(record, event);
    case "settle":
      return decideSettle(record, event);
    case "end":
      return decideEnd(record, event);
  }
}

/** A mismatch is told before anything else, in every state, and discloses nothing. */
function decideClaim(record: OperationRecord, event: ClaimEvent): ClaimDecision {
  if (event.payload === "recipe-unknown") return { kind: "refuse", code: "recipe-unknown" };
  if (event.payload === "other") return { kind: "refuse", code: "key-reused" };
  if (isOwn(record, event.attemptId)) return { kind: "own" };
  return decideRun(record, event);
}

/** The answer to our own claim was lost, so nobody else runs under this fence. */
function isOwn(record: OperationRecord, attemptId: string): boolean {
  if (record.state !== "running" || record.attemptId !== attemptId) return false;
  // What a lost take-over of a wrapped handler meant to do next is not in the record.
  return record.form !== "opaque" || record.fence === 1;
}

function decideReplay(record: OperationRecord): ClaimDecision {
  if (record.outcome?.response !== undefined) return { kind: "replay" };
  return {
    kind: "refuse",
    code: record.outcome?.missing === "too-large" ? "response-not-replayable" : "key-expired",
  };
}

function decideRun(record: OperationRecord, event: ClaimEvent | RecoverEvent): ClaimDecision {
  if (isFinal(record.state)) return decideReplay(record);
  const readyAt =
    record.state === "running"
      ? Math.min(record.leaseUntil ?? 0, record.runUntil ?? 0)
      : record.dueAt;
  if (readyAt === undefined)
    return { kind: "refuse", code: "in-doubt", retryAfterMs: DOUBT_RETRY_MS };
  if (readyAt > event.now) return notYet(record, readyAt - event.now);
  return { kind: "take-over", next: continuation(record, event) };
}

/** Most runs end long before their lease, so a duplicate need not stay away until then. */
const RUNNING_RETRY_MS = 1_000;

function notYet(record: OperationRecord, leftMs: number): ClaimDecision {
  if (record.state === "running") {
    return {
      kind: "refuse",
      code: "in-progress",
      retryAfterMs: Math.min(leftMs, RUNNING_RETRY_MS),
    };
  }
  const code = record.state === "waiting" ? "retry-scheduled" : "in-doubt";
  return { kind: "refuse", code, retryAfterMs: leftMs };
}

function continuation(record: OperationRecord, event: ClaimEvent | RecoverEvent): Continuation {
  // A waiting operation ended its last attempt with proof that nothing happened.
  const crashed = record.state === "running";
  if (record.form === "atomic") return { kind: "park", doubt: "effect-unknown" };
  if (record.form === "opaque") {
    if (isConcluded(record)) return { kind: "conclude" };
    // A probe that never knows is not asked for ever.
    const asks = event.afterCrash === "probe" && record.attempts < event.attemptsMax;
    if (asks && record.state !== "waiting") return { kind: "probe" };
    const doubtful = crashed || record.state === "in_doubt";
    if (event.afterCrash === "doubt" && doubtful) return { kind: "park", doubt: "effect-unknown" };
  } else if (unfinished(record.steps).some(isStuck)) {
    return { kind: "park", doubt: "effect-unknown" };
  }
  return record.attempts >= event.attemptsMax
    ? { kind: "park", doubt: "attempts-exhausted" }
    : { kind: "run" };
}

/** A person has said that the wrapped handler did its work. */
function isConcluded({ steps }: OperationRecord): boolean {
  const handler = steps.find((step) => step.name === OPAQUE_STEP);
  return handler?.result?.kind === "succeeded" || handler?.effect?.reference !== undefined;
}

/** Neither a provider key, nor a look-up, nor a reference: only a person or evidence helps. */
function isStuck({ effect }: StepRecord): boolean {
  return (
    effect === undefined ||
    (effect.providerKey === undefined && !effect.lookUp && effect.reference === undefined)
  );
}

function decideSettle(record: OperationRecord, event: SettleEvent): SettleDecision {
  if (unfinished(record.steps).length > 0) return { kind: "refuse", code: "step-unfinished" };
  if (event.kind === "failed" && standing(record.steps).length > 0)
    return { kind: "refuse", code: "effect-uncompensated" };
  return { kind: "settle" };
}

/** Running again as it is would come to the same. */
const NEEDS_PERSON: ReadonlySet<Doubt> = new Set([
  "definition-changed",
  "unreadable",
  "compensation-failed",
]);

function decideEnd(record: OperationRecord, event: EndEvent): EndDecision {
  const open = unfinished(record.steps);
  if (event.doubt !== undefined && NEEDS_PERSON.has(event.doubt)) return parked(event.doubt);
  if (open.some(isStuck) || event.parked) return parked("effect-unknown");
  const verdict = judgeStatus(event.status ?? 500);
  const untouched =
    open.length === 0 && standing(record.steps).length === 0 && event.doubt === undefined;
  if (verdict === "passing" && untouched && !isTimeout(record, event)) return { kind: "release" };
  if (verdict === "failed" && untouched) return { kind: "settle-failed-outcome" };
  if (record.form === "opaque" && event.afterCrash === "doubt") return parked("effect-unknown");
  if (record.attempts >= event.attemptsMax && !event.early)
    return parked(open.length > 0 ? "effect-unknown" : "attempts-exhausted");
  if (record.form === "opaque" && event.afterCrash === "probe")
    return later("effect-unknown", event);
  if (open.length > 0) return later("effect-unknown", event);
  if (event.doubt !== undefined) return later(event.doubt, event);
  return { kind: "wait", dueInMs: waitOf(event) };
}

/** A wrapped handler may say 408 of a call of its own that timed out, which proves nothing. */
function isTimeout(record: OperationRecord, event: EndEvent): boolean {
  return record.form === "opaque" && event.status === 408;
}

/** Only a person or evidence helps. */
function parked(doubt: Doubt): EndDecision {
  return { kind: "doubt", doubt, dueInMs: undefined, countAttempt: true };
}

/**
 * The next attempt can resolve the doubt: by the same provider key, by the probe, or by settling
 * again.
 */
function later(doubt: Doubt, event: EndEvent): EndDecision {
  return { kind: "doubt", doubt, dueInMs: waitOf(event), countAttempt: event.early !== true };
}

/** Trying before the time that the provider named would only use attempts up. */
function waitOf({ backoffMs, dueInMs = 0 }: EndEvent): number {
  return Math.max(backoffMs, dueInMs);
}
