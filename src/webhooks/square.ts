import type { WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventEvidence } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, toText } from "./hmac.ts";
import { eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { jsonOf, memberOf, neededText, sha256, signedHeader, textAt } from "./read.ts";

/** What is used of the `WebhooksHelper` of `square`. */
export interface SquareSignatureSdk {
  verifySignature(question: {
    requestBody: string;
    signatureHeader: string;
    signatureKey: string;
    notificationUrl: string;
  }): Promise<boolean>;
}

export interface SquareWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {
  /** The endpoint's address, letter for letter as it is registered: it is signed too. */
  readonly url: string;
  /** The package's `WebhooksHelper`; it must then agree with the check here. */
  readonly sdk?: SquareSignatureSdk;
}

/**
 * The webhooks of Square. The key is the body's `event_id`, which is signed.
 *
 * Source: https://developer.squareup.com/docs/webhooks/step3validate
 *
 * @throws option-invalid
 */
export function squareWebhook(options: SquareWebhookOptions): WebhookProvider {
  const { url, sdk } = options;
  if (typeof url !== "string" || !URL.canParse(url))
    throw new NevertwiceError("option-invalid", "`url` is the address that Square has registered.");
  return hmacProvider(options, "square", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => [
      decodeSignature(signedHeader(delivery, "x-square-hmacsha256-signature"), "base64"),
    ],
    contents: (_, text) => [`${url}${text}`],
    ...(sdk && {
      official: ({ text, secret, signature }) =>
        sdk.verifySignature({
          requestBody: text,
          signatureHeader: toText(signature, "base64"),
          signatureKey: secret,
          notificationUrl: url,
        }),
    }),
    events: (text) => [squareEvent(jsonOf(text), sha256(text))],
  });
}

/** An event as it was signed, or as the list of events has it. @throws webhook-malformed */
export function squareEvent(payload: unknown, fingerprint: Uint8Array): AuthenticEvent {
  const kind = textAt(payload, "data", "type");
  return eventOf({
    key: eventKey("id", neededText(payload, "event_id")),
    fingerprint,
    type: neededText(payload, "type"),
    object: kind === undefined ? undefined : objectOf(kind, textAt(payload, "data", "id")),
    occurredAt: timeAt(payload, "created_at"),
    payload,
    evidence: evidenceOf(memberOf(payload, "data", "object", "payment")),
  });
}

const OVER: ReadonlySet<string | undefined> = new Set(["FAILED", "CANCELED"]);
const HELD: ReadonlySet<string | undefined> = new Set(["APPROVED", "COMPLETED"]);

/** Only a payment carries the key, as its reference id. */
function evidenceOf(payment: unknown): EventEvidence | undefined {
  const reference = textAt(payment, "id");
  const providerKey = textAt(payment, "reference_id");
  if (reference === undefined || providerKey === undefined) return undefined;
  const status = textAt(payment, "status");
  return {
    provider: "square",
    kind: "payment",
    providerKey,
    reference,
    finding: OVER.has(status) ? "unknown" : "executed",
    ...(HELD.has(status) ? { stands: true } : {}),
  };
}
