import { AsyncLocalStorage } from "node:async_hooks";
import { NevertwiceError } from "../model/errors.ts";

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

const running = new AsyncLocalStorage<CurrentOperation>();
const inTransaction = new AsyncLocalStorage<true>();

/**
 * The operation that runs here.
 *
 * @throws operation-missing outside a protected handler
 * @example const { key, signal } = currentOperation();
 */
export function currentOperation(): CurrentOperation {
  const current = running.getStore();
  if (current === undefined) throw new NevertwiceError("operation-missing");
  return current;
}

export function runAs<T>(current: CurrentOperation, body: () => T): T {
  return running.run(current, body);
}

/** Runs a transaction's callback, so that a step begun inside it can be refused. */
export function runInTransaction<T>(body: () => T): T {
  return inTransaction.run(true, body);
}

/** @throws step-nested inside a transaction's callback */
export function refuseNested(): void {
  if (inTransaction.getStore()) throw new NevertwiceError("step-nested");
}
