import type { Holder } from "../../model/operation.ts";
import type {
  Answer,
  AtomicAnswer,
  AtomicWork,
  ClaimAnswer,
  ClaimRequest,
  Fenced,
  MaybePromise,
  Settlement,
  Snapshot,
  TransactAnswer,
  Transacted,
} from "../../store.ts";
import { type Call, claimCall, fencedCall, settleCall, waiting } from "./calls.ts";
import type { Session } from "./client.ts";
import type { Connections } from "./connection.ts";
import { toClaimed, toSettled, toSnapshot } from "./documents.ts";
import { classify, isRerun, refusalOf, sqlState } from "./errors.ts";
import { callOne } from "./signatures.ts";
import { type Names, SQLSTATES } from "./statements.ts";

type Threw = { readonly kind: "threw"; readonly error: unknown };
type Failed = Threw | Exclude<Answer<never>, { kind: "ok" }>;
type Refusal = Exclude<Fenced, "done">;

/** What became of a fenced write inside the transaction. */
type Written =
  | { readonly kind: "done"; readonly answer: string }
  | { readonly kind: "refused"; readonly reason: Refusal }
  | Failed;

/** What became of a claim, inside a transaction or not. */
export type Claimed =
  | { readonly kind: "claimed"; readonly snapshot: Snapshot }
  | { readonly kind: "unclaimed"; readonly value: Exclude<ClaimAnswer, { kind: "claimed" }> }
  | Exclude<Answer<never>, { kind: "ok" }>;

type Settled = { readonly kind: "settled"; readonly snapshot: Snapshot } | Failed;

/** What became of the callback. */
type Returned<T> = { readonly kind: "returned"; readonly value: T } | Failed;

/** The savepoint that a failed atomic operation goes back to. */
const SAVEPOINT = "SAVEPOINT nevertwice;";
const ROLLBACK_TO = "ROLLBACK TO SAVEPOINT nevertwice";

/** The user's statements and ours in one transaction. */
export interface Transactions<Tx> {
  transact<T>(
    holder: Holder,
    work: (tx: Tx) => MaybePromise<Transacted<T>>,
  ): Promise<Answer<TransactAnswer<T>>>;
  atomic<T>(
    request: ClaimRequest,
    work: (tx: Tx) => MaybePromise<AtomicWork<T>>,
  ): Promise<Answer<AtomicAnswer<T>>>;
}

