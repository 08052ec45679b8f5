import { createHmac } from "node:crypto";
import { anySuccess, JSON_TYPE, type Webhooks } from "../../webhook.ts";

interface StripeEvent {
  readonly id: string;
  readonly type: string;
  readonly data: { readonly object: { readonly id: string } };
}

/** Stripe's own events, as they are on its list. @see https://docs.stripe.com/webhooks */
export const stripeWebhooks: Webhooks = {
  events: ({ kind, after }) => {
    if (kind !== "event") return [];
    const { id, type, data } = after as StripeEvent;
    return [{ id, type, object: data.object.id, body: after }];
  },
  secretOf: (letters) => `whsec_${letters(32)}`,
  write: ({ event, endpoint, now }) => {
    const text = JSON.stringify(event.body);
    const time = Math.floor(now / 1_000);
    const signature = createHmac("sha256", endpoint.secret).update(`${time}.${text}`).digest("hex");
    return { headers: { ...JSON_TYPE, "stripe-signature": `t=${time},v1=${signature}` }, text };
  },
  receipt: anySuccess,
};
