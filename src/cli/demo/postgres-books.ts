import type { Store } from "../../store.ts";
import { openPostgres } from "../open-store.ts";
import { ENTERED, ORDERS, RECEIPTS, TABLES, toEntered, toOrder, toReceipt } from "./book-rows.ts";
import type { Books } from "./bookkeeping.ts";

interface Queryable {
  query(text: string, values?: unknown[]): Promise<{ readonly rows: unknown[] }>;
}

const NOW = "floor(extract(epoch from clock_timestamp()) * 1000)";
const INSERT = `insert into shop_order values ($1, $2, $3, $4, $5, $6, ${NOW})`;
const PAID = "update shop_order set status = 'paid', charge_id = $2 where order_id = $1";
const GONE = "delete from shop_order where order_id = $1";
const ENTER = `insert into shop_entry
  select $1::text, charge_id, $2::bigint, ${NOW} from shop_order where charge_id = $3 returning charge_id`;
const PUT = `insert into shop_letter values ($1, $2, 1, ${NOW})
  on conflict (letter_id) do update set times = shop_letter.times + 1`;

export async function openPostgresBooks(url: string): Promise<Books<Queryable>> {
  const { store, client, close } = await openPostgres(url);
  await store.migrate();
  // Two shops that start at once would race for the tables' names in the catalogue.
  await client.query(`begin; select pg_advisory_xact_lock(4242); ${TABLES}; commit`);
  const run = async (tx: Queryable, text: string, values: unknown[]): Promise<void> => {
    await tx.query(text, values);
  };
  return {
    store: store as Store<Queryable>,
    reserve: (tx, id, { cartId, amount, currency }) =>
      run(tx, INSERT, [id, cartId, amount, currency, null, "reserved"]),
    markPaid: (tx, id, chargeId) => run(tx, PAID, [id, chargeId]),
    release: (tx, id) => run(tx, GONE, [id]),
    enter: async (tx, { eventKey, amount, chargeId }) =>
      (await tx.query(ENTER, [eventKey, amount, chargeId])).rows.length > 0,
    add: (id, { cartId, amount, currency }, chargeId) =>
      run(client, INSERT, [id, cartId, amount, currency, chargeId, "paid"]),
    putLetter: (id, orderId) => run(client, PUT, [id, orderId]),
    orders: async () => (await client.query(ORDERS)).rows.map(toOrder),
    receipts: async () => (await client.query(RECEIPTS)).rows.map(toReceipt),
    entered: async () => toEntered((await client.query(ENTERED)).rows),
    close,
  };
}
