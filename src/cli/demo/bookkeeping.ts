import { systemRandom } from "../../model/random.ts";
import type { Store } from "../../store.ts";
import type { Order, Receipt } from "./state.ts";

/** What a customer wants to buy. */
export interface Purchase {
  readonly cartId: string;
  readonly amount: number;
  readonly currency: string;
}

/** What an event changes in the shop's books. */
export interface Entry {
  readonly eventKey: string;
  readonly chargeId: string;
  /** Below 0 for what was paid back. */
  readonly amount: number;
}

/**
 * The shop's own tables, over SQLite or Postgres. The callbacks of an operation get its `tx` and
 * write with it; on SQLite at once, on Postgres as a promise.
 */
export interface Books<Tx> {
  readonly store: Store<Tx>;
  reserve(tx: Tx, orderId: string, purchase: Purchase): void | Promise<void>;
  markPaid(tx: Tx, orderId: string, chargeId: string): void | Promise<void>;
  release(tx: Tx, orderId: string): void | Promise<void>;
  /** Enters what an event says of a charge; false if no order has that charge yet. */
  enter(tx: Tx, entry: Entry): boolean | Promise<boolean>;
  /** What the naive shop does: one insert after its charge. */
  add(orderId: string, purchase: Purchase, chargeId: string): Promise<void>;
  /** Puts a letter into the customer's box; one of the same id only counts as handed over again. */
  putLetter(id: string, orderId: string): Promise<void>;
  orders(): Promise<readonly Order[]>;
  /** Oldest first. */
  receipts(): Promise<readonly Receipt[]>;
  /** How many entries each event has made, by its key. */
  entered(): Promise<ReadonlyMap<string, number>>;
  close(): Promise<void>;
}

export function newOrderId(): string {
  return `order_${Buffer.from(systemRandom.bytes(8)).toString("hex")}`;
}

/** Goes on after a write: at once where it is done at once, later where it is a promise. */
export function after<V, T>(written: V | Promise<V>, next: (value: V) => T): T | Promise<T> {
  return written instanceof Promise ? written.then(next) : next(written);
}
