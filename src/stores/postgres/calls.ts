import type { StagedMessage } from "../../model/message.ts";
import type { Holder } from "../../model/operation.ts";
import type { StatementValue } from "../../model/statement.ts";
import type {
  ClaimRequest,
  FencedWrite,
  Message,
  PlannedWork,
  Settlement,
  Suspension,
  TakeOverRequest,
} from "../../store.ts";
import type { Cell, Client } from "./client.ts";
import type { Call } from "./signatures.ts";

const RECORD_ID = /^[0-9a-f]{64}$/;

/** @throws TypeError for an id that is not 64 lower-case hexadecimal digits */
export function idCell(id: string): Cell {
  if (!RECORD_ID.test(id)) throw new TypeError("A record id has 64 hexadecimal digits.");
  return id;
}

export const hex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");

/** Messages as JSON lists, or null for none. */
export function staged(messages: readonly (Message | StagedMessage)[]): Cell {
  if (messages.length === 0) return null;
  const list = messages.map((message) => {
    const { topic, key, payload, aggregate = null } = message;
    return [topic, key, hex(payload), aggregate, "origin" in message ? message.origin : null];
  });
  return JSON.stringify(list);
}

/** Where `p_wait` stands in the arguments of a fenced write. */
const WAIT_POSITION = 2;

/** Fenced writes ask without waiting for a lock; who is answered `locked` asks again alone. */
export function held({ id, fence, attemptId, seen = 0 }: Holder): Cell[] {
  return [idCell(id), String(fence), "false", attemptId, String(seen)];
}

/** The same call, waiting for a lock. */
export function waiting({ name, values }: Call): Call {
  return { name, values: values.map((value, i) => (i === WAIT_POSITION ? "true" : value)) };
}

export const number = (value: number | undefined): Cell =>
  value === undefined ? null : String(value);

const horizonCells = ({ horizon }: ClaimRequest): Cell[] => [
  ...[number(horizon?.keyTime), number(horizon?.pastMs), number(horizon?.futureMs)],
];

/** The number of the lock that tells whether this process lives, if it has one. */
export type Owner = string | undefined;

export function claimCall(request: ClaimRequest, owner: Owner, skewMs: number): Call {
  return {
    name: "claim",
    values: [
      ...[idCell(request.id), request.attemptId, request.origin, request.scope, request.key],
      ...[request.name, String(request.version), request.form, hex(request.fingerprint)],
      ...[request.recipe, hex(request.input)],
      ...[String(request.leaseMs), String(request.runForMs), owner ?? null],
      ...horizonCells(request),
      String(skewMs),
    ],
  };
}

/** How long the statements of a transaction may take, in milliseconds. */
export interface Limits {
  readonly lockMs: number;
  readonly statementMs: number;
  readonly idleMs: number;
}

/** @param limits none where the transaction, and so its settings, is the user's */
export function claimAtomicCall(
  request: ClaimRequest,
  limits: Limits | undefined,
  skewMs: number,
): Call {
  return {
    name: "claim_atomic",
    values: [
      ...[idCell(request.id), request.origin, request.scope, request.key, hex(request.input)],
      ...horizonCells(request),
      ...[number(limits?.lockMs), number(limits?.statementMs), number(limits?.idleMs)],
      String(skewMs),
    ],
  };
}

/**
 * @param claim its transaction, null for the one chained to it; when it was made, in milliseconds
 *   since the epoch
 */
export function settleAtomicCall(
  request: ClaimRequest,
  claim: { readonly transactionId: string | null; readonly createdAt: number },
  settlement: Settlement,
  skewMs: number,
): Call {
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  return {
    name: "settle_atomic",
    values: [
      ...[idCell(id), claim.transactionId, String(claim.createdAt), name, String(version), form],
      ...[attemptId, hex(fingerprint), recipe, ...outcomeCells(settlement), String(skewMs)],
    ],
  };
}

/** A failed outcome leaves neither statements nor messages behind. */
export function carryOutCall(
  request: ClaimRequest,
  planned: PlannedWork,
  skewMs: number,
  dateText: Client["dateText"],
): Call {
  const { id, name, version, form, attemptId, fingerprint, recipe } = request;
  const { settlement } = planned;
  const fails = settlement.outcome.kind === "failed";
  const statements = fails
    ? []
    : planned.statements.map(({ text, values }) => [text, cells(values, dateText)]);
  const kept = fails ? { ...settlement, messages: [] } : settlement;
  return {
    name: "carry_out",
    values: [
      ...[idCell(id), JSON.stringify(statements), "false"],
      ...[request.origin, request.scope, request.key, hex(request.input)],
      ...[
        ...horizonCells(request),
        name,
        String(version),
        form,
        attemptId,
        hex(fingerprint),
        recipe,
      ],
      ...[...outcomeCells(kept), String(skewMs)],
    ],
  };
}

/** Each as the text of a constant without a type, which takes the one of its place. */
function cells(values: readonly StatementValue[], dateText: Client["dateText"]): Cell[] {
  return values.map((value) => {
    if (value === null) return null;
    if (value instanceof Date) return dateText(value);
    return value instanceof Uint8Array ? `\\x${hex(value)}` : String(value);
  });
}

export function takeOverCall(request: TakeOverRequest, owner: Owner, skewMs: number): Call {
  const { id, fence, attemptId, leaseMs, runForMs } = request;
  const durations = [String(leaseMs), String(runForMs)];
  return {
    name: "take_over",
    values: [
      ...[idCell(id), String(fence), "false", attemptId],
      ...[...durations, owner ?? null, String(skewMs)],
    ],
  };
}

export function renewCall(holder: Holder, leaseMs: number, owner: Owner, skewMs: number): Call {
  const values = [...held(holder), String(leaseMs), owner ?? null, String(skewMs)];
  return { name: "renew", values };
}

/** From the kind to the messages. */
function outcomeCells({ outcome, keepResponse, messages }: Settlement): Cell[] {
  return [
    ...[outcome.kind, String(outcome.status), outcome.reference ?? null],
    ...(keepResponse ? [JSON.stringify(outcome.headers), hex(outcome.body)] : [null, null]),
    staged(messages),
  ];
}

export function settleCall(holder: Holder, settlement: Settlement, skewMs: number): Call {
  const values = [...held(holder), ...outcomeCells(settlement), String(skewMs)];
  return { name: "settle", values };
}

export function suspendCall(holder: Holder, suspension: Suspension, skewMs: number): Call {
  const { state, doubt = null, dueInMs, error, countAttempt } = suspension;
  return {
    name: "suspend",
    values: [
      ...[...held(holder), state, doubt, dueInMs === undefined ? null : String(dueInMs)],
      // An error's text may hold a NUL, which Postgres cannot store.
      error?.replaceAll("\0", "\uFFFD") ?? null,
      ...[String(countAttempt), String(skewMs)],
    ],
  };
}

/** The fenced write of a transaction. */
export function fencedCall(holder: Holder, write: FencedWrite, skewMs: number): Call {
  if (write.kind === "settle") return settleCall(holder, write.settlement, skewMs);
  const { name, inputDigest, value, messages } = write;
  const result = [hex(value), staged(messages), String(skewMs)];
  return { name: "record_atomic", values: [...held(holder), name, inputDigest, ...result] };
}
