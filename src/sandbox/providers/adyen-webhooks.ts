import { createHash, createHmac } from "node:crypto";
import { isoTime } from "../../model/clock.ts";
import { JSON_TYPE, type ProviderEvent, type Webhooks } from "../webhook.ts";

/** What Adyen tells of a payment, and of a modification that it has tried. */
export interface AdyenNotice {
  readonly id: string;
  readonly eventCode: "AUTHORISATION" | "CAPTURE" | "REFUND" | "CANCELLATION";
  /** The payment that is modified. */
  readonly payment?: string;
  readonly amount: { readonly value: number; readonly currency: string };
  readonly merchantAccount: string;
  readonly reference: string;
  readonly success: boolean;
  readonly reason?: string;
}

/** The kind of a notice among the changes. */
export const ADYEN_NOTICE = "notice";

interface Item {
  readonly pspReference: string;
  readonly originalReference?: string;
  readonly merchantAccountCode: string;
  readonly merchantReference: string;
  readonly amount: { readonly value: number; readonly currency: string };
  readonly eventCode: string;
  readonly success: "true" | "false";
}

/** Standard webhooks. @see https://docs.adyen.com/development-resources/webhooks/ */
export const adyenWebhooks: Webhooks = {
  events: ({ kind, after }, { now }) =>
    kind === ADYEN_NOTICE ? [eventOf(after as AdyenNotice, now)] : [],
  // Its keys are hexadecimal.
  secretOf: (letters) => createHash("sha256").update(letters(32)).digest("hex"),
  write: ({ event, endpoint }) => {
    const item = event.body as Item;
    const key = Buffer.from(endpoint.secret, "hex");
    const hmacSignature = createHmac("sha256", key).update(signed(item)).digest("base64");
    const NotificationRequestItem = { additionalData: { hmacSignature }, ...item };
    const body = { live: "false", notificationItems: [{ NotificationRequestItem }] };
    return { headers: JSON_TYPE, text: JSON.stringify(body) };
  },
  receipt: (status) => (status === 200 || status === 202 ? "taken" : "again"),
};

function eventOf(notice: AdyenNotice, now: number): ProviderEvent {
  const { id, eventCode, payment, amount, success, reason = "" } = notice;
  const body = {
    amount: { currency: amount.currency, value: amount.value },
    eventCode,
    eventDate: isoTime(now).replace(/\.\d+Z$/, "+00:00"),
    merchantAccountCode: notice.merchantAccount,
    merchantReference: notice.reference,
    ...(payment === undefined ? {} : { originalReference: payment }),
    ...(eventCode === "AUTHORISATION" && success
      ? { operations: ["CANCEL", "CAPTURE", "REFUND"] }
      : {}),
    paymentMethod: "visa",
    pspReference: id,
    reason,
    success: success ? "true" : "false",
  };
  return { id: `${eventCode}.${id}`, type: eventCode, object: payment ?? id, body };
}

/** Eight members, and none of them escaped. */
function signed(item: Item): string {
  const { amount } = item;
  return [
    item.pspReference,
    item.originalReference ?? "",
    item.merchantAccountCode,
    item.merchantReference,
    amount.value,
    amount.currency,
    item.eventCode,
    item.success,
  ].join(":");
}
