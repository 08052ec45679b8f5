import type { Origin } from "../model/key.ts";
import type { Doubt, Form, OperationRecord, State, StoredOutcome } from "../model/operation.ts";
import { isFinal } from "../model/operation.ts";
import type { HeaderList } from "../model/outcome.ts";
import type { ResultKind, SendRecord, StepEffect, StepRecord, Verdict } from "../model/step.ts";
import type { StoredMessage } from "../store.ts";

/**
 * An operation as every SQL store selects it: the narrow row joined with its request and its
 * response. Times are milliseconds since the epoch as numbers, the id is hexadecimal text.
 */
export interface OperationRow {
  readonly id: string;
  readonly name: string;
  readonly version: number;
  readonly form: Form;
  readonly state: State;
  readonly fence: number;
  readonly attempt_id: string;
  readonly attempts: number;
  readonly lease_until: number | null;
  readonly run_until: number | null;
  readonly due_at: number | null;
  readonly doubt: Doubt | null;
  readonly last_error: string | null;
  readonly fingerprint: Uint8Array;
  readonly recipe: string;
  readonly created_at: number;
  readonly final_at: number | null;
  readonly outcome_status: number | null;
  readonly outcome_reference: string | null;
  readonly response_missing: "pruned" | "too-large" | null;
  /** Null where the request was pruned; then so are the four below. */
  readonly origin: Origin | null;
  readonly scope: string | null;
  readonly key: string | null;
  readonly input: Uint8Array | null;
  /** A JSON list of pairs, or null where no response is stored. */
  readonly response_headers: string | null;
  readonly response_body: Uint8Array | null;
  /** The database's time at the read. */
  readonly now: number;
}

export interface StepRow {
  readonly name: string;
  readonly kind: StepRecord["kind"];
  readonly input_digest: string;
  readonly fence: number;
  readonly begun_at: number;
  readonly recorded_at: number | null;
  readonly result_kind: ResultKind | null;
  readonly result_value: Uint8Array | null;
  /** What follows speaks of an external step only. */
  readonly provider_key: string | null;
  readonly generation: number;
  readonly provider: string | null;
  readonly effect_kind: string | null;
  readonly account: string | null;
  readonly region: string | null;
  readonly request: Uint8Array | null;
  readonly replay_until: number | null;
  readonly look_up: boolean | number;
  readonly reference: string | null;
  readonly compensates: string | null;
  readonly compensated: boolean | number;
}

export interface SendRow {
  readonly step: string;
  readonly number: number;
  readonly generation: number;
  readonly fence: number;
  readonly sent_at: number;
  readonly verdict: Verdict | null;
  readonly detail: string | null;
}

export interface MessageRow {
  readonly topic: string;
  readonly key: string;
  readonly payload: Uint8Array;
  readonly staged_at: number;
}

/** The record of a row, its steps and their sends, both in their order. */
export function toRecord(
  row: OperationRow,
  steps: readonly StepRow[],
  sends: readonly SendRow[],
): OperationRecord {
  const outcome = toStoredOutcome(row);
  const request = toRequest(row);
  return {
    id: row.id,
    name: row.name,
    version: row.version,
    form: row.form,
    state: row.state,
    fence: row.fence,
    attemptId: row.attempt_id,
    attempts: row.attempts,
    fingerprint: row.fingerprint,
    recipe: row.recipe,
    createdAt: row.created_at,
    steps: steps.map((step) => toStep(step, sends)),
    ...(row.lease_until === null ? {} : { leaseUntil: row.lease_until }),
    ...(row.run_until === null ? {} : { runUntil: row.run_until }),
    ...(row.due_at === null ? {} : { dueAt: row.due_at }),
    ...(row.doubt === null ? {} : { doubt: row.doubt }),
    ...(row.last_error === null ? {} : { lastError: row.last_error }),
    ...(row.final_at === null ? {} : { finalAt: row.final_at }),
    ...(outcome === undefined ? {} : { outcome }),
    ...(request === undefined ? {} : { request }),
  };
}

function toStoredOutcome(row: OperationRow): StoredOutcome | undefined {
  if (!isFinal(row.state)) return undefined;
  const { response_headers: headers, response_body: body } = row;
  return {
    kind: row.state,
    status: row.outcome_status ?? 0,
    ...(row.outcome_reference === null ? {} : { reference: row.outcome_reference }),
    ...(headers === null || body === null
      ? { missing: row.response_missing ?? "pruned" }
      : { response: { headers: JSON.parse(headers) as HeaderList, body } }),
  };
}

function toRequest(row: OperationRow): OperationRecord["request"] {
  const { origin, scope, key, input } = row;
  if (origin === null || scope === null || key === null || input === null) return undefined;
  return { origin, scope, key, input };
}

function toStep(row: StepRow, sends: readonly SendRow[]): StepRecord {
  const { result_kind: kind, result_value: value } = row;
  return {
    name: row.name,
    kind: row.kind,
    inputDigest: row.input_digest,
    fence: row.fence,
    begunAt: row.begun_at,
    ...(row.recorded_at === null ? {} : { recordedAt: row.recorded_at }),
    ...(kind === null || value === null ? {} : { result: { kind, value } }),
    ...(row.kind === "atomic" ? {} : { effect: toEffect(row, sends) }),
  };
}

function toEffect(row: StepRow, sends: readonly SendRow[]): StepEffect {
  const { provider, effect_kind: kind, account, region } = row;
  return {
    generation: row.generation,
    lookUp: Boolean(row.look_up),
    compensated: Boolean(row.compensated),
    sends: sends.filter(({ step }) => step === row.name).map(toSend),
    ...(row.provider_key === null ? {} : { providerKey: row.provider_key }),
    ...(provider === null || kind === null
      ? {}
      : {
          target: {
            ...{ provider, kind },
            ...(account === null ? {} : { account }),
            ...(region === null ? {} : { region }),
          },
        }),
    ...(row.request === null ? {} : { request: row.request }),
    ...(row.replay_until === null ? {} : { replayUntil: row.replay_until }),
    ...(row.reference === null ? {} : { reference: row.reference }),
    ...(row.compensates === null ? {} : { compensates: row.compensates }),
  };
}

function toSend(row: SendRow): SendRecord {
  const { number, generation, fence, sent_at: sentAt, verdict, detail } = row;
  return {
    ...{ number, generation, fence, sentAt },
    ...(verdict === null ? {} : { verdict }),
    ...(detail === null ? {} : { detail }),
  };
}

export function toMessage(row: MessageRow): StoredMessage {
  return { topic: row.topic, key: row.key, payload: row.payload, stagedAt: row.staged_at };
}
