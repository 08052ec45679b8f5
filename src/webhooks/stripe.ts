import type { Delivery, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventObject } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, toText } from "./hmac.ts";
import { eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { jsonOf, memberOf, neededText, sha256, signedHeader, textAt } from "./read.ts";
import { unixTime } from "./stamp.ts";
import { stripeEvidence } from "./stripe-evidence.ts";

/** What is used of an instance of `stripe`. */
export interface StripeSignatureSdk {
  readonly webhooks: {
    readonly signature: {
      verifyHeader(
        body: string,
        header: string,
        secret: string,
        toleranceSeconds: number,
        cryptoProvider: undefined,
        receivedAt: number,
      ): unknown;
    } | null;
  };
}

export interface StripeWebhookOptions extends HmacOptions {
  /** An instance of the package; it must then agree with the check here. */
  readonly stripe?: StripeSignatureSdk;
}

/**
 * The webhooks of Stripe, snapshot events and thin ones. The key is the event's id, which is signed
 * with the body.
 *
 * Source: https://docs.stripe.com/webhooks/signature
 *
 * @throws option-invalid
 */
export function stripeWebhook(options: StripeWebhookOptions): WebhookProvider {
  const { stripe } = options;
  return hmacProvider(options, "stripe", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => headerOf(delivery).signatures,
    contents: (delivery, text) => [`${headerOf(delivery).stamp}.${text}`],
    signedAt: (delivery) => unixTime(headerOf(delivery).stamp),
    ...(stripe && {
      official: ({ delivery, text, secret, signature, now }) => {
        const { stamp } = headerOf(delivery);
        const header = `t=${stamp},v1=${toText(signature, "hex")}`;
        // The age was checked already. The package takes a tolerance of 0 for none at all.
        const age = Math.max(1, Math.ceil((now - unixTime(stamp)) / 1000) + 1);
        stripe.webhooks.signature?.verifyHeader(text, header, secret, age, undefined, now);
        return stripe.webhooks.signature !== null;
      },
    }),
    events: (text) => [stripeEvent(jsonOf(text), sha256(withoutCount(text)))],
  });
}

interface StripeHeader {
  readonly stamp: string;
  readonly signatures: readonly (Uint8Array | undefined)[];
}

/** Only `v1` counts: an older scheme would be weaker. @throws signature-missing */
function headerOf(delivery: Delivery): StripeHeader {
  const items = signedHeader(delivery, "stripe-signature")
    .split(",")
    .map((item) => item.trim().split(/=(.*)/s));
  const valuesOf = (wanted: string): string[] =>
    items.flatMap(([name, value]) => (name === wanted && value !== undefined ? [value] : []));
  const [stamp, ...others] = valuesOf("t");
  if (stamp === undefined || others.length > 0)
    throw new NevertwiceError("signature-missing", "The header names no time, or several.");
  return { stamp, signatures: valuesOf("v1").map((value) => decodeSignature(value, "hex")) };
}

/** An event as it was signed, or as the list of events has it. @throws webhook-malformed */
export function stripeEvent(payload: unknown, fingerprint: Uint8Array): AuthenticEvent {
  const seconds = memberOf(payload, "created");
  return eventOf({
    key: eventKey("id", neededText(payload, "id")),
    fingerprint,
    type: neededText(payload, "type"),
    object: aboutOf(payload),
    occurredAt: Number.isSafeInteger(seconds) ? Number(seconds) * 1000 : timeAt(payload, "created"),
    payload,
    evidence: stripeEvidence(memberOf(payload, "data", "object")),
  });
}

/**
 * How many endpoints still wait for the event: the only thing in it that differs from one delivery
 * to the next. Within a JSON text a quotation mark has a backslash before it, so only the member
 * itself is found.
 */
function withoutCount(text: string): string {
  return text.replace(/"pending_webhooks"\s*:\s*\d+/g, "");
}

/** A thin event names its object instead of showing it. */
function aboutOf(payload: unknown): EventObject | undefined {
  const thin = memberOf(payload, "related_object");
  if (thin !== undefined && thin !== null)
    return objectOf(neededText(thin, "type"), textAt(thin, "id"));
  const object = memberOf(payload, "data", "object");
  const kind = textAt(object, "object");
  return kind === undefined ? undefined : objectOf(kind, textAt(object, "id"));
}
