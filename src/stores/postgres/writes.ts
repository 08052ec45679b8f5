import type { Holder } from "../../model/operation.ts";
import type {
  Answer,
  ClaimAnswer,
  ClaimRequest,
  Fenced,
  OperationStore,
  TakeOverAnswer,
  TakeOverRequest,
} from "../../store.ts";
import { guarded } from "./answers.ts";
import { batches } from "./batch.ts";
import {
  beginCall,
  claimCall,
  recordCall,
  renewCall,
  settleCall,
  suspendCall,
  takeOverCall,
} from "./calls.ts";
import type { Connections } from "./connection.ts";
import { toSnapshot } from "./documents.ts";
import type { LeaseConnection } from "./leases.ts";
import type { Call } from "./signatures.ts";
import type { Names } from "./statements.ts";
import { toClaimAnswer } from "./transaction.ts";

type Writes = Pick<
  OperationStore,
  "claim" | "takeOver" | "renew" | "begin" | "record" | "settle" | "suspend"
>;

/** The writes without a callback: they leave in groups. */
export function writes(
  db: Connections,
  leases: LeaseConnection,
  names: Names,
  skew: { readonly ms: number },
): Writes {
  const call = batches(names, db);
  const renew = batches(names, { alone: leases.run, wrapped: db.wrapped });

  async function claim(request: ClaimRequest): Promise<Answer<ClaimAnswer>> {
    const answer = await call(claimCall(request, skew.ms));
    if (answer.kind !== "ok") return answer;
    const claimed = toClaimAnswer(request, answer.value);
    if (claimed.kind === "unclaimed") return { kind: "ok", value: claimed.value };
    if (claimed.kind !== "claimed") return claimed;
    leases.hold(claimed.snapshot.record, request.runForMs);
    return { kind: "ok", value: claimed };
  }

  async function takeOver(request: TakeOverRequest): Promise<Answer<TakeOverAnswer>> {
    const answer = await call(takeOverCall(request, skew.ms));
    if (answer.kind !== "ok") return answer;
    if (answer.value === "stale") return { kind: "ok", value: { kind: "stale" } };
    const snapshot = toSnapshot(answer.value);
    leases.hold(snapshot.record, request.runForMs);
    return { kind: "ok", value: { kind: "claimed", snapshot } };
  }

  /** A fenced write; `ends` if a claim does not outlive it. */
  async function write(holder: Holder, made: Call, ends: boolean): Promise<Answer<Fenced>> {
    const answer = await (made.name === "renew" ? renew(made) : call(made));
    if (answer.kind !== "ok") return answer;
    const value = answer.value.split(" ")[0] as Fenced;
    if (value === "stale" || (ends && value === "done")) leases.drop(holder);
    return { kind: "ok", value };
  }

  return {
    claim: (request) => guarded(() => claim(request)),
    takeOver: (request) => guarded(() => takeOver(request)),
    renew: (holder, leaseMs) =>
      guarded(() => write(holder, renewCall(holder, leaseMs, skew.ms), false)),
    begin: (holder, step) => guarded(() => write(holder, beginCall(holder, step, skew.ms), false)),
    record: (holder, name, result) =>
      guarded(() => write(holder, recordCall(holder, name, result, skew.ms), false)),
    settle: (holder, settlement) =>
      guarded(() => write(holder, settleCall(holder, settlement, skew.ms), true)),
    suspend: (holder, suspension) =>
      guarded(() => write(holder, suspendCall(holder, suspension, skew.ms), true)),
  };
}
