import type { WebhookProvider } from "../model/delivery.ts";
import type { AuthenticEvent, EventEvidence } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider } from "./hmac.ts";
import { eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { jsonOf, memberOf, neededText, sha256, signedHeader, textAt } from "./read.ts";

export interface CheckoutWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {}

/**
 * The webhooks of Checkout.com; the key is the signed `id`. Its package checks no signatures.
 *
 * Source: https://www.checkout.com/docs/developer-resources/event-notifications
 *
 * @throws option-invalid
 */
export function checkoutWebhook(options: CheckoutWebhookOptions): WebhookProvider {
  return hmacProvider(options, "checkout", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => [decodeSignature(signedHeader(delivery, "cko-signature"), "hex")],
    events: (text) => [checkoutEvent(text)],
  });
}

function checkoutEvent(text: string): AuthenticEvent {
  const payload = jsonOf(text);
  const type = neededText(payload, "type");
  const data = memberOf(payload, "data");
  const id = textAt(data, "id");
  return eventOf({
    key: eventKey("id", neededText(payload, "id")),
    fingerprint: sha256(text),
    type,
    // Captures and refunds are events of their payment.
    object: objectOf(id?.startsWith("pay_") ? "payment" : (type.split("_")[0] ?? ""), id),
    occurredAt: timeAt(payload, "timestamp") ?? timeAt(payload, "created_on"),
    payload,
    evidence: evidenceOf(type, data),
  });
}

type Making = readonly [
  kind: "payment" | "capture" | "refund",
  idAt: "id" | "action_id",
  finding: EventEvidence["finding"],
];

/** What each type shows to have been made, and where its id stands. */
const MAKINGS: ReadonlyMap<string, Making> = new Map<string, Making>([
  ["payment_approved", ["payment", "id", "executed"]],
  ["payment_pending", ["payment", "id", "executed"]],
  ["payment_paid", ["payment", "id", "executed"]],
  ["payment_declined", ["payment", "id", "unknown"]],
  ["payment_captured", ["capture", "action_id", "executed"]],
  ["payment_capture_pending", ["capture", "action_id", "executed"]],
  ["payment_capture_declined", ["capture", "action_id", "unknown"]],
  ["payment_refunded", ["refund", "action_id", "executed"]],
  ["payment_refund_pending", ["refund", "action_id", "executed"]],
  ["payment_refund_declined", ["refund", "action_id", "unknown"]],
]);

const HELD: ReadonlySet<string> = new Set([
  "payment_approved",
  "payment_paid",
  "payment_captured",
  "payment_refunded",
]);

/**
 * A capture may repeat the metadata of its payment, and with it the payment's key; that is why the
 * kind is told, which a step must have in common with its evidence.
 */
function evidenceOf(type: string, data: unknown): EventEvidence | undefined {
  const [kind, idAt, finding] = MAKINGS.get(type) ?? [];
  if (kind === undefined || idAt === undefined || finding === undefined) return undefined;
  const providerKey = textAt(data, "metadata", "nevertwice_key") ?? textAt(data, "reference");
  const reference = textAt(data, idAt);
  return {
    provider: "checkout",
    kind,
    ...(providerKey !== undefined && { providerKey }),
    ...(reference !== undefined && { reference }),
    finding,
    ...(HELD.has(type) && { stands: true }),
  };
}
