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
import { claimCall, fencedCall, settleCall, waiting } from "./calls.ts";
import type { Session } from "./client.ts";
import type { Begun, Connections } from "./connection.ts";
import { toClaimed, toSettled, toSnapshot } from "./documents.ts";
import { classify, isRerun, refusalOf, sqlState } from "./errors.ts";
import { type Call, callInline } from "./signatures.ts";
import { type Names, SQLSTATES } from "./statements.ts";

type Threw = { readonly kind: "threw"; readonly error: unknown };
type Failed = Threw | Exclude<Answer<never>, { kind: "ok" }>;
type Refusal = Exclude<Fenced, "done">;

type Unclaimed = Exclude<ClaimAnswer, { kind: "claimed" }>;

/** What became of the fenced write and the COMMIT. */
type Finished =
  | { readonly kind: "done"; readonly answer: string }
  | { readonly kind: "refused"; readonly reason: Refusal }
  | Failed;

/** What became of a claim, inside a transaction or not. */
export type Claimed =
  | { readonly kind: "claimed"; readonly snapshot: Snapshot }
  | { readonly kind: "unclaimed"; readonly value: Unclaimed }
  | Exclude<Answer<never>, { kind: "ok" }>;

/** What became of the callback. */
type Returned<T> = { readonly kind: "returned"; readonly value: T } | Failed;

/** The savepoint that a failed atomic operation goes back to. */
const SAVEPOINT = "SAVEPOINT nevertwice;";
const ROLLBACK_TO = "ROLLBACK TO SAVEPOINT nevertwice;";

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

/** What every function below works with. */
interface Context<Tx> {
  readonly pool: Connections;
  readonly names: Names;
  readonly skew: { readonly ms: number };
  /** What the callbacks get, made of the user's own client. */
  readonly toTx: (client: unknown) => Tx;
}

export function transactions<Tx>(context: Context<Tx>): Transactions<Tx> {
  return {
    transact: (holder, work) => transact(context, holder, work),
    atomic: (request, work) => atomic(context, request, work),
  };
}

/** Runs `inside` on a transaction begun with `first`; it ends the session in every case. */
async function begun<Tx, T>(
  context: Context<Tx>,
  first: string,
  inside: (session: Session, begun: Begun) => Promise<Answer<T>>,
): Promise<Answer<T>> {
  let session: Session;
  try {
    session = await context.pool.acquire();
  } catch (error) {
    return classify(error, "connect");
  }
  try {
    return await inside(session, await context.pool.begin(session, first));
  } catch (error) {
    await context.pool.abandon(session);
    return classify(error, "open");
  }
}

/** The fenced write and the COMMIT, in one round trip. */
async function finish<Tx>(
  context: Context<Tx>,
  session: Session,
  call: Call,
  transactionId: string,
): Promise<Finished> {
  const last = callInline(context.names, waiting(call), transactionId);
  const ended = await context.pool.commit(session, transactionId, last);
  if (ended.kind === "ok")
    return ended.value.committed
      ? { kind: "done", answer: ended.value.row[0] ?? "" }
      : { kind: "threw", error: rolledBack() };
  const { error } = ended;
  const reason = refusalOf(error);
  if (reason !== undefined) return { kind: "refused", reason: reason as Refusal };
  // A deferred constraint of the user's own tables bites at COMMIT.
  const constraint = sqlState(error)?.startsWith("23") && !isOutbox(error, context.names);
  return constraint || isCallbacksFault(error) ? { kind: "threw", error } : ended;
}

/** The callback and the reading of what it gave, which may be anything at all. */
async function run<Tx, T, R>(
  context: Context<Tx>,
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
    const working = (async () => work(context.toTx(session.tx)))();
    return { kind: "returned", value: readOut(await Promise.race([working, lost])) };
  } catch (error) {
    if (isLost || isRerun(error)) return { kind: "not-applied", error, again: true };
    return { kind: "threw", error };
  }
}

