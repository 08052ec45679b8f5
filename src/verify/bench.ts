import type { Statement } from "../model/statement.ts";
import type { MaybePromise, Store } from "../store.ts";

/**
 * What a case may need beyond the contract itself.
 * `races`: calls of two handles that are under way at the same time, not one connection for all.
 * `transactions`: a user who can end the transaction from inside its callback.
 * `skew`: a database clock that the bench can move.
 * `rows`: a table of the user's own that takes part in the store's transactions.
 * `async-callbacks`: transaction callbacks that may await; known from the store's capabilities.
 * `own-transaction`: a transaction object that can die, not the user's bare connection.
 * `unmigrated`: a database without the store's tables.
 * `statements`: a store that carries planned statements, and one that writes a row of the user's.
 * `lineage`: a database that looks as if its history had changed.
 */
export type Need =
  | "races"
  | "transactions"
  | "skew"
  | "rows"
  | "async-callbacks"
  | "own-transaction"
  | "unmigrated"
  | "statements"
  | "lineage";

/** One empty store, made anew for each case, and what surrounds it. */
export interface StoreBench<Tx = unknown> {
  /** Migrated and without a single operation, event or message. */
  readonly store: Store<Tx>;
  /** Moves the database's clock of this store and of every other handle, in milliseconds. */
  advance(ms: number): MaybePromise<void>;
  /** Another handle on the same data: another connection, or another process's store object. */
  again?(): MaybePromise<Store<Tx>>;
  /** A table of the user's own with a UNIQUE text column `id`. */
  readonly userRows: {
    /** Inserts with the user's own client; synchronous where the store's callbacks are. */
    insert(tx: Tx, id: string): MaybePromise<void>;
    /** The same insert as data, where the store carries plans. */
    statement?(id: string): Statement;
    /** The committed rows. */
    count(): MaybePromise<number>;
  };
  /** Ends the transaction from inside its callback, as a user's own COMMIT would. */
  endTransaction?(tx: Tx): MaybePromise<void>;
  /** Two handles on one database that has none of the store's tables yet. */
  unmigrated?(): MaybePromise<readonly [Store<Tx>, Store<Tx>]>;
  /** Makes the database's history another than the one that the store remembers. */
  changeLineage?(): MaybePromise<void>;
  /** What this bench cannot offer, each with the reason that is printed beside the skipped case. */
  readonly lacks?: Partial<Readonly<Record<Need, string>>>;
  /** Gives back what the bench opened, all of its handles too. */
  close(): MaybePromise<void>;
}

/** One conformance case; it throws if the store breaks the guarantee of its number. */
export interface StoreCase {
  readonly guarantee: number;
  readonly name: string;
  readonly needs?: readonly Need[];
  run(bench: StoreBench): Promise<void>;
}

/** Why the bench cannot run the case, or undefined if it can. */
export function skipReason(storeCase: StoreCase, bench: StoreBench): string | undefined {
  for (const need of storeCase.needs ?? []) {
    const reason = bench.lacks?.[need] ?? missing(need, bench);
    if (reason !== undefined) return `${need}: ${reason}`;
  }
  return undefined;
}

function missing(need: Need, bench: StoreBench): string | undefined {
  if (need === "races" && bench.again === undefined) return "the bench has one handle only";
  if (need === "transactions" && bench.endTransaction === undefined)
    return "a callback cannot end its transaction";
  if (need === "unmigrated" && bench.unmigrated === undefined)
    return "the bench has no database without tables";
  if (need === "statements" && !(bench.store.carryOut && bench.userRows.statement))
    return "the store has no tables for the writes of a plan";
  if (need === "lineage" && bench.changeLineage === undefined)
    return "the database's history cannot change, or not be told";
  if (need === "async-callbacks" && bench.store.capabilities.callbacks === "sync")
    return "the store's callbacks are synchronous";
  return undefined;
}
