import type { Holder } from "../../model/operation.ts";
import type {
  AtomicAnswer,
  AtomicWork,
  ClaimRequest,
  Fenced,
  FencedWrite,
  Settlement,
  Suspension,
  TransactAnswer,
  Transacted,
} from "../../store.ts";
import { claimSettled, occupied } from "./claims.ts";
import type { SqliteRow } from "./client.ts";
import { stage } from "./outbox.ts";
import { held, type Tables } from "./records.ts";
import { call, type Verdict } from "./transaction.ts";

function fenced(value: Fenced): Verdict<Fenced> {
  return { value, keep: value === "done" };
}

/** A write that is one conditional statement. */
function change({ connection }: Tables, sql: string, parameters: SqliteRow): Fenced {
  return connection.run(sql, parameters) === 1 ? "done" : "stale";
}

export function renew(tables: Tables, holder: Holder, leaseMs: number): Verdict<Fenced> {
  return fenced(change(tables, tables.sql.renew, { ...held(holder), leaseMs }));
}

export function suspend(tables: Tables, holder: Holder, suspension: Suspension): Verdict<Fenced> {
  const { state, doubt = null, dueInMs = null, error = null, countAttempt } = suspension;
  const givenBack = countAttempt ? 0 : 1;
  const after = { state, doubt, dueInMs, error, givenBack };
  return fenced(change(tables, tables.sql.suspend, { ...held(holder), ...after }));
}

export function settle(tables: Tables, holder: Holder, settlement: Settlement): Verdict<Fenced> {
  const { connection, sql } = tables;
  const { kind, status, reference = null } = settlement.outcome;
  const missing = settlement.keepResponse ? null : "too-large";
  const outcome = { kind, status, reference, missing };
  const row = connection.get<{ number: number }>(sql.settle, { ...held(holder), ...outcome });
  if (row === undefined) {
    const why = connection.get<{ reason: Exclude<Fenced, "done"> }>(sql.unsettled, held(holder));
    return fenced(why?.reason ?? "stale");
  }
  respond(tables, row.number, settlement);
  stage(tables, holder.id, settlement.messages);
  return fenced("done");
}

function respond({ connection, sql }: Tables, number: number, settlement: Settlement): void {
  if (!settlement.keepResponse) return;
  const { headers, body } = settlement.outcome;
  connection.run(sql.response, { number, headers: JSON.stringify(headers), body });
}

/** The fenced write of a transaction. */
function write(tables: Tables, holder: Holder, wanted: FencedWrite): Verdict<Fenced> {
  if (wanted.kind === "settle") return settle(tables, holder, wanted.settlement);
  const { name, inputDigest, value, messages } = wanted;
  const step = { ...held(holder), name, inputDigest, value };
  const recorded = fenced(change(tables, tables.sql.recordAtomic, step));
  if (recorded.keep) stage(tables, holder.id, messages);
  return recorded;
}

/** The user's writes and one fenced write. For a stale holder the callback is not called. */
export function transact<T>(
  tables: Tables,
  savepoint: string,
  holder: Holder,
  work: () => Transacted<T> | PromiseLike<Transacted<T>>,
): Verdict<TransactAnswer<T>> {
  const { connection, sql } = tables;
  if (connection.get(sql.held, held(holder)) === undefined)
    return { value: { kind: "refused", reason: "stale" }, keep: false };
  const called = call(connection, savepoint, work, () => true);
  if (called.kind === "threw") return { value: called, keep: false };
  const { value: answer } = write(tables, holder, called.value.write);
  return answer === "done"
    ? { value: { kind: "committed", value: called.value.value }, keep: true }
    : { value: { kind: "refused", reason: answer }, keep: false };
}

/**
 * The whole operation at once. The file has one writer, so the id that is free stays free while the
 * callback runs, and nothing of ours is written before the callback has left the transaction whole.
 */
export function atomic<T>(
  tables: Tables,
  savepoint: string,
  request: ClaimRequest,
  work: () => AtomicWork<T> | PromiseLike<AtomicWork<T>>,
): Verdict<AtomicAnswer<T>> {
  const known = occupied(tables, request);
  if (known !== undefined) return { value: known, keep: false };
  const called = call(tables.connection, savepoint, work, isSucceeded);
  if (called.kind === "threw") return { value: called, keep: false };
  const { settlement, value } = called.value;
  const { number, snapshot } = claimSettled(tables, request, settlement);
  respond(tables, number, settlement);
  // A failed outcome is kept, and the callback has then done nothing.
  if (isSucceeded(called.value)) stage(tables, snapshot.record.id, settlement.messages);
  return { value: { kind: "committed", value, snapshot }, keep: true };
}

function isSucceeded({ settlement }: AtomicWork<unknown>): boolean {
  return settlement.outcome.kind === "succeeded";
}
