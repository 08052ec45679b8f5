import type { WebhookProvider } from "../../model/delivery.ts";
import { NevertwiceError } from "../../model/errors.ts";
import type { AuthenticEvent, EventEvidence, EventObject } from "../../model/event.ts";
import { isObject } from "../../sandbox/wire.ts";
import { standardWebhook } from "../../webhooks/standard.ts";
import { PROVIDER } from "./payments.ts";

/** The name of the shop's one endpoint. */
export const SOURCE = "sandbox";

/** What an event tells of: a charge, or money that went back from it. */
export interface Told {
  readonly kind: "charge" | "refund";
  readonly id: string;
  readonly chargeId: string;
  readonly amount: number;
  /** The idempotency key that it was made with. */
  readonly providerKey: string | null;
}

/** The provider's webhooks, whose secret is known once the endpoint is registered. */
export interface PlainEvents extends WebhookProvider {
  isReady(): boolean;
  use(secret: string): void;
}

/** Standard Webhooks, with what this provider's events prove of the shop's own operations. */
export function plainEvents(): PlainEvents {
  let present = standardWebhook({ secret: `whsec_${UNUSED}`, source: SOURCE });
  let ready = false;
  return {
    ...present,
    isReady: () => ready,
    use(secret) {
      present = standardWebhook({ secret, source: SOURCE, objectOf: objectOf });
      ready = true;
    },
    async read(delivery, now) {
      if (!ready) throw new NevertwiceError("signature-wrong", "There is no secret yet.");
      const reading = await present.read(delivery, now);
      if (reading.kind !== "events") return reading;
      return { ...reading, events: reading.events.map(withEvidence) };
    },
  };
}
