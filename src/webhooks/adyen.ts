import type { Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { type AdyenItem, contentOf, itemEvent, itemsOf } from "./adyen-item.ts";
import { decodeSignature, toText } from "./hmac.ts";
import { bodyKey, eventOf, objectOf, timeAt } from "./naming.ts";
import { insistOnOfficial } from "./official.ts";
import {
  commonOptions,
  jsonOf,
  neededText,
  sha256,
  signedHeader,
  textAt,
  textOf,
  type WebhookOptions,
} from "./read.ts";
import { activeSecrets, type NamedSecret, namedSecrets, type Secrets } from "./secret.ts";
import { fromHex, hmac, isEqual, matchSecret } from "./signature.ts";

/** What is used of the `hmacValidator` of `@adyen/api-library`. */
export interface AdyenSignatureSdk {
  validateHMACSignature(secret: string, signature: string, content: string): boolean;
}

export interface AdyenWebhookOptions extends WebhookOptions {
  /** The HMAC key in hexadecimal digits, as Adyen shows it. */
  readonly secret: Secrets;
  /** What the endpoint's basic authentication was set to; checked besides the signature. */
  readonly basicAuth?: { readonly user: string; readonly password: string };
  /** An instance of the package's `hmacValidator`; it must then agree with the check here. */
  readonly sdk?: AdyenSignatureSdk;
}

/**
 * The webhooks of Adyen: the standard ones, whose items are signed one by one, and those of the
 * platform, which are signed whole. Eight fields of an item are signed and its key is made of four
 * of them. A merchant reference must have no colon, for the signature would fit other fields too.
 *
 * Source: https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures/
 *
 * @throws option-invalid
 */
export function adyenWebhook(options: AdyenWebhookOptions): WebhookProvider {
  const { basicAuth, sdk } = options;
  const secrets = namedSecrets(options.secret);
  for (const { secret } of secrets) keyOf(secret);
  const password = basicAuth && passwordOf(basicAuth);
  const check = async (content: string, signature: string, now: number): Promise<string> => {
    const bytes = decodeSignature(signature, "base64");
    const name = matchSecret(secrets, now, [bytes], (secret) =>
      hmac("sha256", keyOf(secret), content),
    );
    if (sdk !== undefined && bytes !== undefined) {
      const active = activeSecrets(secrets, now).filter((one) => one.name === name);
      await insistOnOfficial(active, ({ secret }: NamedSecret) =>
        sdk.validateHMACSignature(secret, toText(bytes, "base64"), content),
      );
    }
    return name;
  };
  return {
    ...commonOptions(options, "adyen"),
    acknowledgement: { status: 200, contentType: "text/plain", body: "[accepted]" },
    async read(delivery, now): Promise<Reading> {
      if (password !== undefined) checkPassword(delivery, password);
      const text = textOf(delivery);
      const payload = jsonOf(text);
      const items = itemsOf(payload);
      if (items !== undefined) return readItems(items, (...of) => check(...of, now));
      const secret = await check(text, signedHeader(delivery, "hmacsignature"), now);
      return { kind: "events", secret, events: [platformEvent(text, payload)] };
    },
  };
}

/** One item with a wrong signature refuses all of them. */
async function readItems(
  items: readonly AdyenItem[],
  check: (content: string, signature: string) => Promise<string>,
): Promise<Reading> {
  const names = new Set<string>();
  for (const item of items) {
    const signature = textAt(item, "additionalData", "hmacSignature");
    if (signature === undefined) throw new NevertwiceError("signature-missing");
    names.add(await check(contentOf(item), signature));
  }
  return { kind: "events", secret: [...names].join(" "), events: items.map(itemEvent) };
}

/** Its type ends with what happened, after what it happened to. */
function platformEvent(text: string, payload: unknown): AuthenticEvent {
  const type = neededText(payload, "type");
  const kind = type.split(".").slice(0, -1).join(".") || type;
  return eventOf({
    key: bodyKey(text),
    fingerprint: sha256(text),
    type,
    object: objectOf(kind, textAt(payload, "data", "id")),
    occurredAt: timeAt(payload, "timestamp") ?? timeAt(payload, "data", "creationDate"),
    payload,
  });
}

/** @throws option-invalid */
function keyOf(secret: string): Uint8Array {
  const key = fromHex(secret);
  if (key !== undefined) return key;
  throw new NevertwiceError("option-invalid", "Adyen's HMAC key has hexadecimal digits only.");
}

function passwordOf({ user, password }: { user: string; password: string }): Uint8Array {
  if (!user || !password)
    throw new NevertwiceError("option-invalid", "`basicAuth` has a user and a password.");
  return Buffer.from(`${user}:${password}`);
}

/** @throws signature-missing, signature-wrong */
function checkPassword(delivery: Delivery, password: Uint8Array): void {
  const [, given = ""] = /^Basic +(.+)$/i.exec(signedHeader(delivery, "authorization")) ?? [];
  const bytes = decodeSignature(given, "base64");
  if (bytes === undefined) throw new NevertwiceError("signature-missing");
  if (!isEqual(bytes, password))
    throw new NevertwiceError("signature-wrong", "The user or the password is wrong.");
}
