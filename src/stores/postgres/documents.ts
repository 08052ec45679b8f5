import type { EvidenceRecord } from "../../model/evidence.ts";
import type { OperationRecord, StoredOutcome } from "../../model/operation.ts";
import type { ClaimRequest, Settlement, Snapshot, StoredMessage } from "../../store.ts";
import { type EvidenceRow, toEvidence } from "../evidence.ts";
import {
  type MessageRow,
  type OperationRow,
  type SendRow,
  type StepRow,
  toMessage,
  toRecord,
} from "../rows.ts";
import type { Row } from "./client.ts";

type Hex<T, Field extends keyof T> = Omit<T, Field> & Record<Field, string | null>;

interface Document {
  readonly row: Hex<OperationRow, "fingerprint" | "input" | "response_body">;
  readonly steps: readonly Hex<StepRow, "result_value" | "request">[];
  readonly sends: readonly SendRow[];
}

const bytes = (text: string | null): Uint8Array | null =>
  text === null ? null : new Uint8Array(Buffer.from(text, "hex"));

/** The record of what the database's `document` function gave. */
export function toSnapshot(document: string): Snapshot {
  const { row, steps, sends } = JSON.parse(document) as Document;
  const { fingerprint, input, response_body } = row;
  const operation: OperationRow = {
    ...row,
    fingerprint: bytes(fingerprint) ?? new Uint8Array(0),
    input: bytes(input),
    response_body: bytes(response_body),
  };
  const found = steps.map((step) => {
    const [result_value, request] = [bytes(step.result_value), bytes(step.request)];
    return { ...step, result_value, request };
  });
  return { record: toRecord(operation, found, sends), now: row.now };
}

export function toSnapshots(rows: readonly Row[]): Snapshot[] {
  // A row that was pruned while the list was made has no document.
  return rows.flatMap(([document]) => (typeof document === "string" ? [toSnapshot(document)] : []));
}

export function toEvidences(rows: readonly Row[]): EvidenceRecord[] {
  return rows.flatMap(([text]) =>
    typeof text === "string" ? [toEvidence(JSON.parse(text) as EvidenceRow)] : [],
  );
}

export function toMessages(rows: readonly Row[]): StoredMessage[] {
  return rows.flatMap(([text]) => {
    if (typeof text !== "string") return [];
    const row = JSON.parse(text) as Hex<MessageRow, "payload"> & { aggregate: string | null };
    const { payload, aggregate } = row;
    const message = toMessage({ ...row, payload: bytes(payload) ?? new Uint8Array(0) });
    return [aggregate === null ? message : { ...message, aggregate }];
  });
}

/** The record of a first claim, which the database need not send back. */
export function toClaimed(request: ClaimRequest, answer: string): Snapshot {
  const [, createdAt = 0, leaseUntil = 0, runUntil = 0] = answer.split(" ").map(Number);
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  const { origin, scope, key, input } = request;
  const record: OperationRecord = {
    id,
    name,
    version,
    form,
    attemptId,
    fingerprint,
    recipe,
    createdAt,
    leaseUntil,
    runUntil,
    state: "running",
    fence: 1,
    attempts: 1,
    steps: [],
    request: { origin, scope, key, input },
  };
  return { record, now: createdAt };
}

/**
 * The record of an operation that was claimed and settled in one transaction. Its fields are named,
 * because to copy all but two of them costs several times as much.
 */
export function toSettled(claimed: Snapshot, settlement: Settlement, answer: string): Snapshot {
  const finalAt = Number(answer.split(" ", 2)[1]);
  const { id, name, version, form, attemptId, fingerprint, recipe } = claimed.record;
  const { createdAt, fence, attempts, steps, request } = claimed.record;
  const { kind } = settlement.outcome;
  const outcome = storedOutcome(settlement);
  const settled = { id, name, version, form, attemptId, fingerprint, recipe, createdAt, finalAt };
  const record = { ...settled, state: kind, fence, attempts, steps, outcome };
  return { record: request === undefined ? record : { ...record, request }, now: finalAt };
}

function storedOutcome({ outcome, keepResponse }: Settlement): StoredOutcome {
  const { kind, status, reference, headers, body } = outcome;
  const stored: StoredOutcome = keepResponse
    ? { kind, status, response: { headers, body } }
    : { kind, status, missing: "too-large" };
  return reference === undefined ? stored : { ...stored, reference };
}
