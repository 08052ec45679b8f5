import type { RecordId } from "../../model/key.ts";
import type { ClaimAnswer, ClaimRequest, TakeOverAnswer, TakeOverRequest } from "../../store.ts";
import { copyRecord } from "./copies.ts";
import type { MemoryLedger } from "./ledger.ts";
import { inserted, takenOver } from "./writes.ts";

/** Atomic operations whose callback runs; their record appears with the commit. */
export type UnderWay = Set<RecordId>;

/** The answer to a claim of an id that is not free, or undefined for one that is. */
export function occupied(
  ledger: MemoryLedger,
  underWay: UnderWay,
  request: ClaimRequest,
): Exclude<ClaimAnswer, { kind: "claimed" }> | undefined {
  const record = ledger.find(request.id);
  if (record !== undefined) return { kind: "found", snapshot: ledger.snapshot(record) };
  if (underWay.has(request.id)) return { kind: "busy" };
  return isOutside(request.horizon, ledger.now()) ? { kind: "key-too-old" } : undefined;
}

/** The horizon is asked for unknown keys alone: a known one is answered from its record. */
function isOutside(horizon: ClaimRequest["horizon"], now: number): boolean {
  if (horizon === undefined) return false;
  const { keyTime, pastMs, futureMs } = horizon;
  return keyTime < now - pastMs || keyTime > now + futureMs;
}

export function claim(
  ledger: MemoryLedger,
  underWay: UnderWay,
  request: ClaimRequest,
): ClaimAnswer {
  const known = occupied(ledger, underWay, request);
  if (known !== undefined) return known;
  const now = ledger.now();
  const record = inserted(request, now);
  ledger.keep(record);
  // It shares bytes with the request alone, which are the caller's already.
  return { kind: "claimed", snapshot: { record, now } };
}

export function takeOver(ledger: MemoryLedger, request: TakeOverRequest): TakeOverAnswer {
  const record = ledger.find(request.id);
  const now = ledger.now();
  const next = record === undefined ? "stale" : takenOver(request)(record, now);
  if (typeof next === "string") return { kind: "stale" };
  ledger.keep(next);
  // One instant for both, so that a claim has all of its time before it.
  return { kind: "claimed", snapshot: { record: copyRecord(next), now } };
}
