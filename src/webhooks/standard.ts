import type { Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventObject } from "../model/event.ts";
import { eventKey, eventOf, timeAt } from "./naming.ts";
import { insistOnOfficial } from "./official.ts";
import {
  commonOptions,
  jsonOf,
  sha256,
  signedHeader,
  textAt,
  textOf,
  type WebhookOptions,
} from "./read.ts";
import { activeSecrets, type Secrets } from "./secret.ts";
import { checkSignedTime } from "./signature.ts";
import { checkTolerance, unixTime } from "./stamp.ts";
import { matchStandard, type StandardSecret, standardSecrets } from "./standard-secret.ts";

/** The class `Webhook` of `standardwebhooks` or of `svix`. */
export type StandardSdk = new (
  secret: string,
) => {
  verify(body: string, headers: Record<string, string>): unknown;
};

export interface StandardWebhookOptions extends WebhookOptions {
  /** Shared secrets, `whsec_…`, and public keys of the sender, `whpk_…`. */
  readonly secret: Secrets;
  /** How old the signed time may be, in milliseconds; 300,000 by default. */
  readonly toleranceMs?: number;
  /** What the names of the three headers begin with; `webhook` by default. */
  readonly headers?: "webhook" | "svix";
  /** The event's type; the body's `type` by default. */
  readonly typeOf?: (payload: unknown) => string | undefined;
  /** What the event is about; nothing by default, for the standard does not say. */
  readonly objectOf?: (payload: unknown) => EventObject | undefined;
  /**
   * The package's class; it must then agree where a shared secret matched. It knows no public keys,
   * reads the time of the system, and takes nothing that is older than 300 seconds.
   */
  readonly sdk?: StandardSdk;
}

/**
 * Webhooks by Standard Webhooks 1.0.0, with shared secrets (`v1`) and public keys (`v1a`). The key
 * is the message's id, which is signed.
 *
 * Source: https://github.com/standard-webhooks/standard-webhooks
 *
 * @throws option-invalid
 */
export function standardWebhook(options: StandardWebhookOptions): WebhookProvider {
  const { headers = "webhook", toleranceMs, sdk } = options;
  if (headers !== "webhook" && headers !== "svix")
    throw new NevertwiceError("option-invalid", '`headers` is "webhook" or "svix".');
  checkTolerance(toleranceMs);
  const secrets = standardSecrets(options.secret);
  return {
    ...commonOptions(options, "standard"),
    acknowledgement: { status: 200 },
    async read(delivery, now): Promise<Reading> {
      const message = messageOf(delivery, headers);
      const active = activeSecrets(secrets, now) as readonly StandardSecret[];
      const { id, stamp, text } = message;
      const match = matchStandard(active, message.signatures, `${id}.${stamp}.${text}`);
      checkSignedTime(unixTime(stamp), now, toleranceMs);
      if (sdk !== undefined && match.key.kind === "shared") await ask(sdk, match, message);
      return { kind: "events", secret: match.name, events: [standardEvent(message, options)] };
    },
  };
}

interface Message {
  readonly id: string;
  readonly stamp: string;
  readonly signatures: readonly string[];
  readonly text: string;
}

const SIGNATURES_MAX = 32;

/** @throws signature-missing, webhook-malformed */
function messageOf(delivery: Delivery, headers: "webhook" | "svix"): Message {
  const id = signedHeader(delivery, `${headers}-id`);
  const stamp = signedHeader(delivery, `${headers}-timestamp`);
  unixTime(stamp);
  const signatures = signedHeader(delivery, `${headers}-signature`).split(" ");
  if (signatures.length > SIGNATURES_MAX)
    throw new NevertwiceError("signature-missing", "The header has too many signatures.");
  return { id, stamp, signatures, text: textOf(delivery) };
}

/** The package sees every signature, and takes any that its secret made. */
function ask(sdk: StandardSdk, { secret }: StandardSecret, message: Message): Promise<void> {
  const { id, stamp, signatures, text } = message;
  return insistOnOfficial([secret], (one) => {
    const named: Record<string, string> = {};
    for (const prefix of ["webhook", "svix"]) {
      named[`${prefix}-id`] = id;
      named[`${prefix}-timestamp`] = stamp;
      named[`${prefix}-signature`] = signatures.filter(isShared).join(" ");
    }
    new sdk(one).verify(text, named);
    return true;
  });
}

function isShared(signature: string): boolean {
  return signature.startsWith("v1,");
}

function standardEvent(message: Message, options: StandardWebhookOptions): AuthenticEvent {
  const { id, stamp, text } = message;
  const payload = jsonOf(text);
  // What is signed is joined by dots. Only an object cannot be read with a part of the time.
  if (typeof payload !== "object" || payload === null)
    throw new NevertwiceError("webhook-malformed", "The body is no JSON object.");
  const type = options.typeOf === undefined ? textAt(payload, "type") : options.typeOf(payload);
  return eventOf({
    key: eventKey("id", id),
    // The time is that of one attempt, and not of the event.
    fingerprint: sha256(`${id}.${text}`),
    type: type ?? "untyped",
    object: options.objectOf?.(payload),
    occurredAt: timeAt(payload, "timestamp") ?? unixTime(stamp),
    payload,
  });
}
