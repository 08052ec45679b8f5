import { checkoutWebhook } from "../../../src/webhooks/checkout.ts";
import { customWebhook } from "../../../src/webhooks/custom.ts";
import { githubWebhook } from "../../../src/webhooks/github.ts";
import { gocardlessWebhook } from "../../../src/webhooks/gocardless.ts";
import { lemonSqueezyWebhook } from "../../../src/webhooks/lemon-squeezy.ts";
import { mollieWebhook } from "../../../src/webhooks/mollie.ts";
import { paddleWebhook } from "../../../src/webhooks/paddle.ts";
import { razorpayWebhook } from "../../../src/webhooks/razorpay.ts";
import { shopifyWebhook } from "../../../src/webhooks/shopify.ts";
import { squareWebhook } from "../../../src/webhooks/square.ts";
import { standardWebhook } from "../../../src/webhooks/standard.ts";
import { stripeWebhook } from "../../../src/webhooks/stripe.ts";
import { svixWebhook } from "../../../src/webhooks/svix.ts";
import { bytesOf, headerOf, macOf, NOW, type Scene, SECRET, type Wire } from "./scene.ts";

const secret = [SECRET, { name: "next", secret: "second-secret-1234" }];
const STAMP = String(NOW / 1_000);
const LATER = String(NOW / 1_000 - 200);

/** Providers that sign the body and nothing else. */
function bodyOnly(
  name: string,
  provider: Scene["provider"],
  header: (body: string) => Wire["headers"],
  ...bodies: readonly object[]
): Scene {
  return {
    ...{ name, provider },
    bodies: bodies.map((body) => bytesOf(JSON.stringify(body))),
    sign: (body) => ({ headers: header(body) }),
    covered: ({ body }) => body,
  };
}

const github = bodyOnly(
  "github",
  githubWebhook({ secret }),
  (body) => [
    ["x-hub-signature-256", `sha256=${macOf(body)}`],
    ["x-github-event", "issues"],
    ["x-github-delivery", "guid-1"],
  ],
  { action: "opened", issue: { id: 7 }, repository: { id: 1 } },
  { zen: "Keep it.", hook_id: 3 },
);

const shopify = bodyOnly(
  "shopify",
  shopifyWebhook({ secret }),
  (body) => [
    ["x-shopify-hmac-sha256", macOf(body, "base64")],
    ["x-shopify-topic", "orders/paid"],
    ["x-shopify-event-id", "e-1"],
  ],
  { id: 1, updated_at: "2026-09-21T14:13:20Z" },
  { id: "gid://x", name: "é" },
);

const lemonSqueezy = bodyOnly(
  "lemon-squeezy",
  lemonSqueezyWebhook({ secret }),
  (body) => [["x-signature", macOf(body)]],
  { meta: { event_name: "order_created" }, data: { type: "orders", id: "1" } },
);

const checkout = bodyOnly(
  "checkout",
  checkoutWebhook({ secret }),
  (body) => [["cko-signature", macOf(body)]],
  { id: "evt_1", type: "payment_approved", data: { id: "pay_1", reference: "key-1" } },
  { id: "evt_2", type: "payment_refunded", data: { id: "pay_1", action_id: "act_1" } },
);

const razorpay = bodyOnly(
  "razorpay",
  razorpayWebhook({ secret }),
  (body) => [["x-razorpay-signature", macOf(body)]],
  { event: "payment.captured", payload: { payment: { entity: { id: "pay_1" } } }, created_at: 1 },
);

const gocardless = bodyOnly(
  "gocardless",
  gocardlessWebhook({ secret }),
  (body) => [["webhook-signature", macOf(body)]],
  { events: [{ id: "EV1", resource_type: "payments", action: "paid", links: { payment: "PM1" } }] },
  { events: [] },
);

const mollie = bodyOnly(
  "mollie",
  mollieWebhook({ secret }),
  (body) => [["x-mollie-signature", `sha256=${macOf(body)}`]],
  { id: "event_1", type: "payment-link.paid", entityId: "pl_1", _embedded: { entity: {} } },
);

const square: Scene = {
  ...bodyOnly(
    "square",
    squareWebhook({ secret, url: "https://shop.example/hook?a=b" }),
    (body) => [
      ["x-square-hmacsha256-signature", macOf(`https://shop.example/hook?a=b${body}`, "base64")],
    ],
    { event_id: "e-1", type: "payment.updated", data: { type: "payment", id: "p1" } },
  ),
  words: ["b", "?a=b"],
};

