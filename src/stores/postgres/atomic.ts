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
import { sqlState } from "./errors.ts";
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

const ENDED = "The callback ended its transaction.";

/** Claim, the callback's writes, outcome and messages in one transaction, with one COMMIT. */
export function atomic<Tx, T>(
  context: Context<Tx>,
  request: ClaimRequest,
  work: (tx: Tx) => MaybePromise<AtomicWork<T>>,
): Promise<Answer<AtomicAnswer<T>>> {
  const { names, pool, skew } = context;
  const claim = inline(names, claimAtomicCall(request, pool.patience, skew.ms));
  return begun(context, `SELECT ${claim}, ${PROOF}`, async (session, { transactionId, row }) => {
    const claimed = toClaimAnswer(request, row[0] ?? "");
    if (claimed.kind !== "claimed") return unclaimed(context, session, claimed);
    const { createdAt } = claimed.snapshot.record;
    const ended = await run(context, session, work, ({ settlement, value }) => {
      const kept = withoutLost(settlement);
      const chained = settlement.outcome.kind === "failed";
      const own = { transactionId: chained ? null : transactionId, createdAt };
      const settle = inline(names, settleAtomicCall(request, own, kept, skew.ms));
      const last = chained ? again(claim, settle) : `SELECT ${settle}, ${PROOF}`;
      return { settlement: kept, value, last };
    });
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { settlement, value, last } = ended.value;
    const chained = settlement.outcome.kind === "failed";
    if (chained && !(await isOwn(context, session, transactionId)))
      return giveUp(context, session, { kind: "threw", error: new Error(ENDED) });
    const finished = await finish(context, session, last, chained ? undefined : transactionId);
    if (finished.kind === "refused") return toAnswer(refusedClaim(finished.reason));
    if (finished.kind !== "done") return toAnswer(finished);
    if (!finished.answer.startsWith("done "))
      return lostMeanwhile(toClaimAnswer(request, finished.answer));
    const snapshot = toSettled(claimed.snapshot, settlement, finished.answer);
    return { kind: "ok", value: { kind: "committed", value, snapshot } };
  });
}

/**
 * A failed outcome leaves nothing of the callback: its transaction is rolled back, and the claim is
 * made again and settled in the one that is chained to it. Outside of a transaction a chain is an
 * error. After a failed statement it forgets the isolation.
 */
function again(claim: string, settle: string): string {
  return `ROLLBACK AND CHAIN; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    SELECT CASE WHEN answer LIKE 'claimed %' THEN ${settle} ELSE answer END,
      pg_current_xact_id()::text FROM (SELECT ${claim} AS answer OFFSET 0) AS claim`;
}

/** Whether this is still the transaction that was begun; a failed statement hides which it is. */
async function isOwn<Tx>(
  { pool }: Context<Tx>,
  session: Session,
  transactionId: string,
): Promise<boolean> {
  try {
    const proof = session.script(`SELECT ${PROOF}`);
    const [row] = await pool.within("A statement", pool.patience.statementMs, proof);
    return row?.[0] === transactionId;
  } catch (error) {
    if (sqlState(error) === "25P02") return true;
    throw error;
  }
}

/** Somebody else may claim between the two transactions; then theirs is the outcome. */
function lostMeanwhile<T>(claimed: Claimed): Answer<AtomicAnswer<T>> {
  if (claimed.kind === "unclaimed") return { kind: "ok", value: claimed.value };
  const error = new Error("The key was claimed anew without an answer.");
  return claimed.kind === "claimed" ? { kind: "not-applied", error, again: true } : claimed;
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
