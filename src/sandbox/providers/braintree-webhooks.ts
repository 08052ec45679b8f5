import { createHash, createHmac } from "node:crypto";
import { isoTime } from "../../model/clock.ts";
import { anySuccess, FORM_TYPE, type Webhooks } from "../webhook.ts";

interface Kept {
  readonly id: string;
  readonly type: string;
  readonly status: string;
  readonly amount: string;
  readonly orderId: string | null;
  readonly currencyIsoCode: string;
  readonly refundedTransactionId?: string;
}

const SUBMITTED = "submitted_for_settlement";

/**
 * Braintree has no webhook for a sale, but one for its settlement, and the sandbox settles at once.
 *
 * @see https://developer.paypal.com/braintree/docs/guides/webhooks/overview
 */
export const braintreeWebhooks: Webhooks = {
  events: ({ kind, before, after }, { identify, now }) => {
    const transaction = after as Kept;
    const { status } = (before ?? {}) as Partial<Kept>;
    const settled = transaction.status === SUBMITTED && status !== SUBMITTED;
    if (kind !== "transaction" || !settled) return [];
    const type = "transaction_settled";
    const body = { timestamp: isoTime(now), kind: type, transaction };
    return [{ id: identify("bt_", 16), type, object: transaction.id, body }];
  },
  // The private key of the gateway that the sandbox's page shows.
  secretOf: () => "private_key_of_the_sandbox",
  write: ({ event, endpoint }) => {
    const xml = xmlOf(event.body as Notice);
    const payload = `${Buffer.from(xml, "utf8").toString("base64")}\n`;
    const key = createHash("sha1").update(endpoint.secret).digest();
    const signature = createHmac("sha1", key).update(payload).digest("hex");
    const form = { bt_signature: `${endpoint.publicKey}|${signature}`, bt_payload: payload };
    return { headers: FORM_TYPE, text: new URLSearchParams(form).toString() };
  },
  receipt: anySuccess,
};

interface Notice {
  readonly timestamp: string;
  readonly kind: string;
  readonly transaction: Kept;
}

function xmlOf({ timestamp, kind, transaction }: Notice): string {
  const { orderId, refundedTransactionId: refunded } = transaction;
  const members: readonly (readonly [name: string, value: string | undefined])[] = [
    ["id", transaction.id],
    ["status", "settled"],
    ["type", transaction.type],
    ["currency-iso-code", transaction.currencyIsoCode],
    ["amount", transaction.amount],
    ["order-id", orderId ?? undefined],
    ["refunded-transaction-id", refunded],
  ];
  const subject = members
    .filter((member): member is readonly [string, string] => member[1] !== undefined)
    .map(([name, value]) => `<${name}>${escaped(value)}</${name}>`);
  return [
    "<notification>",
    `<timestamp type="datetime">${timestamp.replace(/\.\d+Z$/, "Z")}</timestamp>`,
    `<kind>${kind}</kind>`,
    `<subject><transaction>${subject.join("")}</transaction></subject>`,
    "</notification>",
  ].join("\n");
}

const ESCAPES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

function escaped(text: string): string {
  return text.replaceAll(/[&<>]/g, (letter) => ESCAPES[letter] ?? letter);
}
