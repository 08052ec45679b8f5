import { createHmac } from "node:crypto";
import { isoTime } from "../../model/clock.ts";
import { FORM_TYPE, JSON_TYPE, type Webhooks } from "../webhook.ts";

interface Kept {
  readonly id: string;
  readonly status: string;
  /** The payment of a refund. */
  readonly paymentId?: string;
}

/**
 * Mollie tells that something happened to a payment, but not what. An endpoint with a secret is
 * told in the newer way: signed, and with an id.
 *
 * @see https://docs.mollie.com/reference/webhooks
 */
export const mollieWebhooks: Webhooks = {
  events: ({ kind, before, after }, { identify, now }) => {
    const { id, status, paymentId } = after as Kept;
    // A refund changes its payment too, and is told once.
    if (before !== undefined || status === "open") return [];
    const type = kind === "refund" ? "refund.created" : `payment.${status}`;
    const object = paymentId ?? id;
    const event = identify("event_", 22);
    const body = {
      ...{ resource: "event", id: event, type, entityId: object, createdAt: isoTime(now) },
    };
    return [{ id: event, type, object, body }];
  },
  secretOf: () => "",
  write: ({ event, endpoint }) => {
    if (endpoint.secret === "") return { headers: FORM_TYPE, text: `id=${event.object}` };
    const text = JSON.stringify(event.body);
    const signature = createHmac("sha256", endpoint.secret).update(text).digest("hex");
    return { headers: { ...JSON_TYPE, "x-mollie-signature": `sha256=${signature}` }, text };
  },
  receipt: (status) => (status === 200 ? "taken" : "again"),
};
