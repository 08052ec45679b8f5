import type { OperationRecord } from "../../model/operation.ts";
import type { StepRecord } from "../../model/step.ts";
import type { Fenced } from "../../store.ts";
import type { Writable } from "./copies.ts";

/** Why a write changes nothing. */
export type Refusal = Exclude<Fenced, "done">;

/** What a write makes of a record at the store's time `now`, in milliseconds since the epoch. */
export type Change = (record: OperationRecord, now: number) => OperationRecord | Refusal;

export function stepOf(record: OperationRecord, name: string): StepRecord | undefined {
  return record.steps.find((step) => step.name === name);
}

/** The record with that step in the place of the one of its name, or after all others. */
export function withStep(record: OperationRecord, step: StepRecord): OperationRecord {
  const steps =
    stepOf(record, step.name) === undefined
      ? [...record.steps, step]
      : record.steps.map((known) => (known.name === step.name ? step : known));
  return { ...record, steps };
}

/**
 * The record as it is when nobody holds it; whoever ends it or gives it back says when it is due,
 * why it is in doubt, and how it ended. The fields are named, because to copy all but a few of
 * them costs several times as much, and every operation ends here.
 */
export function withoutLease(record: OperationRecord): Writable<OperationRecord> {
  const { id, name, version, form, state, fence, attemptId, attempts } = record;
  const { fingerprint, recipe, createdAt, steps, lastError, request } = record;
  const free: Writable<OperationRecord> = {
    id,
    name,
    version,
    form,
    state,
    fence,
    attemptId,
    attempts,
    fingerprint,
    recipe,
    createdAt,
    steps,
  };
  if (lastError !== undefined) free.lastError = lastError;
  if (request !== undefined) free.request = request;
  return free;
}
