import type { Statement } from "../../src/model/statement.ts";
import type { Answer, Store } from "../../src/store.ts";
import { claimOf } from "../../src/verify/cases/sample.ts";

/** What a call is made with, over the proxy. */
export interface Wired {
  readonly store: Store;
  /** The user's own statement in a callback; given up after a while, as users do. */
  insert(tx: unknown): Promise<void>;
  /** The same as data. */
  readonly statement: Statement;
  /** A transaction of the user's own, which is committed if the work was applied. */
  joining(work: (tx: unknown) => Promise<Answer<unknown>>): Promise<Answer<unknown>>;
}

/** What is there before the call, made over a store with no proxy before it. */
export interface Ready {
  readonly store: Store;
  /** Of the database's clock, in milliseconds. */
  readonly skew: { ms: number };
}

export type Call = (wired: Wired) => Promise<Answer<unknown>>;

/** One method of the store with what it is called with. */
export interface Method {
  readonly name: string;
  /** What the same call says after it was applied; compared by its kind. */
  readonly again: string;
  /** Whether it changes nothing. */
  readonly reads?: boolean;
  /** Whether it commits several times: a part of it may stand, which the next call goes on from. */
  readonly tiers?: boolean;
  /** Whether it is called with no connection open. */
  readonly cold?: boolean;
  prepare(ready: Ready): Promise<Call>;
}

/** Times are told apart by whole minutes, so every duration is one of several. */
export const MINUTE_MS = 60_000;
export const DAY_MS = 1_440 * MINUTE_MS;
export const LEASE_MS = 2 * MINUTE_MS;

export const requestOf = (key: string, change: Parameters<typeof claimOf>[1] = {}) =>
  claimOf(key, { leaseMs: LEASE_MS, ...change });