/** @param toTx what the callbacks get, made of the user's own client */
export function transactions<Tx>(
  pool: Connections,
  names: Names,
  skew: { readonly ms: number },
  toTx: (client: unknown) => Tx,
): Transactions<Tx> {
  /** Runs `inside` on a begun transaction; it ends the session in every case. */
  async function begun<T>(
    savepoint: string,
    inside: (session: Session, transactionId: string) => Promise<Answer<T>>,
  ): Promise<Answer<T>> {
    let session: Session;
    try {
      session = await pool.acquire();
    } catch (error) {
      return classify(error, "connect");
    }
    let transactionId: string;
    try {
      transactionId = await pool.begin(session, savepoint);
    } catch (error) {
      await pool.abandon(session);
      return classify(error, "open");
    }
    try {
      return await inside(session, transactionId);
    } catch (error) {
      await pool.abandon(session);
      return classify(error, "open");
    }
  }

  /** Our own statement in the transaction; its failure means that nothing will be committed. */
  async function ask(session: Session, sql: string, call: Call, id?: string): Promise<string> {
    const values = id === undefined ? call.values : [...call.values, id];
    const asked = session.query(sql, values);
    const [row] = await pool.within("A statement", pool.patience.statementMs, asked);
    return row?.[0] ?? "";
  }

  async function write(session: Session, call: Call, transactionId: string): Promise<Written> {
    try {
      const sql = callOne(names, call.name, true);
      return { kind: "done", answer: await ask(session, sql, waiting(call), transactionId) };
    } catch (error) {
      const reason = refusalOf(error);
      if (reason !== undefined) return { kind: "refused", reason: reason as Refusal };
      return isCallbacksFault(error) ? { kind: "threw", error } : classify(error, "open");
    }
  }

  async function commit(session: Session, transactionId: string): Promise<Failed | undefined> {
    const committed = await pool.commit(session, transactionId);
    if (committed.kind === "ok")
      return committed.value ? undefined : { kind: "threw", error: rolledBack() };
    // A deferred constraint of the user's own tables, or a statement that failed after the write.
    if (sqlState(committed.error)?.startsWith("23") || isCallbacksFault(committed.error))
      return { kind: "threw", error: committed.error };
    return committed;
  }

  /** The callback and the reading of what it gave, which may be anything at all. */
  async function run<T, R>(
    session: Session,
    work: (tx: Tx) => MaybePromise<T>,
    readOut: (value: T) => R,
  ): Promise<Returned<R>> {
    let isLost = false;
    const lost = session.lost.catch((error: unknown) => {
      isLost = true;
      throw error;
    });
    lost.catch(() => {});
    try {
      const working = (async () => work(toTx(session.tx)))();
      return { kind: "returned", value: readOut(await Promise.race([working, lost])) };
    } catch (error) {
      if (isLost || isRerun(error)) return { kind: "not-applied", error, again: true };
      return { kind: "threw", error };
    }
  }

  function transact<T>(
    holder: Holder,
    work: (tx: Tx) => MaybePromise<Transacted<T>>,
  ): Promise<Answer<TransactAnswer<T>>> {
    return begun("", async (session, transactionId) => {
      const ended = await run(session, work, ({ write: fenced, value }) => ({
        call: fencedCall(holder, fenced, skew.ms),
        value,
      }));
      if (ended.kind !== "returned") return giveUp(session, ended);
      const { call, value } = ended.value;
      const written = await write(session, call, transactionId);
      if (written.kind === "refused") {
        await pool.abandon(session);
        return { kind: "ok", value: written };
      }
      if (written.kind !== "done") return giveUp(session, written);
      const failure = await commit(session, transactionId);
      return failure === undefined
        ? { kind: "ok", value: { kind: "committed", value } }
        : toAnswer(failure);
    });
  }

  async function atomic<T>(
    request: ClaimRequest,
    work: (tx: Tx) => MaybePromise<AtomicWork<T>>,
  ): Promise<Answer<AtomicAnswer<T>>> {
    return begun(SAVEPOINT, async (session, transactionId) => {
      const claimed = await claim(session, request);
      if (claimed.kind !== "claimed") {
        await pool.abandon(session);
        return claimed.kind === "unclaimed" ? { kind: "ok", value: claimed.value } : claimed;
      }
      const ended = await run(session, work, ({ settlement, value }) => ({
        ...{ settlement, value },
        succeeded: settlement.outcome.kind === "succeeded",
      }));
      if (ended.kind !== "returned") return giveUp(session, ended);
      const { settlement, value, succeeded } = ended.value;
      const settled = succeeded
        ? await settle(session, claimed.snapshot, settlement, transactionId)
        : await settleFailed(session, request, settlement, transactionId);
      if (settled.kind === "unclaimed") {
        await pool.abandon(session);
        return { kind: "ok", value: settled.value };
      }
      if (settled.kind !== "settled") return giveUp(session, settled);
      const failure = await commit(session, transactionId);
      return failure === undefined
        ? { kind: "ok", value: { kind: "committed", value, snapshot: settled.snapshot } }
        : toAnswer(failure);
    });
  }

  async function claim(session: Session, request: ClaimRequest): Promise<Claimed> {
    try {
      const call = claimCall(request, skew.ms, true);
      const answer = await ask(session, callOne(names, "claim"), call);
      return toClaimAnswer(request, answer);
    } catch (error) {
      return classify(error, "open");
    }
  }

  async function settle(
    session: Session,
    claimed: Snapshot,
    settlement: Settlement,
    transactionId: string,
  ): Promise<Settled> {
    const call = settleCall(claimed.record, settlement, skew.ms);
    const written = await write(session, call, transactionId);
    if (written.kind === "done")
      return { kind: "settled", snapshot: toSettled(claimed, settlement, written.answer) };
    if (written.kind !== "refused") return written;
    return { kind: "threw", error: new Error(`The claim is gone: ${written.reason}.`) };
  }

  /**
   * Undoes what the callback did and claims once more. Another claimer may come in between, since
   * the lock went with the savepoint; then this one did not happen.
   */
  async function settleFailed(
    session: Session,
    request: ClaimRequest,
    settlement: Settlement,
    transactionId: string,
  ): Promise<Settled | Extract<Claimed, { kind: "unclaimed" }>> {
    try {
      const undone = session.script(ROLLBACK_TO);
      await pool.within("ROLLBACK TO", pool.patience.statementMs, undone);
    } catch (error) {
      return isCallbacksFault(error) ? { kind: "threw", error } : classify(error, "open");
    }
    const claimed = await claim(session, request);
    if (claimed.kind !== "claimed") return claimed;
    return settle(session, claimed.snapshot, { ...settlement, messages: [] }, transactionId);
  }

  async function giveUp<T>(session: Session, failure: Failed): Promise<Answer<T | Threw>> {
    await pool.abandon(session);
    return toAnswer(failure);
  }

  return { transact, atomic };
}

function toAnswer(failure: Failed): Answer<Threw> {
  return failure.kind === "threw"
    ? { kind: "ok", value: { kind: "threw", error: failure.error } }
    : failure;
}

/** @param answer of the database's claim function */
export function toClaimAnswer(request: ClaimRequest, answer: string): Claimed {
  if (answer.startsWith("claimed "))
    return { kind: "claimed", snapshot: toClaimed(request, answer) };
  if (answer === "busy" || answer === "key-too-old")
    return { kind: "unclaimed", value: { kind: answer } };
  if (answer.startsWith("{"))
    return { kind: "unclaimed", value: { kind: "found", snapshot: toSnapshot(answer) } };
  const error = new Error("The record was pruned during the claim.");
  return { kind: "not-applied", error, again: true };
}

const rolledBack = (): Error =>
  new Error("The transaction was rolled back: a statement of it had failed.");

/** An error that the callback swallowed, or a transaction that it ended by itself. */
function isCallbacksFault(error: unknown): boolean {
  const state = sqlState(error);
  return (
    state === "25P02" ||
    state === "25P01" ||
    state === "3B001" ||
    state === SQLSTATES.transactionEnded
  );
}
