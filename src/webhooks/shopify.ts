import type { Delivery, WebhookProvider } from "../model/delivery.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { decodeSignature, type HmacOptions, hmacProvider, type Question, toText } from "./hmac.ts";
import { aliasesOf, bodyKey, eventOf, idAt, neededTopic, objectOf, timeAt } from "./naming.ts";
import { jsonOf, plainHeader, sha256, signedHeader } from "./read.ts";

/** What is used of `shopifyApi(…)` of the package `@shopify/shopify-api`, on its Node adapter. */
export interface ShopifySignatureSdk {
  readonly config: { readonly apiSecretKey: string };
  readonly webhooks: {
    validate(input: {
      readonly rawBody: string;
      readonly rawRequest: {
        readonly method: string;
        readonly url: string;
        readonly headers: Readonly<Record<string, string>>;
      };
    }): Promise<{ readonly valid: boolean }>;
  };
}

export interface ShopifyWebhookOptions extends Omit<HmacOptions, "toleranceMs"> {
  /**
   * It must then agree with the check here. It knows one secret, so it is not asked of what another
   * has signed; it refuses deliveries without Shopify's domain, version and id.
   */
  readonly sdk?: ShopifySignatureSdk;
}

/**
 * The webhooks of Shopify, and its newer Events with headers of shorter names.
 *
 * Only the body is signed; the topic, which is the event's type, is not. As two topics may send the
 * same body, such as `orders/create` and `orders/paid`, the key is the digest of both; hence a body
 * that somebody caught passes once under each other topic. A handler believes the body, such as its
 * `financial_status`, or reads the object back; it never acts on the topic alone.
 *
 * Source: https://shopify.dev/docs/apps/build/webhooks/delivery-structure
 *
 * @throws option-invalid
 */
export function shopifyWebhook(options: ShopifyWebhookOptions): WebhookProvider {
  const { sdk } = options;
  return hmacProvider(options, "shopify", {
    acknowledgement: { status: 200 },
    signatures: (delivery) => [
      decodeSignature(signedHeader(delivery, `${prefixOf(delivery)}hmac-sha256`), "base64"),
    ],
    ...(sdk && { official: (question) => ask(sdk, question) }),
    events: (text, delivery) => [shopifyEvent(text, delivery)],
  });
}

/** Of the two families of headers the one that carries the signature. */
function prefixOf(delivery: Delivery): "shopify-" | "x-shopify-" {
  return delivery.header("shopify-hmac-sha256").length > 0 ? "shopify-" : "x-shopify-";
}

const HEADERS = ["topic", "shop-domain", "api-version", "webhook-id", "event-id"] as const;

async function ask(
  sdk: ShopifySignatureSdk,
  { text, secret, signature, delivery }: Question,
): Promise<boolean | "silent"> {
  if (sdk.config.apiSecretKey !== secret) return "silent";
  const prefix = prefixOf(delivery);
  const headers = HEADERS.flatMap((name) => {
    const value = plainHeader(delivery, prefix + name);
    return value === undefined ? [] : [[prefix + name, value]];
  });
  const { valid } = await sdk.webhooks.validate({
    rawBody: text,
    rawRequest: {
      method: delivery.method,
      url: delivery.url,
      headers: {
        ...Object.fromEntries(headers),
        [`${prefix}hmac-sha256`]: toText(signature, "base64"),
      },
    },
  });
  return valid;
}

function shopifyEvent(text: string, delivery: Delivery): AuthenticEvent {
  const prefix = prefixOf(delivery);
  const topic = neededTopic(delivery, `${prefix}topic`);
  const eventId = plainHeader(delivery, `${prefix}event-id`);
  const payload = jsonOf(text);
  const [kind = ""] = topic.split("/");
  return eventOf({
    // A topic has no line break.
    key: bodyKey(`${topic}\n${text}`),
    aliases: aliasesOf({
      "webhook-id": plainHeader(delivery, `${prefix}webhook-id`),
      // One event may concern several topics.
      "event-id": eventId && `${topic}:${eventId}`,
    }),
    fingerprint: sha256(text),
    type: topic,
    object: objectOf(kind, idAt(payload, "id")),
    occurredAt: timeAt(payload, "updated_at"),
    payload,
  });
}
