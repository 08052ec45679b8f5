import type { Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventEvidence } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, toText } from "./hmac.ts";
import { eventKey, eventOf, objectOf, timeAt } from "./naming.ts";
import {
  commonOptions,
  jsonOf,
  memberOf,
  neededText,
  sha256,
  textAt,
  textOf,
  type WebhookOptions,
} from "./read.ts";

/** What is used of the `SignatureValidator` of `mollie-api-typescript`. */
export interface MollieSignatureSdk {
  validate(body: string, secret: string, signature: string): Promise<boolean>;
}

export interface MollieSignedOptions extends Omit<HmacOptions, "toleranceMs"> {
  readonly classic?: false;
  /** The package's `SignatureValidator`; it must then agree with the check here. */
  readonly sdk?: MollieSignatureSdk;
}

/** The webhooks that a payment names as its `webhookUrl`. Mollie does not sign them. */
export interface MollieClassicOptions extends WebhookOptions {
  readonly classic: true;
}

export type MollieWebhookOptions = MollieSignedOptions | MollieClassicOptions;

/**
 * The webhooks of Mollie. The next generation is signed, and its key is the event's id. A classic
 * one is not signed and says no more than that an object has changed. So it is a hint that always
 * leads to a reading: every call has a key of its own, the calls for one object are handled as one,
 * and what must happen once is decided by the state that is read.
 *
 * Source: https://docs.mollie.com/reference/webhooks-best-practices
 *
 * @throws option-invalid also without a secret, unless `classic` is true
 */
export function mollieWebhook(options: MollieWebhookOptions): WebhookProvider {
  if (options.classic === true) return classicWebhook(options);
  const { sdk } = options;
  return hmacProvider(options, "mollie", {
    acknowledgement: { status: 200 },
    signatures: signaturesOf,
    ...(sdk && {
      official: ({ text, secret, signature }) =>
        sdk.validate(text, secret, `sha256=${toText(signature, "hex")}`),
    }),
    events: (text) => [mollieEvent(text)],
  });
}

/** There are two for a day after a rotation, in two headers or joined in one. */
function signaturesOf(delivery: Delivery): (Uint8Array | undefined)[] {
  const signatures = delivery
    .header("x-mollie-signature")
    .flatMap((value) => value.split(","))
    .map((value) => /^sha256=(.*)$/.exec(value.trim())?.[1] ?? "");
  if (signatures.length > SIGNATURES_MAX)
    throw new NevertwiceError("signature-missing", "The header has too many signatures.");
  return signatures.map((signature) => decodeSignature(signature, "hex"));
}

const SIGNATURES_MAX = 8;

function mollieEvent(text: string): AuthenticEvent {
  const payload = jsonOf(text);
  const type = neededText(payload, "type");
  const entity = memberOf(payload, "_embedded", "entity");
  const kind = textAt(entity, "resource") ?? type.split(".")[0] ?? type;
  return eventOf({
    key: eventKey("id", neededText(payload, "id")),
    fingerprint: sha256(text),
    type,
    object: objectOf(kind, textAt(payload, "entityId")),
    occurredAt: timeAt(payload, "createdAt"),
    payload,
    evidence: evidenceOf(entity),
  });
}

const HELD: ReadonlySet<string | undefined> = new Set(["authorized", "paid", "refunded"]);

function evidenceOf(entity: unknown): EventEvidence | undefined {
  const kind = textAt(entity, "resource");
  const reference = textAt(entity, "id");
  const providerKey = textAt(entity, "metadata", "nevertwice_key");
  if ((kind !== "payment" && kind !== "refund") || !reference || !providerKey) return undefined;
  return {
    provider: "mollie",
    kind,
    providerKey,
    reference,
    finding: "executed",
    ...(HELD.has(textAt(entity, "status")) ? { stands: true } : {}),
  };
}

/** What the ids of Mollie begin with. */
const KINDS: ReadonlyMap<string, string> = new Map([
  ["tr", "payment"],
  ["re", "refund"],
  ["ord", "order"],
  ["pl", "payment-link"],
  ["sub", "subscription"],
]);

function classicWebhook(options: MollieClassicOptions): WebhookProvider {
  if ("secret" in options)
    throw new NevertwiceError("option-invalid", "A classic webhook of Mollie has no `secret`.");
  return {
    ...commonOptions(options, "mollie"),
    acknowledgement: { status: 200 },
    read: (delivery, now): Reading => {
      const event = classicEvent(textOf(delivery), now);
      return { kind: "events", secret: "none", events: [event] };
    },
  };
}

/** @throws webhook-malformed */
function classicEvent(text: string, now: number): AuthenticEvent {
  const ids = new URLSearchParams(text).getAll("id");
  const [id = ""] = ids;
  const prefix = /^([a-z]{1,20})_[A-Za-z0-9]{1,64}$/.exec(id)?.[1];
  if (ids.length !== 1 || prefix === undefined)
    throw new NevertwiceError("webhook-malformed", "The form has no `id` of Mollie.");
  const kind = KINDS.get(prefix) ?? prefix;
  const call = Buffer.from(sha256(`${id} ${now}`)).toString("hex");
  return {
    key: eventKey("call", call),
    fingerprint: sha256(id),
    type: `${kind}.changed`,
    object: { kind, id },
    payload: { id },
    hint: true,
  };
}
