import type { Holder } from "../../model/operation.ts";
import type {
  Answer,
  ClaimAnswer,
  ClaimRequest,
  Fenced,
  MaybePromise,
  Snapshot,
  TransactAnswer,
  Transacted,
} from "../../store.ts";
import { fencedCall, waiting } from "./calls.ts";
import { PROOF, type Session } from "./client.ts";
import type { Begun, Connections } from "./connection.ts";
import { toClaimed, toSnapshot } from "./documents.ts";
import { classify, isRerun, refusalOf, sqlState } from "./errors.ts";
import { inline, quoted } from "./signatures.ts";
import { type Names, SQLSTATES } from "./statements.ts";

export type Threw = { readonly kind: "threw"; readonly error: unknown };
type Failed = Threw | Exclude<Answer<never>, { kind: "ok" }>;
type Refusal = Exclude<Fenced, "done">;

export type Unclaimed = Exclude<ClaimAnswer, { kind: "claimed" }>;

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

/** What every function below works with. */
export interface Context<Tx> {
  readonly pool: Connections;
  readonly names: Names;
  readonly skew: { readonly ms: number };
  /** What the callbacks get, made of the user's own client. */
  readonly toTx: (client: unknown) => Tx;
}

/** Runs `inside` on a transaction begun with `first`; it ends the session in every case. */
export async function begun<Tx, T>(
  context: Context<Tx>,
  first: string | undefined,
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

/** The last write, which ends with `PROOF`, and the COMMIT, in one round trip. */
export async function finish<Tx>(
  context: Context<Tx>,
  session: Session,
  last: string,
  transactionId: string | undefined,
): Promise<Finished> {
  const ended = await context.pool.commit(session, transactionId, last);
  if (ended.kind === "ok")
    return ended.value.committed
      ? { kind: "done", answer: ended.value.row[0] ?? "" }
      : { kind: "threw", error: rolledBack() };
  return judged(context.names, ended);
}

/** What it means that the last write or the COMMIT failed. */
export function judged(
  names: Names,
  failure: Exclude<Answer<never>, { kind: "ok" }>,
): Exclude<Finished, { kind: "done" }> {
  const { error } = failure;
  const reason = refusalOf(error);
  if (reason !== undefined) return { kind: "refused", reason: reason as Refusal };
  // A deferred constraint of the user's own tables bites at COMMIT.
  const constraint = sqlState(error)?.startsWith("23") && !isOutbox(error, names);
  return constraint || isCallbacksFault(error) ? { kind: "threw", error } : failure;
}

/** An atomic claim is its transaction's own, so that a refusal is the callback's fault. */
export const refusedClaim = (reason: Refusal): Failed => ({
  kind: "threw",
  error: new Error(`The claim is ${reason}.`),
});

/** The callback and the reading of what it gave, which may be anything at all. */
export async function run<Tx, T, R>(
  context: Context<Tx>,
  session: Session,
  work: (tx: Tx) => MaybePromise<T>,
  readOut: (value: T) => R,
): Promise<Returned<R>> {
  let isLost = false;
  try {
    const value = await new Promise<T>((resolve, reject) => {
      session.onLost((error) => {
        isLost = true;
        reject(error);
      });
      // Not resolved with the promise itself, which would leave nothing to reject.
      Promise.resolve(work(context.toTx(session.tx))).then(resolve, reject);
    });
    return { kind: "returned", value: readOut(value) };
  } catch (error) {
    if (isLost || isRerun(error)) return { kind: "not-applied", error, again: true };
    return { kind: "threw", error };
  }
}

/** The user's statements and a fenced write in one transaction. */
export function transact<Tx, T>(
  context: Context<Tx>,
  holder: Holder,
  work: (tx: Tx) => MaybePromise<Transacted<T>>,
): Promise<Answer<TransactAnswer<T>>> {
  return begun(context, undefined, async (session, { transactionId }) => {
    const ended = await run(context, session, work, ({ write, value }) => ({
      call: fencedCall(holder, write, context.skew.ms),
      value,
    }));
    if (ended.kind !== "returned") return giveUp(context, session, ended);
    const { call, value } = ended.value;
    const write = `${inline(context.names, waiting(call))}, ${quoted(transactionId)}`;
    const last = `SELECT ${context.names.of("demand")}(${write}), ${PROOF}`;
    const finished = await finish(context, session, last, transactionId);
    if (finished.kind === "done") return { kind: "ok", value: { kind: "committed", value } };
    return finished.kind === "refused" ? { kind: "ok", value: finished } : toAnswer(finished);
  });
}

export async function giveUp<Tx, T>(
  context: Context<Tx>,
  session: Session,
  failure: Failed,
): Promise<Answer<T | Threw>> {
  await context.pool.abandon(session);
  return toAnswer(failure);
}

export function toAnswer(failure: Failed): Answer<Threw> {
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
