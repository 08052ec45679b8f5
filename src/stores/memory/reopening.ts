import type { Reopening } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import { isFinal, type OperationRecord } from "../../model/operation.ts";
import { OPAQUE_STEP, type StepRecord, unfinished } from "../../model/step.ts";
import type { Reopened } from "../../store.ts";
import { stepOf, withoutLease } from "./change.ts";
import type { MemoryEffects } from "./effects.ts";
import type { MemoryLedger } from "./ledger.ts";
import { disproved, withResult } from "./steps.ts";
import { readyAt } from "./writes.ts";

type Settled = NonNullable<Reopening["settled"]>;

/** The record as it becomes due, the evidence, and the adoption of a reference that it names. */
export function reopen(
  ledger: MemoryLedger,
  effects: MemoryEffects,
  id: RecordId,
  { evidence, settled }: Reopening,
): Reopened {
  const record = ledger.find(id);
  if (record === undefined) return "missing";
  if (isFinal(record.state)) return "final";
  const now = ledger.now();
  if (record.state === "running" && (readyAt(record) ?? 0) > now) return "held";
  if (settled === undefined) {
    ledger.keep(due(record, now));
    effects.note(id, evidence);
    return "reopened";
  }
  const step = stepOf(record, evidence.step) ?? handlerOf(record, evidence.step, now);
  if (step === undefined) return "no-such-step";
  if (!isOpen(step)) return "settled-before";
  const next = settledStep(step, settled, now);
  ledger.keep(due(withResult(record, next), now));
  effects.note(id, evidence);
  if (next.effect?.reference !== step.effect?.reference) effects.release(id, step);
  effects.adopt(id, next);
  return "reopened";
}

/** A compensation that was declined may still be made by hand. */
function isOpen({ result, effect }: StepRecord): boolean {
  const declined = result?.kind === "declined" && effect?.compensates !== undefined;
  return result === undefined || result.kind === "not-executed" || declined;
}

/** A wrapped handler is one step that nobody began by name. */
function handlerOf(record: OperationRecord, name: string, now: number): StepRecord | undefined {
  if (record.form !== "opaque" || name !== OPAQUE_STEP) return undefined;
  return {
    ...{ name, kind: "external", inputDigest: "", fence: record.fence, begunAt: now },
    effect: { generation: 0, lookUp: false, compensated: false, sends: [] },
  };
}

function settledStep(step: StepRecord, settled: Settled, now: number): StepRecord {
  if (settled.kind === "not-executed" || step.effect === undefined) return disproved(step, now);
  const { reference, value } = settled;
  const { result, recordedAt, ...open } = step;
  const named = { ...open, effect: { ...step.effect, reference } };
  if (value === undefined) return named;
  return { ...named, recordedAt: now, result: { kind: "succeeded", value } };
}

/** Running a wrapped handler again takes the word that it did nothing. */
function isOpaqueAndUntold({ form, steps }: OperationRecord): boolean {
  return form === "opaque" && !steps.some(({ name }) => name === OPAQUE_STEP);
}

function due(record: OperationRecord, now: number): OperationRecord {
  // A take-over that was decided before the word must not act on what it no longer is.
  const known = { ...withoutLease(record), attempts: 0, dueAt: now, fence: record.fence + 1 };
  return unfinished(record.steps).length === 0 && !isOpaqueAndUntold(record)
    ? { ...known, state: "waiting" }
    : { ...known, state: "in_doubt", doubt: "effect-unknown" };
}