const STRIPE = { id: "evt_1", type: "charge.succeeded", created: 1, pending_webhooks: 1 };

/** The one item of a header with that name, and nothing for several. */
function itemOf(header: string, between: string, name: string): string | undefined {
  const items = header.split(between).map((item) => item.trim());
  const found = items.filter((item) => item.startsWith(`${name}=`));
  return found.length === 1 ? found[0]?.slice(name.length + 1) : undefined;
}

const stripe: Scene = {
  name: "stripe",
  provider: stripeWebhook({ secret }),
  bodies: [STRIPE, { ...STRIPE, id: "evt_2" }].map((body) => JSON.stringify(body)),
  sign: (body) => ({
    headers: [["stripe-signature", `t=${STAMP},v1=${macOf(`${STAMP}.${body}`)},v0=00`]],
  }),
  covered: (wire) => `${itemOf(headerOf(wire, "stripe-signature"), ",", "t")?.trim()}.${wire.body}`,
  words: [`t=${LATER}`, "v1=", "v0=", ",", ".", `${STAMP}.`],
};

const paddle: Scene = {
  name: "paddle",
  provider: paddleWebhook({ secret }),
  bodies: [
    JSON.stringify({ event_id: "evt_1", event_type: "transaction.paid", data: { id: "t" } }),
  ],
  sign: (body) => ({
    headers: [["paddle-signature", `ts=${STAMP};h1=${macOf(`${STAMP}:${body}`)}`]],
  }),
  covered: (wire) => `${itemOf(headerOf(wire, "paddle-signature"), ";", "ts")}:${wire.body}`,
  words: [`ts=${LATER}`, "h1=", ";", ":", `${STAMP}:`],
};

function standardScene(name: string, prefix: string, provider: Scene["provider"]): Scene {
  return {
    ...{ name, provider },
    bodies: [{ type: "a.b", timestamp: "2026-09-21T14:13:20Z" }, { data: { id: 1 } }].map((body) =>
      JSON.stringify(body),
    ),
    sign: (body) => ({
      headers: [
        [`${prefix}-id`, "msg_1"],
        [`${prefix}-timestamp`, STAMP],
        [
          `${prefix}-signature`,
          `v1,${macOf(`msg_1.${STAMP}.${body}`, "base64", "sha256", Buffer.from("a".repeat(32)))}`,
        ],
      ],
    }),
    covered: (wire) =>
      [`${prefix}-id`, `${prefix}-timestamp`].map((one) => headerOf(wire, one)).join("\n") +
      wire.body,
    words: ["v1,", "v1a,", "msg_1.", `.${STAMP}`, STAMP],
  };
}

const SHARED = `whsec_${Buffer.from("a".repeat(32)).toString("base64")}`;
const PUBLIC = `whpk_${Buffer.alloc(32, 7).toString("base64")}`;

const custom: Scene = {
  name: "custom",
  provider: customWebhook({
    ...{ source: "acme", secret, decode: "base64" },
    signature: (delivery) => delivery.header("acme-signature"),
    content: (delivery, text) => `${delivery.header("acme-time").join()}\n${text}`,
    signedAt: (delivery) => Number(delivery.header("acme-time")[0]) * 1_000,
    event: (payload) => ({ type: "thing", key: String((payload as { id: unknown }).id) }),
  }),
  bodies: ['{"id":"1"}', '{"id":"2","more":[]}'],
  sign: (body) => ({
    headers: [
      ["acme-signature", macOf(`${STAMP}\n${body}`, "base64")],
      ["acme-time", STAMP],
    ],
  }),
  covered: (wire) =>
    `${wire.headers.flatMap(([name, value]) => (name === "acme-time" ? [value] : [])).join()}\n` +
    wire.body,
};

export const SHARED_SECRET_SCENES: readonly Scene[] = [
  ...[github, { ...shopify, looseKeys: true } as const, lemonSqueezy, checkout, razorpay],
  ...[gocardless, mollie, square, stripe, paddle, custom],
  standardScene("standard", "webhook", standardWebhook({ secret: [SHARED, PUBLIC] })),
  standardScene("svix", "svix", svixWebhook({ secret: SHARED })),
];
