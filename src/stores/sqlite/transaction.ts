import { NevertwiceError } from "../../model/errors.ts";
import type { Answer } from "../../store.ts";
import type { Connection } from "./client.ts";
import { failed, isConstraint, refused } from "./errors.ts";
import type { Mark } from "./mark.ts";

/** What one work of a batch wants: its answer, and whether its writes are to stay. */
export interface Verdict<T> {
  readonly value: T;
  readonly keep: boolean;
}

/** One write of the store inside a batch's transaction; after a rollback it may run again. */
export interface Work<T = unknown> {
  run(): Verdict<T>;
  /** Whether it calls a function of the user's. */
  readonly callback: boolean;
}

/** What became of a batch. Works without a result were not run and belong into the next one. */
interface Ran {
  readonly results: readonly Answer<unknown>[];
  /** The commit failed by the fault of one work: each is to run again, alone. */
  readonly apart: boolean;
}

/** The transaction was ended under our feet: by a callback, or by SQLite on a full disk. */
class TransactionEnded extends Error {
  override readonly name: string = "TransactionEnded";
  constructor(cause: unknown) {
    super("The store's transaction was ended. Leave COMMIT and ROLLBACK to the store.", { cause });
  }
}

export interface BatchOptions {
  readonly connection: Connection;
  /** The savepoint's name, which nobody else can know. */
  readonly savepoint: string;
  readonly mark: Mark;
  /** False once the batch has held the event loop for long enough. */
  more(): boolean;
}

/**
 * Runs works in the open transaction, each under a savepoint, and commits them together.
 * No callback can end the transaction unseen: the savepoint is gone with it.
 */
export function runBatch(works: readonly Work[], options: BatchOptions): Ran {
  const { connection, savepoint, mark, more } = options;
  const results: Answer<unknown>[] = [];
  let marked = false;
  for (const work of works) {
    if (results.length > 0 && !more()) break;
    if (work.callback && results.length > 0 && !marked) {
      marked = mark.set();
      // A callback that comes first puts nobody's writes at risk.
      if (!marked) break;
    }
    const result = runOne(work, connection, savepoint);
    if (result instanceof TransactionEnded) {
      const before = ended(results, marked ? options.mark : undefined, connection);
      return { results: [...before, answerTo(work, result)], apart: false };
    }
    results.push(result);
  }
  return commit(works.slice(0, results.length), results, connection);
}

function runOne(
  work: Work,
  connection: Connection,
  savepoint: string,
): Answer<unknown> | TransactionEnded {
  let result: Answer<unknown>;
  let keep = false;
  try {
    connection.run(`SAVEPOINT ${savepoint}`);
    const verdict = work.run();
    keep = verdict.keep;
    result = { kind: "ok", value: verdict.value };
  } catch (error) {
    if (error instanceof TransactionEnded) return error;
    result = refused(error);
  }
  try {
    if (!keep) connection.run(`ROLLBACK TO ${savepoint}`);
    connection.run(`RELEASE ${savepoint}`);
    return result;
  } catch (error) {
    return new TransactionEnded(result.kind === "ok" ? error : result.error);
  }
}

function answerTo(work: Work, error: TransactionEnded): Answer<unknown> {
  // Without a callback SQLite itself rolled back, as it does when the disk is full.
  return work.callback
    ? { kind: "not-applied", error, again: false }
    : refused(error.cause ?? error);
}

/** The transaction is over: the mark tells whether those who came before were committed by it. */
function ended(
  results: readonly Answer<unknown>[],
  mark: Mark | undefined,
  connection: Connection,
): readonly Answer<unknown>[] {
  const isOver = connection.rollback();
  try {
    // Where no callback could commit, SQLite itself rolled back; what is still open will be.
    if (isOver && mark?.found()) return results;
    const error = new TransactionEnded(undefined);
    return results.map(() => ({ kind: "not-applied", error, again: true }));
  } catch (error) {
    return results.map(() => ({ kind: "not-known", error }));
  }
}

function commit(
  works: readonly Work[],
  results: readonly Answer<unknown>[],
  connection: Connection,
): Ran {
  try {
    connection.exec("COMMIT");
    return { results, apart: false };
  } catch (error) {
    connection.rollback();
    if (!isConstraint(error)) return { results: results.map(() => failed(error)), apart: false };
    // A deferred constraint of one callback's rows must not fail the others.
    if (works.length > 1) return { results: [], apart: true };
    const threw = { kind: "ok", value: { kind: "threw", error } } as const;
    return { results: [works[0]?.callback === true ? threw : failed(error)], apart: false };
  }
}

/** What became of a callback. */
type Called<T> =
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown };

/**
 * Calls the user's function under a savepoint of its own and keeps its writes if `keeps` says so.
 *
 * @throws TransactionEnded, before anything of ours is written
 */
export function call<T>(
  connection: Connection,
  savepoint: string,
  work: () => T | PromiseLike<T>,
  keeps: (value: T) => boolean,
): Called<T> {
  connection.run(`SAVEPOINT ${savepoint}`);
  const called = attempt(work);
  const keep = called.kind === "returned" && keeps(called.value);
  try {
    if (!keep) connection.run(`ROLLBACK TO ${savepoint}`);
    connection.run(`RELEASE ${savepoint}`);
    return called;
  } catch (error) {
    throw new TransactionEnded(called.kind === "threw" ? called.error : error);
  }
}

function attempt<T>(work: () => T | PromiseLike<T>): Called<T> {
  try {
    const value = work();
    if (!isThenable(value)) return { kind: "returned", value };
    // Nobody will wait for it, and its rejection must not end the process.
    value.then(undefined, () => undefined);
    return { kind: "threw", error: new NevertwiceError("callback-asynchronous") };
  } catch (error) {
    return { kind: "threw", error };
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  const object = typeof value === "object" || typeof value === "function";
  return object && value !== null && "then" in value && typeof value.then === "function";
}
