import type { Store } from "../../store.ts";
import { openSqlite } from "../open-store.ts";
import { ENTERED, ORDERS, RECEIPTS, TABLES, toEntered, toOrder, toReceipt } from "./book-rows.ts";
import type { Books } from "./bookkeeping.ts";

const NOW = "cast(unixepoch('subsec') * 1000 as integer)";

export async function openSqliteBooks(file: string): Promise<Books<unknown>> {
  const { store, client, close } = await openSqlite(file);
  await store.migrate();
  client.exec(TABLES);
  const insert = client.prepare(`insert into shop_order values (?, ?, ?, ?, ?, ?, ${NOW})`);
  const paid = client.prepare(
    "update shop_order set status = 'paid', charge_id = ? where order_id = ?",
  );
  const gone = client.prepare("delete from shop_order where order_id = ?");
  const enter = client.prepare(`insert into shop_entry
    select ?, charge_id, ?, ${NOW} from shop_order where charge_id = ?`);
  const put = client.prepare(`insert into shop_letter values (?, ?, 1, ${NOW})
    on conflict (letter_id) do update set times = times + 1`);
  const [orders, receipts, entered] = [ORDERS, RECEIPTS, ENTERED].map((text) =>
    client.prepare(text),
  ) as [typeof put, typeof put, typeof put];
  return {
    store: store as Store,
    reserve: (_tx, id, { cartId, amount, currency }) =>
      void insert.run(id, cartId, amount, currency, null, "reserved"),
    markPaid: (_tx, id, chargeId) => void paid.run(chargeId, id),
    release: (_tx, id) => void gone.run(id),
    enter: (_tx, { eventKey, amount, chargeId }) =>
      enter.run(eventKey, amount, chargeId).changes > 0,
    add: async (id, { cartId, amount, currency }, chargeId) =>
      void insert.run(id, cartId, amount, currency, chargeId, "paid"),
    putLetter: async (id, orderId) => void put.run(id, orderId),
    orders: async () => orders.all().map(toOrder),
    receipts: async () => receipts.all().map(toReceipt),
    entered: async () => toEntered(entered.all()),
    close,
  };
}
