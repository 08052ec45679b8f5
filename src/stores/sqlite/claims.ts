import type { OperationRecord } from "../../model/operation.ts";
import type {
  ClaimAnswer,
  ClaimRequest,
  Settlement,
  Snapshot,
  TakeOverAnswer,
  TakeOverRequest,
} from "../../store.ts";
import { bytesOf, read, type Tables } from "./records.ts";
import type { Verdict } from "./transaction.ts";

/** What the database decided about a new claim. */
interface ClaimedRow {
  readonly number: number;
  readonly created_at: number;
  readonly lease_until: number;
  readonly run_until: number;
}

/** Inserts first; only one that loses reads. */
export function claim(tables: Tables, request: ClaimRequest): Verdict<ClaimAnswer> {
  const { connection, sql } = tables;
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  const row = connection.get<ClaimedRow>(sql.claim, {
    ...{ name, version, form, attemptId, fingerprint, recipe, ...horizonOf(request) },
    id: bytesOf(id),
    leaseMs: request.leaseMs,
    runForMs: request.runForMs,
  });
  if (row === undefined) {
    const snapshot = read(tables, id);
    const value: ClaimAnswer =
      snapshot === undefined ? { kind: "key-too-old" } : { kind: "found", snapshot };
    return { value, keep: false };
  }
  const { origin, scope, key, input } = request;
  connection.run(sql.request, { number: row.number, origin, scope, key, input });
  const snapshot = { record: claimed(request, row), now: row.created_at };
  return { value: { kind: "claimed", snapshot }, keep: true };
}

/** Why an id cannot be claimed as new; undefined if it can until this transaction ends. */
export function occupied(
  tables: Tables,
  request: ClaimRequest,
): Extract<ClaimAnswer, { kind: "found" | "key-too-old" }> | undefined {
  const { connection, sql } = tables;
  const snapshot = read(tables, request.id);
  if (snapshot !== undefined) return { kind: "found", snapshot };
  if (request.horizon === undefined) return undefined;
  const open = connection.get(sql.open, horizonOf(request));
  return open === undefined ? { kind: "key-too-old" } : undefined;
}

/**
 * Inserts an operation with its outcome. One row that is never updated touches fewer pages of the
 * file than a claim and its settlement, and the UNIQUE id decides all the same.
 */
export function claimSettled(
  { connection, sql }: Tables,
  request: ClaimRequest,
  settlement: Settlement,
): { readonly number: number; readonly snapshot: Snapshot } {
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  const { kind, status, reference } = settlement.outcome;
  const missing = settlement.keepResponse ? null : "too-large";
  const row = connection.get<{ number: number; created_at: number }>(sql.claimSettled, {
    ...{ name, version, form, attemptId, fingerprint, recipe, kind, status, missing },
    id: bytesOf(id),
    reference: reference ?? null,
  });
  if (row === undefined) throw new Error("The insert of an operation gave no row.");
  const { number, created_at: now } = row;
  const { origin, scope, key, input } = request;
  connection.run(sql.request, { number, origin, scope, key, input });
  return { number, snapshot: { record: settled(request, settlement, now), now } };
}

function settled(request: ClaimRequest, settlement: Settlement, now: number): OperationRecord {
  const { kind, status, reference, headers, body } = settlement.outcome;
  const { leaseUntil, runUntil, ...record } = claimed(request, {
    ...{ number: 0, created_at: now, lease_until: now, run_until: now },
  });
  const kept = settlement.keepResponse
    ? { response: { headers, body: new Uint8Array(body) } }
    : ({ missing: "too-large" } as const);
  const named = reference === undefined ? {} : { reference };
  return { ...record, state: kind, finalAt: now, outcome: { kind, status, ...named, ...kept } };
}

export function takeOver(tables: Tables, request: TakeOverRequest): Verdict<TakeOverAnswer> {
  const { connection, sql } = tables;
  const { id, fence, attemptId, leaseMs, runForMs } = request;
  const change = { id: bytesOf(id), fence, attemptId, leaseMs, runForMs };
  const snapshot = connection.run(sql.takeOver, change) === 1 ? read(tables, id) : undefined;
  if (snapshot === undefined) return { value: { kind: "stale" }, keep: false };
  return { value: { kind: "claimed", snapshot }, keep: true };
}

function horizonOf({ horizon }: ClaimRequest): {
  keyTime: number | null;
  pastMs: number;
  futureMs: number;
} {
  return {
    keyTime: horizon?.keyTime ?? null,
    pastMs: horizon?.pastMs ?? 0,
    futureMs: horizon?.futureMs ?? 0,
  };
}

/** The record that was just inserted, without reading it back. */
function claimed(request: ClaimRequest, row: ClaimedRow): OperationRecord {
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  const { origin, scope, key, input } = request;
  return {
    ...{ id, name, version, form, attemptId, recipe },
    fingerprint: new Uint8Array(fingerprint),
    state: "running",
    fence: 1,
    attempts: 1,
    leaseUntil: row.lease_until,
    runUntil: row.run_until,
    createdAt: row.created_at,
    steps: [],
    request: { origin, scope, key, input: new Uint8Array(input) },
  };
}
