import type { Order } from "../../src/cli/demo/state.ts";
import type { Charge, Refund } from "../../src/sandbox/wire.ts";
import type { Told } from "./storm-clients.ts";

/** What is left when the storm is over. */
export interface Remains {
  readonly told: ReadonlyMap<string, Told>;
  readonly orders: readonly Order[];
  readonly charges: readonly Charge[];
  readonly refunds: readonly Refund[];
  /** How often the books hold what each event of the provider says. */
  readonly entered: ReadonlyMap<string, number>;
  /** The keys of operations that are not final. */
  readonly open: readonly string[];
}

/** The promises that a storm could have broken, with the keys that broke each. */
export type Findings = Readonly<Record<Broken, readonly string[]>>;

type Broken =
  | "charges without an order"
  | "orders without a charge"
  | "keys charged twice"
  | "keys with two orders"
  | "operations that are not final"
  | "keys with two different answers"
  | "answers that the ledger denies"
  | "events entered twice";

/** Everything that does not fit together; nothing if every promise was kept. */
export function findBroken({ told, orders, charges, refunds, entered, open }: Remains): Findings {
  const byCart = groupBy(charges, ({ metadata }) => metadata["cartId"] ?? "");
  const ordersOf = groupBy(orders, ({ cartId }) => cartId);
  const charged = new Map(charges.map((charge) => [charge.id, charge]));
  const paid = new Set(orders.map(({ chargeId }) => chargeId));
  const refunded = new Set(refunds.map(({ charge }) => charge));
  const keysOf = (list: readonly Charge[]): string[] =>
    list.map(({ metadata }) => metadata["cartId"] ?? "");
  return {
    "charges without an order": keysOf(
      charges.filter(({ id }) => !paid.has(id) && !refunded.has(id)),
    ),
    "orders without a charge": orders
      .filter(({ chargeId }) => chargeId === null || !charged.has(chargeId))
      .map(({ cartId }) => cartId),
    "keys charged twice": keysWithMany(byCart),
    "keys with two orders": keysWithMany(ordersOf),
    "operations that are not final": open,
    "keys with two different answers": [...told]
      .filter(([, { bodies }]) => bodies.size > 1)
      .map(([key]) => key),
    "answers that the ledger denies": [...told]
      .filter(([key, known]) => known.status !== 0 && !isTrue(known, byCart.get(key) ?? []))
      .map(([key]) => key),
    "events entered twice": [...entered].filter(([, times]) => times > 1).map(([key]) => key),
  };
}

/** A 201 names the one charge of its key, and a decline has none. */
function isTrue({ status, bodies }: Told, charges: readonly Charge[]): boolean {
  if (status === 402) return charges.length === 0;
  const [charge] = charges;
  if (status !== 201 || charge === undefined) return false;
  return [...bodies].every((body) => body.includes(`"chargeId":"${charge.id}"`));
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

function keysWithMany(groups: ReadonlyMap<string, readonly unknown[]>): string[] {
  return [...groups].filter(([, group]) => group.length > 1).map(([key]) => key);
}
