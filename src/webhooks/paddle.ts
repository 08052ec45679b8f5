import type { Delivery, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, type Question, toText } from "./hmac.ts";
import { eventKey, eventOf, idAt, objectOf, timeAt } from "./naming.ts";
import { jsonOf, neededText, sha256, signedHeader } from "./read.ts";

/** What is used of an instance of `Paddle` of the package `@paddle/paddle-node-sdk`. */
export interface PaddleSignatureSdk {
  readonly webhooks: {
    isSignatureValid(body: string, secret: string, signature: string): Promise<boolean>;
  };
}

export interface PaddleWebhookOptions extends HmacOptions {
  /**
   * It must then agree with the check here. It refuses whatever is older than 5 seconds by its own
   * clock, so it is asked of younger deliveries only, and of one signature at a time.
   */
  readonly sdk?: PaddleSignatureSdk;
}

/** The package gives up at 5,000; the rest is for the way from here to its clock. */
const SDK_AGE_MAX_MS = 3000;

/**
 * The webhooks of Paddle Billing; the key is the signed `event_id`.
 *
 * Source: https://developer.paddle.com/webhooks/signature-verification
 *
 * @throws option-invalid
 */
export function paddleWebhook(options: PaddleWebhookOptions): WebhookProvider {
  const { sdk } = options;
  return hmacProvider(options, "paddle", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => signed(delivery).signatures,
    contents: (delivery, text) => [`${signed(delivery).seconds}:${text}`],
    signedAt: (delivery) => Number(signed(delivery).seconds) * 1000,
    ...(sdk && { official: (question) => ask(sdk, question) }),
    events: (text) => [paddleEvent(text)],
  });
}

/** @throws signature-missing, also if there is no time or more than one */
function signed(delivery: Delivery): {
  readonly seconds: string;
  readonly signatures: readonly (Uint8Array | undefined)[];
} {
  const parts = signedHeader(delivery, "paddle-signature").split(";");
  const valuesOf = (name: string): string[] =>
    parts.filter((part) => part.startsWith(name)).map((part) => part.slice(name.length));
  const [seconds, ...others] = valuesOf("ts=");
  if (seconds === undefined || others.length > 0 || !/^[1-9]\d{0,11}$/.test(seconds))
    throw new NevertwiceError("signature-missing", "Paddle-Signature has no time.");
  return { seconds, signatures: valuesOf("h1=").map((text) => decodeSignature(text, "hex")) };
}

async function ask(
  sdk: PaddleSignatureSdk,
  { text, secret, signature, delivery, now }: Question,
): Promise<boolean | "silent"> {
  const { seconds } = signed(delivery);
  if (now - Number(seconds) * 1000 > SDK_AGE_MAX_MS) return "silent";
  const header = `ts=${seconds};h1=${toText(signature, "hex")}`;
  return sdk.webhooks.isSignatureValid(text, secret, header);
}

function paddleEvent(text: string): AuthenticEvent {
  const payload = jsonOf(text);
  const type = neededText(payload, "event_type");
  const [kind = ""] = type.split(".");
  return eventOf({
    key: eventKey("id", neededText(payload, "event_id")),
    fingerprint: sha256(withoutNotification(payload)),
    type,
    object: objectOf(kind, idAt(payload, "data", "id")),
    occurredAt: timeAt(payload, "occurred_at"),
    payload,
  });
}

/** The id of the notification differs between destinations and replays of the same event. */
function withoutNotification(payload: unknown): string {
  return JSON.stringify({ ...(payload as object), notification_id: undefined });
}
