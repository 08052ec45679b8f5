import type { OperationRecord, StepRecord, StoredOutcome } from "../../model/operation.ts";

/**
 * A record that shares no bytes and no list with its original. Everything else in it is a value
 * that nobody changes, so a structured clone would only cost more.
 */
export function copyRecord(record: OperationRecord): OperationRecord {
  const { request, outcome } = record;
  return {
    ...record,
    fingerprint: copyBytes(record.fingerprint),
    steps: record.steps.map(copyStep),
    ...(request === undefined ? {} : { request: { ...request, input: copyBytes(request.input) } }),
    ...(outcome === undefined ? {} : { outcome: copyOutcome(outcome) }),
  };
}

function copyOutcome(outcome: StoredOutcome): StoredOutcome {
  const { response } = outcome;
  if (response === undefined) return { ...outcome };
  const headers = response.headers.map(([name, value]) => [name, value] as const);
  return { ...outcome, response: { headers, body: copyBytes(response.body) } };
}

function copyStep(step: StepRecord): StepRecord {
  const { result } = step;
  if (result === undefined) return { ...step };
  return { ...step, result: { kind: result.kind, value: copyBytes(result.value) } };
}

/** `slice` of a Buffer would share its memory. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
