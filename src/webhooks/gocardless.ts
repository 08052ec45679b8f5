import type { WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider } from "./hmac.ts";
import { eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { jsonOf, memberOf, neededText, sha256, signedHeader, textAt } from "./read.ts";

export interface GocardlessWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {}

/**
 * The webhooks of GoCardless. One delivery holds up to 250 events, each with a signed id that is
 * its key; whatever is not acknowledged comes again as a whole.
 *
 * Source: https://developer.gocardless.com/getting-started/staying-up-to-date-with-webhooks
 *
 * @throws option-invalid
 */
export function gocardlessWebhook(options: GocardlessWebhookOptions): WebhookProvider {
  return hmacProvider(options, "gocardless", {
    acknowledgement: { status: 204 },
    signatures: (delivery) => [decodeSignature(signedHeader(delivery, "webhook-signature"), "hex")],
    events: (text) => {
      const events = memberOf(jsonOf(text), "events");
      if (!Array.isArray(events))
        throw new NevertwiceError("webhook-malformed", "It has no list of events.");
      return events.map(gocardlessEvent);
    },
  });
}

function gocardlessEvent(event: unknown): AuthenticEvent {
  const resources = neededText(event, "resource_type");
  const kind = resources.replace(/s$/, "");
  return eventOf({
    key: eventKey("id", neededText(event, "id")),
    // The same event may come in another batch.
    fingerprint: sha256(JSON.stringify(event)),
    type: `${resources}.${neededText(event, "action")}`,
    object: objectOf(kind, textAt(event, "links", kind)),
    occurredAt: timeAt(event, "created_at"),
    payload: event,
  });
}
