import { createHmac } from "node:crypto";
import { anySuccess, type Change, JSON_TYPE, type Scene, type Webhooks } from "../webhook.ts";

interface Entity {
  readonly id: string;
  readonly status: string;
  readonly payment_id?: string;
}

/** An order, with the payment that has paid it. */
export interface PaidOrder extends Entity {
  readonly payment: string;
}

/** The kind of a paid order among the changes. */
export const PAID_ORDER = "paid-order";

/** By the kind of an entity and its status. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  "payment captured": ["payment.authorized", "payment.captured"],
  "payment failed": ["payment.failed"],
  [`${PAID_ORDER} paid`]: ["order.paid"],
  "refund processed": ["refund.created", "refund.processed"],
  "refund failed": ["refund.created", "refund.failed"],
  "payout processing": ["payout.initiated"],
  "payout failed": ["payout.failed"],
};

/** @see https://razorpay.com/docs/webhooks/ */
export const razorpayWebhooks: Webhooks = {
  events: (change, scene) => {
    const { id, status } = change.after as Entity;
    const { status: earlier } = (change.before ?? {}) as Partial<Entity>;
    const types = earlier === status ? [] : (TYPES[`${change.kind} ${status}`] ?? []);
    const created = { created_at: Math.floor(scene.now / 1_000) };
    return types.map((type) => {
      const entities = entitiesOf(change, scene, type);
      const contains = Object.keys(entities);
      const payload = Object.fromEntries(
        Object.entries(entities).map(([name, entity]) => [name, { entity }]),
      );
      const common = { entity: "event", account_id: `acc_${scene.account}`, event: type };
      const body = { ...common, contains, payload, ...created };
      return { id: scene.identify("", 14), type, object: id, body };
    });
  },
  secretOf: (letters) => letters(24),
  write: ({ event, endpoint }) => {
    const text = JSON.stringify(event.body);
    const signature = createHmac("sha256", endpoint.secret).update(text).digest("hex");
    const headers = {
      ...JSON_TYPE,
      "x-razorpay-signature": signature,
      // Nobody signs it.
      "x-razorpay-event-id": event.id,
    };
    return { headers, text };
  },
  receipt: anySuccess,
};

/** What an event carries: a refund and an order come with their payment. */
function entitiesOf(
  { kind, after }: Change,
  { find }: Scene,
  type: string,
): Readonly<Record<string, unknown>> {
  const { payment: paid, ...entity } = after as Entity & Partial<PaidOrder>;
  if (type === "payment.authorized")
    return { payment: { ...entity, status: "authorized", captured: false } };
  if (kind !== "refund" && kind !== PAID_ORDER) return { [kind]: entity };
  const payment = find("payment", entity.payment_id ?? paid ?? "");
  return {
    ...(payment === undefined ? {} : { payment }),
    [kind === "refund" ? kind : "order"]: entity,
  };
}
