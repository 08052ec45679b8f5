import type { WebhookProvider } from "../model/delivery.ts";
import type { AuthenticEvent, EventEvidence } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, toText } from "./hmac.ts";
import { aliasesOf, bodyKey, eventOf, objectOf } from "./naming.ts";
import { jsonOf, memberOf, neededText, plainHeader, sha256, signedHeader, textAt } from "./read.ts";

/** What is used of the class of the package `razorpay`. */
export interface RazorpaySignatureSdk {
  validateWebhookSignature(body: string, signature: string, secret: string): boolean;
}

export interface RazorpayWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {
  /** The package's class; it must then agree with the check here. */
  readonly sdk?: RazorpaySignatureSdk;
}

/**
 * The webhooks of Razorpay. Its event id comes in a header that is not signed, so the key is the
 * digest of the body. A delivery that is retried keeps the secret of its first time: leave the old
 * one in `secret` for a day after a rotation.
 *
 * Source: https://razorpay.com/docs/webhooks/validate-test/
 *
 * @throws option-invalid
 */
export function razorpayWebhook(options: RazorpayWebhookOptions): WebhookProvider {
  const { sdk } = options;
  return hmacProvider(options, "razorpay", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => [
      decodeSignature(signedHeader(delivery, "x-razorpay-signature"), "hex"),
    ],
    ...(sdk && {
      official: ({ text, signature, secret }) =>
        sdk.validateWebhookSignature(text, toText(signature, "hex"), secret),
    }),
    events: (text, delivery) => {
      const id = plainHeader(delivery, "x-razorpay-event-id");
      return [razorpayEvent(text, id)];
    },
  });
}

function razorpayEvent(text: string, id: string | undefined): AuthenticEvent {
  const payload = jsonOf(text);
  const type = neededText(payload, "event");
  const [kind, entity] = subjectOf(type, payload);
  const seconds = memberOf(payload, "created_at");
  return eventOf({
    key: bodyKey(text),
    aliases: aliasesOf({ "event-id": id }),
    fingerprint: sha256(text),
    type,
    object: objectOf(kind, textAt(entity, "id")),
    occurredAt: Number.isSafeInteger(seconds) ? Number(seconds) * 1000 : undefined,
    payload,
    evidence: evidenceOf(kind, entity),
  });
}

/** The most exact entity that the type names: `payment.dispute.created` is about a dispute. */
function subjectOf(type: string, payload: unknown): readonly [kind: string, entity: unknown] {
  const [first = "", second = ""] = type.split(".");
  for (const kind of [`${first}.${second}`, second, first]) {
    const entity = memberOf(payload, "payload", kind, "entity");
    if (entity !== undefined) return [kind, entity];
  }
  return [first, undefined];
}

/** Where the effects of this library put their key. */
const KEY_AT: ReadonlyMap<string, readonly string[]> = new Map([
  ["refund", ["notes", "nevertwice_key"]],
  ["payout", ["reference_id"]],
  ["order", ["receipt"]],
]);

const FAILED: ReadonlySet<string | undefined> = new Set(["failed", "rejected", "cancelled"]);

function evidenceOf(kind: string, entity: unknown): EventEvidence | undefined {
  const place = KEY_AT.get(kind);
  const reference = textAt(entity, "id");
  if (place === undefined || reference === undefined) return undefined;
  const providerKey = textAt(entity, ...place);
  const status = textAt(entity, "status");
  return {
    provider: "razorpay",
    kind,
    ...(providerKey !== undefined && { providerKey }),
    reference,
    finding: FAILED.has(status) ? "unknown" : "executed",
    ...(status === "processed" && { stands: true }),
  };
}
