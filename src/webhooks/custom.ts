import type { Acknowledgement, Delivery, WebhookProvider } from "../model/delivery.ts";
import { isNevertwiceError, NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider } from "./hmac.ts";
import { bodyKey, eventKey, eventOf } from "./naming.ts";
import { jsonOf, sha256 } from "./read.ts";

/** An event as your own reader gives it. */
export interface CustomEvent extends Omit<AuthenticEvent, "key" | "fingerprint" | "payload"> {
  /** An id from the signed content, never from a header; the content's digest if left out. */
  readonly key?: string;
  /** The part of the body that is this event; the whole body if left out. */
  readonly payload?: unknown;
}

export interface CustomWebhookOptions extends HmacOptions {
  /** The endpoint's name. */
  readonly source: string;
  /** All signatures of a delivery, such as `(delivery) => delivery.header("acme-signature")`. */
  signature(delivery: Delivery): string | readonly string[] | undefined;
  /** How a signature is written; base64 with its padding. */
  readonly decode: "hex" | "base64";
  /** `sha256` by default. */
  readonly algorithm?: "sha256" | "sha1";
  /** What was signed; the body by default. @param text the body */
  content?(delivery: Delivery, text: string): string | Uint8Array;
  /**
   * The time in milliseconds since 1970, from what `content` gives; a delivery without it is
   * refused.
   */
  signedAt?(delivery: Delivery): number | undefined;
  /** The body as a value; JSON by default. */
  parse?(text: string): unknown;
  /** The events of a delivery; it is called only once the signature is proved. */
  event(payload: unknown, delivery: Delivery): CustomEvent | readonly CustomEvent[];
  /** What your provider takes for success; the status 200 by default. */
  readonly acknowledgement?: Acknowledgement;
}

/**
 * A webhook of any provider that signs with a shared secret. What your functions throw refuses the
 * delivery, so that a header that is not there lets nobody in.
 *
 * @throws option-invalid
 */
export function customWebhook(options: CustomWebhookOptions): WebhookProvider {
  const { decode, algorithm = "sha256", acknowledgement = { status: 200 }, signedAt } = options;
  if (decode !== "hex" && decode !== "base64")
    throw new NevertwiceError("option-invalid", '`decode` is "hex" or "base64".');
  if (algorithm !== "sha256" && algorithm !== "sha1")
    throw new NevertwiceError("option-invalid", '`algorithm` is "sha256" or "sha1".');
  return hmacProvider(options, options.source, {
    algorithm,
    acknowledgement,
    signatures: (delivery) =>
      closed("signature-missing", () => {
        const found = options.signature(delivery) ?? [];
        const texts = typeof found === "string" ? [found] : found;
        return texts.map((text) => decodeSignature(text, decode));
      }),
    contents: (delivery, text) => [
      closed("signature-missing", () => options.content?.(delivery, text)) ?? text,
    ],
    ...(signedAt && {
      signedAt: (delivery) => closed("signature-missing", () => neededTime(signedAt(delivery))),
    }),
    events: (text, delivery) => closed("webhook-malformed", () => read(options, text, delivery)),
  });
}

/** What is thrown is a refusal, whatever it was. */
function closed<T>(code: "signature-missing" | "webhook-malformed", work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isNevertwiceError(error)) throw error;
    throw new NevertwiceError(code, undefined, { cause: error });
  }
}

function neededTime(time: number | undefined): number {
  if (typeof time === "number" && Number.isFinite(time)) return time;
  throw new NevertwiceError("signature-missing", "It has no signed time.");
}

function read(
  { parse = jsonOf, event }: CustomWebhookOptions,
  text: string,
  delivery: Delivery,
): readonly AuthenticEvent[] {
  const body = parse(text);
  const found = event(body, delivery);
  const events: readonly CustomEvent[] = isList(found) ? found : [found];
  return events.map(({ key, aliases, payload, ...rest }) => {
    if (key === undefined && payload === undefined && events.length > 1)
      throw new Error("Each of several events needs a key or a payload of its own.");
    if (key === "" || typeof rest.type !== "string" || rest.type === "")
      throw new Error("An event needs a type, and its key is not empty.");
    const content = payload === undefined ? text : JSON.stringify(payload);
    return eventOf({
      ...rest,
      key: key === undefined ? bodyKey(content) : eventKey("id", key),
      aliases: aliases?.map((alias) => eventKey("alias", alias)),
      fingerprint: sha256(content),
      payload: payload === undefined ? body : payload,
    });
  });
}

function isList(found: CustomEvent | readonly CustomEvent[]): found is readonly CustomEvent[] {
  return Array.isArray(found);
}
