import { decide } from "../../model/decide.ts";
import type { OperationRecord, StoredOutcome } from "../../model/operation.ts";
import type { StepRecord } from "../../model/step.ts";
import type {
  ClaimRequest,
  FencedWrite,
  Settlement,
  Suspension,
  TakeOverRequest,
} from "../../store.ts";
import { type Change, withoutLease, withStep } from "./change.ts";

/** The record of a first claim: fence 1, first attempt. */
export function inserted(request: ClaimRequest, now: number): OperationRecord {
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  const { origin, scope, key, input } = request;
  const { leaseUntil, runUntil } = lease(request, now);
  return {
    id,
    name,
    version,
    form,
    attemptId,
    fingerprint,
    recipe,
    leaseUntil,
    runUntil,
    state: "running",
    fence: 1,
    attempts: 1,
    createdAt: now,
    steps: [],
    request: { origin, scope, key, input },
  };
}

/** Only a lapsed or due operation is taken over, and only under the fence that was read. */
export function takenOver(request: TakeOverRequest): Change {
  return (record, now) => {
    const ready = readyAt(record);
    if (record.fence !== request.fence || ready === undefined || ready > now) return "stale";
    const { dueAt, doubt, ...rest } = record;
    return {
      ...rest,
      ...lease(request, now),
      state: "running",
      attemptId: request.attemptId,
      fence: record.fence + 1,
      attempts: record.attempts + 1,
    };
  };
}

/** When it may be taken over; undefined for a final operation and for one that needs a person. */
export function readyAt(record: OperationRecord): number | undefined {
  if (record.state !== "running") return record.dueAt;
  return Math.min(record.leaseUntil ?? 0, record.runUntil ?? 0);
}

function lease(
  request: { leaseMs: number; runForMs: number },
  now: number,
): { leaseUntil: number; runUntil: number } {
  const runUntil = now + request.runForMs;
  return { leaseUntil: Math.min(now + request.leaseMs, runUntil), runUntil };
}

export function renewed(leaseMs: number): Change {
  return (record, now) => {
    const { runUntil = now } = record;
    return { ...record, leaseUntil: Math.min(now + leaseMs, runUntil) };
  };
}

/** The fenced write of a transaction. */
export function written(write: FencedWrite): Change {
  return write.kind === "settle" ? settled(write.settlement) : recordedAtomically(write);
}

function recordedAtomically(write: Extract<FencedWrite, { kind: "record" }>): Change {
  const { name, inputDigest, value } = write;
  return (record, now) => {
    if (record.steps.some((step) => step.name === name)) return "stale";
    return withStep(record, {
      ...{ name, inputDigest, kind: "atomic", fence: record.fence },
      ...{ begunAt: now, recordedAt: now, result: { kind: "succeeded", value } },
    });
  };
}

export function settled(settlement: Settlement): Change {
  return (record, now) => {
    const decision = decide(record, { type: "settle", kind: settlement.outcome.kind });
    return decision.kind === "refuse" ? decision.code : settledFrom(record, settlement, now);
  };
}

/** The final record, without asking whether it may end. */
export function settledFrom(
  record: OperationRecord,
  settlement: Settlement,
  now: number,
): OperationRecord {
  const final = withoutLease(record);
  final.state = settlement.outcome.kind;
  final.finalAt = now;
  final.outcome = storedOutcome(settlement);
  return final;
}

function storedOutcome({ outcome, keepResponse }: Settlement): StoredOutcome {
  const { kind, status, headers, body, reference } = outcome;
  const stored: StoredOutcome = keepResponse
    ? { kind, status, response: { headers, body } }
    : { kind, status, missing: "too-large" };
  return reference === undefined ? stored : { ...stored, reference };
}

export function suspended(suspension: Suspension): Change {
  const { state, doubt, dueInMs, error, countAttempt } = suspension;
  return (record, now) => ({
    ...withoutLease(record),
    state,
    attempts: countAttempt ? record.attempts : record.attempts - 1,
    ...(doubt === undefined ? {} : { doubt }),
    ...(dueInMs === undefined ? {} : { dueAt: now + dueInMs }),
    ...(error === undefined ? {} : { lastError: error }),
  });
}

/** What remains of a final operation: its identity digest, fingerprint, outcome and reference. */
export function tombstone(record: OperationRecord): OperationRecord {
  const { request, outcome, ...whole } = record;
  const rest = { ...whole, steps: whole.steps.map(withoutRequest) };
  if (outcome === undefined) return rest;
  const { response, ...kept } = outcome;
  return { ...rest, outcome: response === undefined ? kept : { ...kept, missing: "pruned" } };
}

function withoutRequest(step: StepRecord): StepRecord {
  if (step.effect === undefined) return step;
  const { request, ...effect } = step.effect;
  return { ...step, effect: { ...effect, sends: [] } };
}
