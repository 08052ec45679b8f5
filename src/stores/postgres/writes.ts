import type { Reopening } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import type { Holder } from "../../model/operation.ts";
import type {
  Answer,
  ClaimAnswer,
  ClaimRequest,
  Fenced,
  OperationStore,
  Recorded,
  Reopened,
  TakeOverAnswer,
  TakeOverRequest,
} from "../../store.ts";
import { changed, guarded } from "./answers.ts";
import { batches } from "./batch.ts";
import { claimCall, renewCall, settleCall, suspendCall, takeOverCall } from "./calls.ts";
import type { Connections } from "./connection.ts";
import { toSnapshot } from "./documents.ts";
import type { LeaseConnection } from "./leases.ts";
import { type Call, callOne } from "./signatures.ts";
import type { Names } from "./statements.ts";
import { beginCall, noteCall, recordCall, reopenCall } from "./step-calls.ts";
import { toClaimAnswer } from "./transaction.ts";

type Writes = Pick<
  OperationStore,
  "claim" | "takeOver" | "renew" | "begin" | "record" | "note" | "reopen" | "settle" | "suspend"
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
    const owner = leases.owner();
    const answer = await call(claimCall(request, owner, skew.ms));
    if (answer.kind !== "ok") return answer;
    const claimed = toClaimAnswer(request, answer.value);
    if (claimed.kind === "unclaimed") return { kind: "ok", value: claimed.value };
    if (claimed.kind !== "claimed") return claimed;
    leases.hold(claimed.snapshot.record, request, owner);
    return { kind: "ok", value: claimed };
  }

  async function takeOver(request: TakeOverRequest): Promise<Answer<TakeOverAnswer>> {
    const owner = leases.owner();
    const answer = await call(takeOverCall(request, owner, skew.ms));
    if (answer.kind !== "ok") return answer;
    if (answer.value === "stale") return { kind: "ok", value: { kind: "stale" } };
    const snapshot = toSnapshot(answer.value);
    leases.hold(snapshot.record, request, owner);
    return { kind: "ok", value: { kind: "claimed", snapshot } };
  }

  /** A fenced write; `ends` if a claim does not outlive it. */
  async function write<Said extends Recorded = Fenced>(
    holder: Holder,
    made: Call,
    ends: boolean,
  ): Promise<Answer<Said>> {
    const answer = await (made.name === "renew" ? renew(made) : call(made));
    if (answer.kind !== "ok") return answer;
    const value = answer.value.split(" ")[0] as Said;
    if (value === "done" ? ends : value === "stale" && !isOfStep(made)) leases.drop(holder);
    return { kind: "ok", value };
  }

  /** It may wait for the writer that holds the operation, so it shares a statement with nobody. */
  async function reopen(id: RecordId, reopening: Reopening): Promise<Answer<Reopened>> {
    const { name, values } = reopenCall(id, reopening, skew.ms);
    return changed(await db.wrapped(callOne(names, name), values), ([row]) => row?.[0] as Reopened);
  }

  return {
    claim: (request) => guarded(() => claim(request)),
    takeOver: (request) => guarded(() => takeOver(request)),
    renew: (holder, leaseMs) =>
      guarded(() => write(holder, renewCall(holder, leaseMs, leases.owner(), skew.ms), false)),
    begin: (holder, step) => guarded(() => write(holder, beginCall(holder, step, skew.ms), false)),
    record: (holder, name, end) =>
      guarded(() => write<Recorded>(holder, recordCall(holder, name, end, skew.ms), false)),
    note: (id, evidence) =>
      guarded(async () =>
        changed(await call(noteCall(id, evidence, skew.ms)), (text) =>
          text === "noted" ? "noted" : "missing",
        ),
      ),
    reopen: (id, reopening) => guarded(() => reopen(id, reopening)),
    settle: (holder, settlement) =>
      guarded(() => write(holder, settleCall(holder, settlement, skew.ms), true)),
    suspend: (holder, suspension) =>
      guarded(() => write(holder, suspendCall(holder, suspension, skew.ms), true)),
  };
}

/** A step may be stale under a claim that lives, and nobody may take that claim for dead. */
function isOfStep({ name }: Call): boolean {
  return name === "begin_step" || name === "record_step";
}
