import assert from "node:assert/strict";
import type { Evidence, Reopening } from "../../model/evidence.ts";
import type { Doubt, Holder, OperationRecord } from "../../model/operation.ts";
import type { ClaimRequest, OperationStore } from "../../store.ts";
import { answered, bytes, claimed, claimOf, recordOf, sendOf } from "./sample.ts";

export const INTENT = { provider: "stripe", kind: "payment_intent" } as const;
export const VALUE: Uint8Array = bytes('{"id":"pi_1"}');

export const EVIDENCE: Evidence = {
  ...{ step: "charge", source: "person", finding: "executed", by: "ada", detail: "dashboard" },
};
export const EXECUTED: Reopening = {
  evidence: EVIDENCE,
  settled: { kind: "executed", reference: "pi_1", value: VALUE },
};
/** The reference without the value, which the next run asks the provider for. */
export const NAMED: Reopening = {
  evidence: EVIDENCE,
  settled: { kind: "executed", reference: "pi_1" },
};
export const NOT_EXECUTED: Reopening = {
  evidence: { ...EVIDENCE, finding: "not-executed" },
  settled: { kind: "not-executed" },
};
export const AS_IT_IS: Reopening = { evidence: { ...EVIDENCE, finding: "unknown" } };

/** An operation in doubt whose payment was sent and never answered. */
export async function parkedOf(
  store: OperationStore,
  key: string,
  change: Partial<ClaimRequest> = {},
): Promise<OperationRecord> {
  const { record } = await claimed(store, claimOf(key, change));
  answered(await store.begin(record, sendOf("charge", { target: INTENT })));
  answered(await store.record(record, "charge", { kind: "unanswered" }));
  return park(store, record);
}

/** Gives the claim back until a person helps. */
export async function park(
  store: OperationStore,
  holder: Holder,
  doubt: Doubt = "effect-unknown",
): Promise<OperationRecord> {
  const suspension = { state: "in_doubt", doubt, dueInMs: undefined, error: "timeout" } as const;
  assert.equal(
    answered(await store.suspend(holder, { ...suspension, countAttempt: true })),
    "done",
  );
  return recordOf(store, holder.id);
}

export async function evidenceCount(store: OperationStore, id: string): Promise<number> {
  return answered(await store.evidence(id)).length;
}
