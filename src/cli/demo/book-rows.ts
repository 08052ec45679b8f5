import type { Order, Receipt } from "./state.ts";

/** The shop's tables, in words that SQLite and Postgres both know. */
export const TABLES = `create table if not exists shop_order (
  order_id text primary key,
  cart_id text not null,
  amount bigint not null,
  currency text not null,
  charge_id text unique,
  status text not null,
  created_at bigint not null
);
create table if not exists shop_entry (
  event_key text not null,
  charge_id text not null,
  amount bigint not null,
  entered_at bigint not null
);
create table if not exists shop_letter (
  letter_id text primary key,
  order_id text not null,
  times integer not null,
  put_at bigint not null
)`;

export const ORDERS = `select order_id, cart_id, amount, currency, charge_id, status, created_at,
  (select min(entered_at) from shop_entry
    where shop_entry.charge_id = shop_order.charge_id and amount > 0) as confirmed_at,
  (select coalesce(-sum(amount), 0) from shop_entry
    where shop_entry.charge_id = shop_order.charge_id and amount < 0) as refunded
from shop_order order by created_at, order_id`;
export const RECEIPTS = "select order_id, times, put_at from shop_letter order by put_at, order_id";
/** No unique index keeps an event from being entered twice: whoever handles it has to. */
export const ENTERED = "select event_key, count(*) as times from shop_entry group by event_key";

interface OrderRow {
  readonly order_id: string;
  readonly cart_id: string;
  readonly amount: number | string;
  readonly currency: string;
  readonly charge_id: string | null;
  readonly status: string;
  readonly created_at: number | string;
  readonly confirmed_at: number | string | null;
  readonly refunded: number | string;
}

export function toOrder(row: unknown): Order {
  const order = row as OrderRow;
  return {
    orderId: order.order_id,
    cartId: order.cart_id,
    amount: Number(order.amount),
    currency: order.currency,
    chargeId: order.charge_id,
    status: order.status,
    createdAt: Number(order.created_at),
    confirmedAt: order.confirmed_at === null ? null : Number(order.confirmed_at),
    refunded: Number(order.refunded),
  };
}

export function toReceipt(row: unknown): Receipt {
  const { order_id, times, put_at } = row as {
    readonly order_id: string;
    readonly times: number;
    readonly put_at: number | string;
  };
  return { orderId: order_id, times, at: Number(put_at) };
}

export function toEntered(rows: readonly unknown[]): ReadonlyMap<string, number> {
  const counts = rows as readonly {
    readonly event_key: string;
    readonly times: number | string;
  }[];
  return new Map(counts.map(({ event_key, times }) => [event_key, Number(times)]));
}