function transact<Tx, T>(
  context: Context<Tx>,
  holder: Holder,
  work: (tx: Tx) => MaybePromise<Transacted<T>>,
): Promise<Answer<TransactAnswer<T>>> {
  return begun(context, "", async (session, { transactionId }) => {
    const ended = await run(context, session, work, ({ write, value }) => ({
      call: fencedCall(holder, write, context.skew.ms),
      value,
    }));
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { call, value } = ended.value;
    const finished = await finish(context, session, call, transactionId);
    if (finished.kind === "done") return { kind: "ok", value: { kind: "committed", value } };
    return finished.kind === "refused" ? { kind: "ok", value: finished } : toAnswer(finished);
  });
}

async function atomic<Tx, T>(
  context: Context<Tx>,
  request: ClaimRequest,
  work: (tx: Tx) => MaybePromise<AtomicWork<T>>,
): Promise<Answer<AtomicAnswer<T>>> {
  const claim = callInline(context.names, claimCall(request, context.skew.ms, true));
  return begun(context, SAVEPOINT + claim, async (session, { transactionId, row }) => {
    let claimed = toClaimAnswer(request, row[0] ?? "");
    if (claimed.kind !== "claimed") return unclaimed(context, session, claimed);
    const { record } = claimed.snapshot;
    const ended = await run(context, session, work, ({ settlement, value }) => ({
      ...{ settlement, value },
      call: settleCall(record, withoutLost(settlement), context.skew.ms),
    }));
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { settlement, value, call } = ended.value;
    if (settlement.outcome.kind === "failed") {
      const again = await claimAgain(context, session, request, claim);
      if (again.kind === "threw") return giveUp(context, session, again);
      if (again.kind !== "claimed") return unclaimed(context, session, again);
      claimed = again;
    }
    const finished = await finish(context, session, call, transactionId);
    if (finished.kind === "refused")
      return toAnswer({ kind: "threw", error: new Error(`The claim is ${finished.reason}.`) });
    if (finished.kind !== "done") return toAnswer(finished);
    const snapshot = toSettled(claimed.snapshot, settlement, finished.answer);
    return { kind: "ok", value: { kind: "committed", value, snapshot } };
  });
}

/**
 * Undoes what the callback did and claims once more. Another claimer may come in between, since
 * the lock went with the savepoint; then this one did not happen.
 */
async function claimAgain<Tx>(
  context: Context<Tx>,
  session: Session,
  request: ClaimRequest,
  claim: string,
): Promise<Claimed | Threw> {
  try {
    const undone = session.script(ROLLBACK_TO + claim);
    const rows = await context.pool.within(
      "ROLLBACK TO",
      context.pool.patience.statementMs,
      undone,
    );
    return toClaimAnswer(request, rows.at(-1)?.[0] ?? "");
  } catch (error) {
    return isCallbacksFault(error) ? { kind: "threw", error } : classify(error, "open");
  }
}

async function unclaimed<Tx, T>(
  context: Context<Tx>,
  session: Session,
  claimed: Exclude<Claimed, { kind: "claimed" }>,
): Promise<Answer<T | Unclaimed>> {
  await context.pool.abandon(session);
  return claimed.kind === "unclaimed" ? { kind: "ok", value: claimed.value } : claimed;
}

async function giveUp<Tx, T>(
  context: Context<Tx>,
  session: Session,
  failure: Failed,
): Promise<Answer<T | Threw>> {
  await context.pool.abandon(session);
  return toAnswer(failure);
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

/** A failed outcome leaves no message behind. */
function withoutLost(settlement: Settlement): Settlement {
  return settlement.outcome.kind === "failed" ? { ...settlement, messages: [] } : settlement;
}

/** Whether an error is about our own outbox: a message key that is taken. */
function isOutbox(error: unknown, names: Names): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { table, table_name } = error as { table?: unknown; table_name?: unknown };
  return (table ?? table_name) === `${names.prefix}outbox`;
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
