import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventEvidence, EventObject } from "../model/event.ts";
import { readXml } from "./braintree-xml.ts";
import { eventOf, timeAt } from "./naming.ts";
import { memberOf, neededText, sha256, textAt } from "./read.ts";
import { fromBase64 } from "./signature.ts";

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The event of a payload whose signature was checked. @throws webhook-malformed */
export function braintreeEvent(payload: string): AuthenticEvent {
  const xml = xmlOf(payload);
  const notification = memberOf(readXml(xml), "notification");
  const type = neededText(notification, "kind");
  if (!/^[a-z0-9_]{1,80}$/.test(type))
    throw new NevertwiceError("webhook-malformed", "It has no kind.");
  const digest = sha256(xml);
  const subject = memberOf(notification, "subject");
  return eventOf({
    // The line ends of the base64 are not signed in every place, so the text in it is named.
    key: `payload:${type}:${Buffer.from(digest).toString("hex")}`,
    fingerprint: digest,
    type,
    object: objectOf(subject),
    occurredAt: timeAt(notification, "timestamp"),
    payload: notification,
    evidence: evidenceOf(memberOf(subject, "transaction")),
  });
}

function xmlOf(payload: string): string {
  const bytes = fromBase64(payload.replaceAll("\n", ""));
  try {
    if (bytes !== undefined) return DECODER.decode(bytes);
  } catch (error) {
    throw new NevertwiceError("webhook-malformed", "The payload is not UTF-8.", { cause: error });
  }
  throw new NevertwiceError("webhook-malformed", "The payload is not base64.");
}

/** The subject is one element, whose name says what it is. */
function objectOf(subject: unknown): EventObject | undefined {
  if (typeof subject !== "object" || subject === null) return undefined;
  for (const [name, value] of Object.entries(subject)) {
    const id = textAt(value, "id") ?? textAt(value, "transaction-id");
    const kind = name === "transaction-review" ? "transaction" : name.replaceAll("-", "_");
    if (id !== undefined) return { kind, id };
  }
  return undefined;
}

const REFUSED: ReadonlySet<string | undefined> = new Set([
  "processor_declined",
  "gateway_rejected",
  "failed",
  "settlement_declined",
  "authorization_expired",
  "voided",
]);
const HELD: ReadonlySet<string | undefined> = new Set([
  "authorized",
  "submitted_for_settlement",
  "settlement_pending",
  "settling",
  "settled",
]);

/** The key is a UUID at the end of the order's id. */
const KEY = /(?:^|-)([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;

function evidenceOf(transaction: unknown): EventEvidence | undefined {
  const reference = textAt(transaction, "id");
  const providerKey = KEY.exec(textAt(transaction, "order-id") ?? "")?.[1];
  if (reference === undefined || providerKey === undefined) return undefined;
  const status = textAt(transaction, "status");
  return {
    provider: "braintree",
    kind: textAt(transaction, "type") === "credit" ? "refund" : "sale",
    providerKey,
    reference,
    finding: REFUSED.has(status) ? "unknown" : "executed",
    ...(HELD.has(status) ? { stands: true } : {}),
  };
}
