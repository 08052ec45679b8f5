import { NevertwiceError } from "../../model/errors.ts";
import type {
  Answer,
  AtomicAnswer,
  AtomicWork,
  ClaimRequest,
  MaybePromise,
  Snapshot,
} from "../../store.ts";
import { withoutLost } from "./atomic.ts";
import { claimAtomicCall, settleAtomicCall } from "./calls.ts";
import { PROOF, type Row } from "./client.ts";
import { toSettled } from "./documents.ts";
import { classify, DeadlineError, innermost, isLost, isRerun, sqlState } from "./errors.ts";
import { type Speak, selecting, speakerOf } from "./joined-client.ts";
import { inline } from "./signatures.ts";
import { type Context, judged, refusedClaim, toAnswer, toClaimAnswer } from "./transaction.ts";

/** What a failed outcome goes back to: the claim stays, and with it the lock on the key. */
const SAVEPOINT = "SAVEPOINT nevertwice";
const ROLLBACK_TO = "ROLLBACK TO SAVEPOINT nevertwice";

/** What a throw goes back to: neither the claim nor anything of the callback stays. */
const OUTER = "nevertwice_join";
const UNDO = `ROLLBACK TO SAVEPOINT ${OUTER}`;
const KEEP = `RELEASE SAVEPOINT ${OUTER}`;

type Joining = Pick<Context<unknown>, "pool" | "names" | "skew">;

/**
 * Claim and settlement inside a transaction that is the user's from its BEGIN to its COMMIT. So
 * are its settings: no time-out of ours is set, and our statements have a deadline in the process.
 */
export async function join<T>(
  { pool, names, skew }: Joining,
  tx: unknown,
  request: ClaimRequest,
  work: () => MaybePromise<AtomicWork<T>>,
): Promise<Answer<AtomicAnswer<T>>> {
  const speak = speakerOf(tx);
  const say: Speak = async (sql) => {
    try {
      return await pool.within("A statement", pool.patience.statementMs, speak(sql));
    } catch (error) {
      throw innermost(error);
    }
  };
  let row: Row;
  try {
    await open(say);
    row = await say(selecting(inline(names, claimAtomicCall(request, undefined, skew.ms)), PROOF));
    await say(row[0]?.startsWith("claimed ") ? SAVEPOINT : KEEP);
  } catch (error) {
    if (isHidden(error)) return { kind: "not-applied", error, again: true };
    return classify(error, "open");
  }
  const claimed = toClaimAnswer(request, row[0] ?? "");
  if (claimed.kind === "unclaimed") return { kind: "ok", value: claimed.value };
  if (claimed.kind !== "claimed") return claimed;
  let done: AtomicWork<T>;
  try {
    done = await work();
  } catch (error) {
    if (isRerun(error)) return { kind: "not-applied", error, again: true };
    await undo(say, error);
    return { kind: "ok", value: { kind: "threw", error } };
  }
  try {
    const { value } = done;
    const settlement = withoutLost(done.settlement);
    const claim = { transactionId: row[1] ?? "", createdAt: claimed.snapshot.record.createdAt };
    const call = settleAtomicCall(request, claim, settlement, skew.ms);
    if (settlement.outcome.kind === "failed") await say(ROLLBACK_TO);
    const [answer] = await say(selecting(inline(names, call), PROOF));
    await say(KEEP);
    const snapshot: Snapshot = toSettled(claimed.snapshot, settlement, answer ?? "");
    return { kind: "ok", value: { kind: "committed", value, snapshot } };
  } catch (error) {
    if (!(error instanceof DeadlineError)) await undo(say, error);
    const failure = judged(names, classify(error, "open"));
    return toAnswer(failure.kind === "refused" ? refusedClaim(failure.reason) : failure);
  }
}

/** Above READ COMMITTED only the UNIQUE constraint finds a winner that the snapshot hides. */
const isHidden = (error: unknown): boolean => sqlState(error) === "23505";

/** A savepoint stands only in a transaction, which tells one from a pool or a plain connection. */
async function open(say: Speak): Promise<void> {
  try {
    await say(`SAVEPOINT ${OUTER}`);
  } catch (error) {
    if (sqlState(error) !== "25P01") throw error;
    const hint = "join takes an open transaction, not a client or a pool.";
    throw new NevertwiceError("option-invalid", hint, { cause: error });
  }
}

/** In vain where the transaction was ended or its connection is lost: then nothing is there. */
async function undo(say: Speak, error: unknown): Promise<void> {
  // postgres.js ends the process where it is to write to a connection that is gone.
  if (isLost(error)) return;
  try {
    await say(UNDO);
    await say(KEEP);
  } catch {}
}
