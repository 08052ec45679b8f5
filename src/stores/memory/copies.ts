import type { OperationRecord, StoredOutcome } from "../../model/operation.ts";
import type { StepEffect, StepRecord } from "../../model/step.ts";

/** What is one's own may be changed while nobody else has seen it. */
export type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/**
 * A record that shares no bytes and no list with its original. Everything else in it is a value
 * that nobody changes, so a structured clone would only cost more.
 *
 * @param own a record whose parts may be shared, because nobody else holds them
 */
export function copyRecord(record: OperationRecord, own?: OperationRecord): OperationRecord {
  const { fingerprint, steps, request, outcome } = record;
  const copy: Writable<OperationRecord> = { ...record };
  if (fingerprint !== own?.fingerprint) copy.fingerprint = copyBytes(fingerprint);
  if (steps !== own?.steps) copy.steps = steps.map(copyStep);
  if (request !== undefined && request !== own?.request)
    copy.request = { ...request, input: copyBytes(request.input) };
  if (outcome !== undefined && outcome !== own?.outcome) copy.outcome = copyOutcome(outcome);
  return copy;
}

function copyOutcome(outcome: StoredOutcome): StoredOutcome {
  const { response } = outcome;
  if (response === undefined) return { ...outcome };
  const headers = response.headers.map(([name, value]) => [name, value] as const);
  return { ...outcome, response: { headers, body: copyBytes(response.body) } };
}

function copyStep(step: StepRecord): StepRecord {
  const { result, effect } = step;
  return {
    ...step,
    ...(result === undefined
      ? {}
      : { result: { kind: result.kind, value: copyBytes(result.value) } }),
    ...(effect === undefined ? {} : { effect: copyEffect(effect) }),
  };
}

function copyEffect(effect: StepEffect): StepEffect {
  const { request, target, sends } = effect;
  return {
    ...effect,
    sends: sends.map((send) => ({ ...send })),
    ...(target === undefined ? {} : { target: { ...target } }),
    ...(request === undefined ? {} : { request: copyBytes(request) }),
  };
}

/** `slice` of a Buffer would share its memory. */
export function copyBytes(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}
