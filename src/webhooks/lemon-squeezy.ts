import type { WebhookProvider } from "../model/delivery.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider } from "./hmac.ts";
import { bodyKey, eventOf, idAt, objectOf, timeAt } from "./naming.ts";
import { jsonOf, neededText, sha256, signedHeader, textAt } from "./read.ts";

export interface LemonSqueezyWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {}

/**
 * The webhooks of Lemon Squeezy. They have no id, so the key is the digest of the body; the type is
 * the signed `meta.event_name`, never the header. Only the status 200 counts as received, and after
 * three more deliveries within minutes it gives up.
 *
 * Source: https://docs.lemonsqueezy.com/help/webhooks/signing-requests
 *
 * @throws option-invalid
 */
export function lemonSqueezyWebhook(options: LemonSqueezyWebhookOptions): WebhookProvider {
  return hmacProvider(options, "lemon-squeezy", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => [decodeSignature(signedHeader(delivery, "x-signature"), "hex")],
    events: (text) => [lemonSqueezyEvent(text)],
  });
}

function lemonSqueezyEvent(text: string): AuthenticEvent {
  const payload = jsonOf(text);
  return eventOf({
    key: bodyKey(text),
    fingerprint: sha256(text),
    type: neededText(payload, "meta", "event_name"),
    object: objectOf(textAt(payload, "data", "type") ?? "data", idAt(payload, "data", "id")),
    occurredAt: timeAt(payload, "data", "attributes", "updated_at"),
    payload,
  });
}
