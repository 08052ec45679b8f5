import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventEvidence, EventObject } from "../model/event.ts";
import { eventKey, eventOf, timeAt } from "./naming.ts";
import { jsonOf, memberOf, sha256, textAt } from "./read.ts";

/** An event whose body is not proved. @throws webhook-malformed */
export function payPalEvent(text: string, aliases: readonly string[]): AuthenticEvent {
  return { ...payPalEventOf(jsonOf(text), sha256(text)), aliases, hint: true };
}

/** An event as PayPal itself tells of it. @throws webhook-malformed */
export function payPalEventOf(payload: unknown, fingerprint: Uint8Array): AuthenticEvent {
  const type = word(payload, "event_type");
  const resource = memberOf(payload, "resource");
  return eventOf({
    key: eventKey("id", word(payload, "id")),
    fingerprint,
    type,
    object: objectOf(payload, resource),
    occurredAt: timeAt(payload, "create_time"),
    payload,
    evidence: evidenceOf(type, resource),
  });
}

/** Nobody has proved these texts, so that they are kept in bounds. @throws webhook-malformed */
function word(payload: unknown, ...path: readonly string[]): string {
  const text = textAt(payload, ...path) ?? "";
  if (/^[\x21-\x7e]{1,200}$/.test(text)) return text;
  throw new NevertwiceError("webhook-malformed", `It has no ${path.join(".")}.`);
}

function objectOf(payload: unknown, resource: unknown): EventObject | undefined {
  if (textAt(payload, "resource_type") === undefined) return undefined;
  if (textAt(resource, "id") === undefined) return undefined;
  return { kind: word(payload, "resource_type"), id: word(resource, "id") };
}

/** An order's key stands in its purchase units, from where its payments inherit it. */
function evidenceOf(type: string, resource: unknown): EventEvidence | undefined {
  if (type.startsWith("CHECKOUT.ORDER.")) {
    const key = textAt(resource, "purchase_units", 0, "custom_id");
    return evidence("order", key, textAt(resource, "id"));
  }
  const key = textAt(resource, "custom_id");
  if (type === "PAYMENT.CAPTURE.REFUNDED") return evidence("refund", key, textAt(resource, "id"));
  if (!/^PAYMENT\.(?:CAPTURE|AUTHORIZATION)\./.test(type)) return undefined;
  const order = textAt(resource, "supplementary_data", "related_ids", "order_id");
  return evidence("order", key, order);
}

function evidence(
  kind: string,
  providerKey: string | undefined,
  reference: string | undefined,
): EventEvidence | undefined {
  if (providerKey === undefined) return undefined;
  const said = { provider: "paypal", kind, providerKey, finding: "executed" } as const;
  return reference === undefined ? said : { ...said, reference };
}
