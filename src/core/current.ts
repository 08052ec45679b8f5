import { AsyncLocalStorage } from "node:async_hooks";
import type { MaybePromise } from "../model/answer.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { RecordId } from "../model/key.ts";

/** What is at hand everywhere inside a protected handler. */
export interface CurrentOperation {
  readonly name: string;
  readonly scope: string;
  readonly key: string;
  /** The number of this attempt, from 1. */
  readonly attempt: number;
  /** Aborts when a newer claim owns the operation. */
  readonly signal: AbortSignal;
  /** Asks the database whether this run still owns the operation. @throws lease-lost */
  assertOwner(): Promise<void>;
  /**
   * The key to send to a provider for a named effect: the same over every retry.
   *
   * @throws namespace-missing
   */
  providerKey(step: string): string;
}

/** Which operation it is, and of which house. */
interface Whose {
  readonly house: object;
  readonly id: RecordId;
}

interface Running extends Whose {
  readonly current: CurrentOperation;
  /** Whether its handler has ended; what it has left behind may ask again. */
  ended: boolean;
}

const running = new AsyncLocalStorage<Running>();
const inTransaction = new AsyncLocalStorage<true>();

/**
 * The operation that runs here.
 *
 * @throws operation-missing outside a protected handler
 * @example const { key, signal } = currentOperation();
 */
export function currentOperation(): CurrentOperation {
  const found = running.getStore();
  if (found === undefined) throw new NevertwiceError("operation-missing");
  return found.current;
}

export async function runAs<T>(
  current: CurrentOperation,
  whose: Whose,
  body: () => MaybePromise<T>,
): Promise<T> {
  const own: Running = { ...whose, current, ended: false };
  try {
    return await running.run(own, body);
  } finally {
    own.ended = true;
  }
}

/**
 * An operation that is asked for inside of itself would wait for its own end, and a door would
 * store that refusal as its outcome.
 *
 * @throws option-invalid
 */
export function refuseItself({ house, id }: Whose): void {
  const found = running.getStore();
  if (found === undefined || found.ended || found.id !== id || found.house !== house) return;
  throw new NevertwiceError(
    "option-invalid",
    "This operation was asked for inside of its own handler. Is the protection mounted twice over " +
      "one route, such as by two prefixes?",
  );
}

/** Runs a transaction's callback, so that a step begun inside it can be refused. */
export function runInTransaction<T>(body: () => T): T {
  return inTransaction.run(true, body);
}

/** @throws step-nested inside a transaction's callback */
export function refuseNested(): void {
  if (inTransaction.getStore()) throw new NevertwiceError("step-nested");
}
