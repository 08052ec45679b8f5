import type {
  Answer,
  AtomicAnswer,
  AtomicWork,
  ClaimRequest,
  MaybePromise,
  Settlement,
} from "../../store.ts";
import { claimAtomicCall, settleAtomicCall } from "./calls.ts";
import { PROOF, type Session } from "./client.ts";
import { toSettled } from "./documents.ts";
import { inline } from "./signatures.ts";
import {
  begun,
  type Claimed,
  type Context,
  finish,
  giveUp,
  refusedClaim,
  run,
  toAnswer,
  toClaimAnswer,
  type Unclaimed,
} from "./transaction.ts";

/** What a failed outcome goes back to: the claim stays, and with it the lock on the key. */
export const SAVEPOINT = "SAVEPOINT nevertwice";
export const ROLLBACK_TO = "ROLLBACK TO SAVEPOINT nevertwice";

/** Claim, the callback's writes, outcome and messages in one transaction, with one COMMIT. */
export function atomic<Tx, T>(
  context: Context<Tx>,
  request: ClaimRequest,
  work: (tx: Tx) => MaybePromise<AtomicWork<T>>,
): Promise<Answer<AtomicAnswer<T>>> {
  const { names, pool, skew } = context;
  const claim = inline(names, claimAtomicCall(request, pool.patience, skew.ms));
  const first = `SELECT ${claim}, ${PROOF}; ${SAVEPOINT}`;
  return begun(context, first, async (session, { transactionId, row }) => {
    const claimed = toClaimAnswer(request, row[0] ?? "");
    if (claimed.kind !== "claimed") return unclaimed(context, session, claimed);
    const { createdAt } = claimed.snapshot.record;
    const ended = await run(context, session, work, ({ settlement, value }) => {
      const kept = withoutLost(settlement);
      const call = settleAtomicCall(request, { transactionId, createdAt }, kept, skew.ms);
      return { settlement: kept, value, settle: `SELECT ${inline(names, call)}, ${PROOF}` };
    });
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { settlement, value, settle } = ended.value;
    const last = settlement.outcome.kind === "failed" ? `${ROLLBACK_TO}; ${settle}` : settle;
    const finished = await finish(context, session, last, transactionId);
    if (finished.kind === "refused") return toAnswer(refusedClaim(finished.reason));
    if (finished.kind !== "done") return toAnswer(finished);
    const snapshot = toSettled(claimed.snapshot, settlement, finished.answer);
    return { kind: "ok", value: { kind: "committed", value, snapshot } };
  });
}

async function unclaimed<Tx, T>(
  context: Context<Tx>,
  session: Session,
  claimed: Exclude<Claimed, { kind: "claimed" }>,
): Promise<Answer<T | Unclaimed>> {
  await context.pool.abandon(session);
  return claimed.kind === "unclaimed" ? { kind: "ok", value: claimed.value } : claimed;
}

/** A failed outcome leaves no message behind. */
export function withoutLost(settlement: Settlement): Settlement {
  return settlement.outcome.kind === "failed" ? { ...settlement, messages: [] } : settlement;
}
