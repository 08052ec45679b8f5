import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventEvidence } from "../model/event.ts";
import { eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { memberOf, neededText, sha256 } from "./read.ts";

/** One notification of a standard webhook. */
export type AdyenItem = Readonly<Record<string, unknown>>;

/** The items of a standard webhook; undefined for a body of another form. */
export function itemsOf(payload: unknown): readonly AdyenItem[] | undefined {
  const list = memberOf(payload, "notificationItems");
  if (list === undefined) return undefined;
  const items = Array.isArray(list)
    ? list.map((one: unknown) => memberOf(one, "NotificationRequestItem"))
    : [];
  if (items.length > 0 && items.every(isItem)) return items;
  throw new NevertwiceError("webhook-malformed", "It has no notification items.");
}

function isItem(value: unknown): value is AdyenItem {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const SIGNED: readonly (readonly string[])[] = [
  ["pspReference"],
  ["originalReference"],
  ["merchantAccountCode"],
  ["merchantReference"],
  ["amount", "value"],
  ["amount", "currency"],
  ["eventCode"],
  ["success"],
];

/**
 * What is signed of an item. Nothing tells a colon within a field from those between them, so that
 * one signature would fit several items.
 *
 * @throws webhook-malformed
 */
export function contentOf(item: AdyenItem): string {
  return SIGNED.map((path) => signedText(item, ...path)).join(":");
}

/** A field as it is signed, so that a number is no other field than its text is. */
function signedText(item: AdyenItem, ...path: readonly string[]): string {
  return fieldOf(memberOf(item, ...path), path.join("."));
}

function fieldOf(value: unknown, name: string): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "object" || String(value).includes(":"))
    throw new NevertwiceError("webhook-malformed", `Its ${name} is no text without a colon.`);
  return String(value);
}

/**
 * The event of an item whose signature was checked. Adyen may send it again with another date, so
 * the date belongs neither to the key nor to the fingerprint.
 */
export function itemEvent(item: AdyenItem): AuthenticEvent {
  const psp = neededText(item, "pspReference");
  const code = neededText(item, "eventCode");
  const account = signedText(item, "merchantAccountCode");
  const success = signedText(item, "success");
  return eventOf({
    key: eventKey("item", [account, code, psp, success].join(":")),
    fingerprint: sha256(contentOf(item)),
    type: code,
    object: objectOf("payment", signedText(item, "originalReference") || psp),
    occurredAt: timeAt(item, "eventDate"),
    payload: item,
    evidence: evidenceOf(item, code, psp, success === "true"),
  });
}

/** What the effects of this library make, by the event that tells of it. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["AUTHORISATION", "payment"],
  ["CAPTURE", "capture"],
  ["REFUND", "refund"],
  ["CANCELLATION", "cancel"],
]);

function evidenceOf(
  item: AdyenItem,
  code: string,
  reference: string,
  success: boolean,
): EventEvidence | undefined {
  const kind = KINDS.get(code);
  const providerKey = signedText(item, "merchantReference");
  if (kind === undefined || providerKey === "") return undefined;
  const said = { provider: "adyen", kind, providerKey, reference } as const;
  return success ? { ...said, finding: "executed", stands: true } : { ...said, finding: "unknown" };
}
