import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import "@shopify/shopify-api/adapters/node";
import { ApiVersion, shopifyApi } from "@shopify/shopify-api";
import fc from "fast-check";
import { type ShopifySignatureSdk, shopifyWebhook } from "../../src/webhooks/shopify.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, NOW, secret as secrets, testTraps } from "./traps.ts";

const api = shopifyApi({
  apiKey: "key",
  apiSecretKey: "first-secret-1234",
  apiVersion: ApiVersion.January26,
  hostName: "shop.example",
  isEmbeddedApp: false,
  logger: { log: async () => undefined },
});
const sdk: ShopifySignatureSdk = api as unknown as ShopifySignatureSdk;
const HEADER = "x-shopify-hmac-sha256";
const provider = shopifyWebhook({ secret: "first-secret-1234", sdk });
const BODY = JSON.stringify({ id: 820_982_911, updated_at: "2026-09-21T14:13:20Z", note: "x" });

const base64Of = (body: Body, secret: string) =>
  createHmac("sha256", secret).update(body).digest("base64");

const headersOf = (body: Body, secret = "first-secret-1234") => ({
  [HEADER]: base64Of(body, secret),
  "x-shopify-topic": "orders/create",
  "x-shopify-shop-domain": "one.myshopify.com",
  "x-shopify-api-version": "2026-01",
  "x-shopify-webhook-id": "wh-1",
  "x-shopify-event-id": "ev-1",
});
const parts = (body: string, headers = {}) => ({
  headers: { ...headersOf(body), ...headers },
  body,
});

testTraps("shopify", {
  provider: (secret) => shopifyWebhook({ secret, sdk }),
  sign: headersOf,
  header: HEADER,
  body: BODY,
});

testProperty(
  "Shopify's package takes what is taken here, and nothing else",
  fc.asyncProperty(bodies({}), secrets, damage, async (body, secret, damaged) => {
    const sent = parts(body, { [HEADER]: damaged(base64Of(body, secret)) });
    const rawRequest = { method: "POST", url: "/", headers: sent.headers };
    const { valid } = await sdk.webhooks.validate({ rawBody: body, rawRequest });
    assert.equal(await isTaken(shopifyWebhook({ secret: "first-secret-1234" }), sent, NOW), valid);
    assert.equal(await isTaken(provider, sent, NOW), valid);
  }),
);

test("a signature has one spelling, although its last letter has bits to spare", async () => {
  const loose = shopifyWebhook({ secret: "first-secret-1234" });
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const genuine = base64Of(BODY, "first-secret-1234");
  const taken: string[] = [];
  for (const letter of letters) {
    const signature = `${genuine.slice(0, -2)}${letter}=`;
    if (await isTaken(loose, parts(BODY, { [HEADER]: signature }), NOW)) taken.push(signature);
  }
  assert.deepEqual(taken, [genuine]);
  const bare = { [HEADER]: genuine.slice(0, -1) };
  await refusedWith("signature-missing", () => eventOf(loose, parts(BODY, bare), NOW));
});

test("the package is not asked of what a secret has signed that it does not know", async () => {
  const sent = { headers: headersOf(BODY, "older-secret-1234"), body: BODY };
  assert.ok(
    await isTaken(
      shopifyWebhook({ secret: ["first-secret-1234", "older-secret-1234"], sdk }),
      sent,
      NOW,
    ),
  );
});

test("the package refuses deliveries without Shopify's other headers", async () => {
  const sent = parts(BODY, { "x-shopify-api-version": "" });
  assert.ok(await isTaken(shopifyWebhook({ secret: "first-secret-1234" }), sent, NOW));
  await refusedWith("signature-wrong", () => eventOf(provider, sent, NOW));
});

test("the newer headers are read likewise", async () => {
  const short = Object.entries(headersOf(BODY)).map(([name, value]) => [name.slice(2), value]);
  const headers = Object.fromEntries(short) as Record<string, string>;
  const one = await eventOf(provider, parts(BODY), NOW);
  assert.deepEqual(await eventOf(provider, { headers, body: BODY }, NOW), one);
  const mixed = { ...headersOf(BODY), "shopify-hmac-sha256": base64Of(BODY, "second-secret-1234") };
  await refusedWith("signature-wrong", () =>
    eventOf(provider, { headers: mixed, body: BODY }, NOW),
  );
});

test("the key is made of topic and body, under whatever ids they come", async () => {
  const one = await eventOf(provider, parts(BODY), NOW);
  const fresh = { "x-shopify-webhook-id": "wh-2", "x-shopify-event-id": "ev-2" };
  const again = await eventOf(provider, parts(BODY, fresh), NOW);
  assert.deepEqual([again.key, again.fingerprint], [one.key, one.fingerprint]);
  assert.deepEqual(one.aliases, ["webhook-id:wh-1", "event-id:orders/create:ev-1"]);
  assert.deepEqual(again.aliases, ["webhook-id:wh-2", "event-id:orders/create:ev-2"]);
  // An order that is paid at once sends the same body under both topics.
  const paid = await eventOf(provider, parts(BODY, { "x-shopify-topic": "orders/paid" }), NOW);
  assert.notEqual(paid.key, one.key);
  assert.equal(one.type, "orders/create");
  assert.deepEqual(one.object, { kind: "orders", id: "820982911" });
  assert.equal(one.occurredAt, Date.UTC(2026, 8, 21, 14, 13, 20));
  assert.equal(one.evidence, undefined);
});

test("a topic that is missing, repeated or odd is malformed", async () => {
  const loose = shopifyWebhook({ secret: "first-secret-1234" });
  for (const topic of ["", "orders\ncreate", ["orders/create", "orders/paid"]])
    await refusedWith("webhook-malformed", () =>
      eventOf(loose, parts(BODY, { "x-shopify-topic": topic }), NOW),
    );
  await refusedWith("webhook-malformed", () => eventOf(loose, parts("no"), NOW));
});
