import { hash } from "node:crypto";
import type { Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import { braintreeEvent } from "./braintree-event.ts";
import { insistOnOfficial } from "./official.ts";
import { commonOptions, textOf, type WebhookOptions } from "./read.ts";
import { activeSecrets, type NamedSecret, namedSecrets } from "./secret.ts";
import { fromHex, hmac, matchSecret } from "./signature.ts";

/** What is used of a `BraintreeGateway` of `braintree`. */
export interface BraintreeSignatureSdk {
  readonly config: { readonly publicKey: string };
  readonly webhookNotification: { parse(signature: string, payload: string): Promise<unknown> };
}

export interface BraintreeKey {
  readonly publicKey: string;
  readonly privateKey: string;
}

export interface BraintreeWebhookOptions extends WebhookOptions {
  /** The API key, or several while they are rotated; the public keys are told as names. */
  readonly keys: BraintreeKey | readonly BraintreeKey[];
  /** A gateway of the package; it must then agree where a signature has its public key. */
  readonly gateway?: BraintreeSignatureSdk;
}

/**
 * The webhooks of Braintree, and its question to a new endpoint. They have neither an id nor a
 * signed time; the key is the event's kind and the digest of the payload.
 *
 * Source: https://developer.paypal.com/braintree/docs/guides/webhooks/parse/node
 *
 * @throws option-invalid
 */
export function braintreeWebhook(options: BraintreeWebhookOptions): WebhookProvider {
  const { gateway } = options;
  const keys = [options.keys ?? []].flat().map(keyOf);
  const secrets = namedSecrets(keys);
  return {
    ...commonOptions(options, "braintree"),
    acknowledgement: { status: 200 },
    async read(delivery, now): Promise<Reading> {
      const challenge = challengeOf(delivery);
      if (challenge !== undefined) return answerTo(challenge, activeSecrets(secrets, now));
      const { signature, payload } = formOf(textOf(delivery));
      const secret = matchPairs(activeSecrets(secrets, now), now, signature, payload);
      if (gateway?.config.publicKey === secret) await ask(gateway, signature, payload, secret);
      return { kind: "events", secret, events: [braintreeEvent(payload)] };
    },
  };
}

function keyOf(key: BraintreeKey): NamedSecret {
  const { publicKey, privateKey } = key;
  if (typeof publicKey !== "string" || !/^[\x21-\x25\x27-\x7b\x7d\x7e]+$/.test(publicKey))
    throw new NevertwiceError("option-invalid", "Each of `keys` has a `publicKey`.");
  return { name: publicKey, secret: privateKey };
}

function sign(privateKey: string, content: string): Uint8Array {
  return hmac("sha1", hash("sha1", privateKey, "buffer"), content);
}

const CHALLENGE = /^[a-f0-9]{20,32}$/;

/** Braintree asks a new endpoint to sign a text. @throws webhook-malformed */
function challengeOf({ method, url }: Delivery): string | undefined {
  if (method !== "GET") return undefined;
  const [, query = ""] = url.split("?", 2);
  const [challenge = "", ...others] = new URLSearchParams(query).getAll("bt_challenge");
  // Nothing else is signed for whoever asks, and no text of this kind is a notification.
  if (others.length === 0 && CHALLENGE.test(challenge)) return challenge;
  throw new NevertwiceError("webhook-malformed", "It has no challenge of Braintree.");
}

function answerTo(challenge: string, active: readonly NamedSecret[]): Reading {
  const [first] = active;
  if (first === undefined) throw new NevertwiceError("signature-wrong", "No key counts now.");
  const signature = Buffer.from(sign(first.secret, challenge)).toString("hex");
  const body = `${first.name}|${signature}`;
  return { kind: "handshake", answer: { status: 200, contentType: "text/plain", body } };
}

interface Form {
  readonly signature: string;
  readonly payload: string;
}

/** @throws signature-missing, webhook-malformed */
function formOf(text: string): Form {
  const form = new URLSearchParams(text);
  const [signature, ...signatures] = form.getAll("bt_signature");
  const [payload, ...payloads] = form.getAll("bt_payload");
  if (!signature || signatures.length > 0)
    throw new NevertwiceError("signature-missing", "The field bt_signature is expected once.");
  if (!payload || payloads.length > 0)
    throw new NevertwiceError("webhook-malformed", "The field bt_payload is expected once.");
  return { signature, payload };
}

const PAIRS_MAX = 16;

/** A signature counts for the key that it names. @throws signature-missing, signature-wrong */
function matchPairs(
  active: readonly NamedSecret[],
  now: number,
  signature: string,
  payload: string,
): string {
  const pairs = signature.split("&").map((pair) => pair.split("|"));
  const readable = pairs.filter(([, hex = "", ...rest]) => rest.length === 0 && fromHex(hex));
  if (readable.length === 0 || pairs.length > PAIRS_MAX)
    throw new NevertwiceError("signature-missing");
  for (const secret of active) {
    const mine = readable.filter(([name]) => name === secret.name);
    const signatures = mine.map(([, hex = ""]) => fromHex(hex));
    if (signatures.length === 0) continue;
    // Braintree signs the payload with or without the line's end that it is sent with.
    for (const content of [payload, `${payload}\n`]) {
      try {
        return matchSecret([secret], now, signatures, (key) => sign(key, content));
      } catch {
        // Another spelling or another key may match.
      }
    }
  }
  throw new NevertwiceError("signature-wrong");
}

/** The package looks at the first signature of its key alone, so it sees one at a time. */
function ask(
  gateway: BraintreeSignatureSdk,
  signature: string,
  payload: string,
  publicKey: string,
): Promise<void> {
  const pairs = signature.split("&").filter((pair) => pair.startsWith(`${publicKey}|`));
  return insistOnOfficial(pairs, async (pair) => {
    await gateway.webhookNotification.parse(pair, payload);
    return true;
  });
}
