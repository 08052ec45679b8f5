import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { systemRandom } from "../../model/random.ts";
import type { OperationStore } from "../../store.ts";
import { isPostgres, openPostgres, openSqlite } from "../open-store.ts";
import type { Order } from "./state.ts";

/** What a customer wants to buy. */
export interface Purchase {
  readonly cartId: string;
  readonly amount: number;
  readonly currency: string;
}

/**
 * The shop's own table, over SQLite or Postgres. The callbacks of an operation get its `tx` and
 * write with it; on SQLite at once, on Postgres as a promise.
 */
export interface Books<Tx> {
  readonly store: OperationStore<Tx>;
  reserve(tx: Tx, orderId: string, purchase: Purchase): void | Promise<void>;
  markPaid(tx: Tx, orderId: string, chargeId: string): void | Promise<void>;
  release(tx: Tx, orderId: string): void | Promise<void>;
  /** What the naive shop does: one insert after its charge. */
  add(orderId: string, purchase: Purchase, chargeId: string): Promise<void>;
  orders(): Promise<readonly Order[]>;
  close(): Promise<void>;
}

const TABLE = `create table if not exists shop_order (
  order_id text primary key,
  cart_id text not null,
  amount bigint not null,
  currency text not null,
  charge_id text unique,
  status text not null,
  created_at bigint not null
)`;
const NEWEST = `select order_id, cart_id, amount, currency, charge_id, status, created_at
from shop_order order by created_at, order_id`;
const NOW_SQLITE = "cast(unixepoch('subsec') * 1000 as integer)";
const NOW_POSTGRES = "floor(extract(epoch from clock_timestamp()) * 1000)";

/** Opens the shop's database with all tables in place. */
export async function openBooks(db: string): Promise<Books<unknown>> {
  if (isPostgres(db)) return (await openPostgresBooks(db)) as Books<unknown>;
  await mkdir(dirname(db), { recursive: true });
  return (await openSqliteBooks(db)) as Books<unknown>;
}

async function openSqliteBooks(file: string): Promise<Books<unknown>> {
  const { store, client, close } = await openSqlite(file);
  await store.migrate();
  client.exec(TABLE);
  const insert = client.prepare(`insert into shop_order values (?, ?, ?, ?, ?, ?, ${NOW_SQLITE})`);
  const paid = client.prepare(
    "update shop_order set status = 'paid', charge_id = ? where order_id = ?",
  );
  const gone = client.prepare("delete from shop_order where order_id = ?");
  const newest = client.prepare(NEWEST);
  return {
    store: store as OperationStore<unknown>,
    reserve: (_tx, id, { cartId, amount, currency }) =>
      void insert.run(id, cartId, amount, currency, null, "reserved"),
    markPaid: (_tx, id, chargeId) => void paid.run(chargeId, id),
    release: (_tx, id) => void gone.run(id),
    add: async (id, { cartId, amount, currency }, chargeId) =>
      void insert.run(id, cartId, amount, currency, chargeId, "paid"),
    orders: async () => newest.all().map(toOrder),
    close,
  };
}

interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

async function openPostgresBooks(url: string): Promise<Books<Queryable>> {
  const { store, client, close } = await openPostgres(url);
  await store.migrate();
  // Two shops that start at once would race for the table's name in the catalogue.
  await client.query(`begin; select pg_advisory_xact_lock(4242); ${TABLE}; commit`);
  const insert = `insert into shop_order values ($1, $2, $3, $4, $5, $6, ${NOW_POSTGRES})`;
  const run = async (tx: Queryable, text: string, values: unknown[]): Promise<void> => {
    await tx.query(text, values);
  };
  return {
    store: store as OperationStore<Queryable>,
    reserve: (tx, id, { cartId, amount, currency }) =>
      run(tx, insert, [id, cartId, amount, currency, null, "reserved"]),
    markPaid: (tx, id, chargeId) =>
      run(tx, "update shop_order set status = 'paid', charge_id = $2 where order_id = $1", [
        id,
        chargeId,
      ]),
    release: (tx, id) => run(tx, "delete from shop_order where order_id = $1", [id]),
    add: (id, { cartId, amount, currency }, chargeId) =>
      run(client, insert, [id, cartId, amount, currency, chargeId, "paid"]),
    orders: async () => (await client.query(NEWEST)).rows.map(toOrder),
    close,
  };
}

interface OrderRow {
  readonly order_id: string;
  readonly cart_id: string;
  readonly amount: number | string;
  readonly currency: string;
  readonly charge_id: string | null;
  readonly status: string;
  readonly created_at: number | string;
}

function toOrder(row: unknown): Order {
  const { order_id, cart_id, amount, currency, charge_id, status, created_at } = row as OrderRow;
  return {
    orderId: order_id,
    cartId: cart_id,
    amount: Number(amount),
    currency,
    chargeId: charge_id,
    status,
    createdAt: Number(created_at),
  };
}

export function newOrderId(): string {
  return `order_${Buffer.from(systemRandom.bytes(8)).toString("hex")}`;
}

/** Goes on after a write: at once where it is done at once, later where it is a promise. */
export function after<T>(written: void | Promise<void>, next: () => T): T | Promise<T> {
  return written === undefined ? next() : written.then(next);
}
