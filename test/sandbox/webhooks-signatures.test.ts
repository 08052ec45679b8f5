import assert from "node:assert/strict";
import { createHmac, createVerify, X509Certificate } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import adyenLibrary from "@adyen/api-library";
import { SignatureValidator } from "mollie-api-typescript";
import Razorpay from "razorpay";
import { WebhooksHelper } from "square";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import { type Sent, send, told, webhookBench } from "./receiver.ts";

/** The part of the SDK, which has no types, that is used here. */
interface BraintreeLibrary {
  readonly Environment: { readonly Sandbox: unknown };
  readonly BraintreeGateway: new (
    options: object,
  ) => {
    readonly webhookNotification: {
      parse(
        signature: string,
        payload: string,
      ): Promise<{ kind: string; transaction: Record<string, unknown> }>;
    };
  };
}

const braintreeLibrary = createRequire(import.meta.url)("braintree") as BraintreeLibrary;

const basic = (user: string): string => `Basic ${Buffer.from(`${user}:x`).toString("base64")}`;

test("stripe: the official SDK takes its events, and they are on its list", async (context) => {
  const { bench, received, types } = await told(
    context,
    { provider: "stripe" },
    {
      path: "/v1/payment_intents",
      authorization: "Bearer sk_test_x",
      body: "amount=1999&currency=eur&confirm=true&payment_method=pm_card_visa&metadata[k]=v",
    },
  );
  assert.deepEqual(types, [
    "payment_intent.created",
    "charge.succeeded",
    "payment_intent.succeeded",
  ]);
  const { port } = new URL(bench.sandbox);
  const stripe = new Stripe("sk_test_x", { host: "127.0.0.1", port, protocol: "http" });
  const events = received.map(({ text, headers }) =>
    stripe.webhooks.constructEvent(text, headers["stripe-signature"] ?? "", bench.endpoint.secret),
  );
  const paid = events[2]?.data.object as Stripe.PaymentIntent;
  assert.deepEqual([paid.status, paid.metadata], ["succeeded", { k: "v" }]);
  const intents = await stripe.events.list({ type: "payment_intent.*", limit: 1 });
  assert.deepEqual([intents.data[0]?.id, intents.has_more], [events[2]?.id, true]);
  const charges = await stripe.events.list({ types: ["charge.succeeded"] });
  assert.deepEqual(
    charges.data.map(({ id }) => id),
    [events[1]?.id],
  );
});

test("paypal: RSA over the checksum of the body, and a list of events", async (context) => {
  const authorization = "Bearer A21AAsandbox.shop";
  const { bench, received, types } = await told(
    context,
    { provider: "paypal", secret: "WEBHOOK1" },
    {
      path: "/v2/checkout/orders",
      authorization,
      headers: { "paypal-request-id": "k1" },
      body: {
        intent: "CAPTURE",
        purchase_units: [{ amount: { currency_code: "EUR", value: "19.99" }, custom_id: "key-1" }],
        payment_source: { card: { name: "Ada" } },
      },
    },
  );
  assert.deepEqual(types, ["PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"]);
  const [{ headers, text } = assert.fail()] = received;
  const pem = await (await fetch(headers["paypal-cert-url"] ?? "")).text();
  const mark = `${headers["paypal-transmission-id"]}|${headers["paypal-transmission-time"]}`;
  const signed = `${mark}|WEBHOOK1|${crc32(text)}`;
  const { publicKey } = new X509Certificate(pem);
  const signature = headers["paypal-transmission-sig"] ?? "";
  assert.ok(createVerify("sha256").update(signed).verify(publicKey, signature, "base64"));
  const event = JSON.parse(text) as { id: string; resource: Record<string, unknown> };
  assert.equal(event.resource["custom_id"], "key-1");
  const list = async (address: string) =>
    (await (await fetch(address, { headers: { authorization } })).json()) as {
      events: { id: string }[];
      links: { rel: string; href: string }[];
    };
  const path = "/paypal/v1/notifications/webhooks-events?page_size=1";
  const first = await list(bench.sandbox + path);
  const next = first.links.find(({ rel }) => rel === "next")?.href ?? assert.fail();
  const second = await list(next);
  assert.deepEqual(
    second.events.map(({ id }) => id),
    [event.id],
  );
  assert.equal(second.links.length, 1);
});

test("adyen: the official validator takes its items", async (context) => {
  const { bench, received, types } = await told(
    context,
    { provider: "adyen" },
    {
      path: "/adyen/v71/payments",
      headers: { "x-api-key": "AQE_shop" },
      body: {
        merchantAccount: "Shop",
        amount: { value: 1999, currency: "EUR" },
        reference: "key-1",
        returnUrl: "https://shop.example",
        paymentMethod: { type: "scheme" },
      },
    },
  );
  assert.deepEqual(types, ["AUTHORISATION"]);
  const { notificationItems } = JSON.parse(received[0]?.text ?? "");
  const item = notificationItems[0].NotificationRequestItem;
  const validator = new adyenLibrary.hmacValidator();
  assert.equal(validator.validateHMAC(item, bench.endpoint.secret), true);
  assert.equal(validator.validateHMAC({ ...item, success: "false" }, bench.endpoint.secret), false);
  assert.deepEqual([item.merchantReference, item.success], ["key-1", "true"]);
  await send(bench, {
    path: `/adyen/v71/payments/${item.pspReference}/captures`,
    headers: { "x-api-key": "AQE_shop" },
    body: { merchantAccount: "Shop", amount: { value: 5000, currency: "EUR" }, reference: "key-2" },
  });
  await bench.flush();
  const refused = JSON.parse(bench.received[1]?.text ?? "").notificationItems[0];
  const { eventCode, success, originalReference } = refused.NotificationRequestItem;
  assert.deepEqual(
    [eventCode, success, originalReference],
    ["CAPTURE", "false", item.pspReference],
  );
});

test("square: the official helper takes its events, and they are on its list", async (context) => {
  const { bench, received, types } = await told(
    context,
    { provider: "square", account: "shop" },
    {
      path: "/v2/payments",
      authorization: "Bearer EAAA_shop",
      body: {
        source_id: "cnon:card-nonce-ok",
        idempotency_key: "key-1",
        reference_id: "key-1",
        amount_money: { amount: 1999, currency: "EUR" },
      },
    },
  );
  assert.deepEqual(types, ["payment.created", "payment.updated"]);
  for (const { text: requestBody, headers } of received)
    assert.ok(
      await WebhooksHelper.verifySignature({
        requestBody,
        signatureHeader: headers["x-square-hmacsha256-signature"] ?? "",
        signatureKey: bench.endpoint.secret,
        notificationUrl: bench.url,
      }),
    );
  const events = received.map(({ text }) => JSON.parse(text));
  assert.equal(events[1].data.object.payment.reference_id, "key-1");
  const search = { limit: 1, query: { sort: { order: "ASC" } } };
  const path = "/v2/events";
  const authorization = "Bearer EAAA_shop";
  const first = await send(bench, { path, authorization, body: search });
  const second = await send(bench, {
    ...{ path, authorization },
    body: { ...search, cursor: first["cursor"] },
  });
  assert.deepEqual([first["events"], second["events"]], [[events[0]], [events[1]]]);
  assert.equal(second["cursor"], undefined);
});

const MOLLIE: Sent = {
  path: "/mollie/v2/payments",
  authorization: "Bearer test_shop",
  body: {
    amount: { currency: "EUR", value: "19.99" },
    description: "Order 7",
    sequenceType: "recurring",
    customerId: "cst_1",
  },
};

test("mollie: an id in a form, or signed where the endpoint has a secret", async (context) => {
  const classic = await told(context, { provider: "mollie" }, MOLLIE);
  assert.match(classic.received[0]?.text ?? "", /^id=tr_\w+$/);
  const signed = await told(context, { provider: "mollie", secret: "s3cret" }, MOLLIE);
  const [{ text, headers } = assert.fail()] = signed.received;
  const validator = new SignatureValidator("s3cret");
  assert.equal(await validator.validatePayload(text, headers["x-mollie-signature"] ?? ""), true);
});

test("braintree: the official gateway parses the settlement", async (context) => {
  const { received } = await told(
    context,
    { provider: "braintree" },
    {
      path: "/merchants/shop/transactions",
      authorization: basic("public"),
      body: {
        transaction: {
          amount: "19.99",
          order_id: "a<b&c",
          payment_method_nonce: "fake-valid-nonce",
          options: { submit_for_settlement: true },
        },
      },
    },
  );
  const gateway = new braintreeLibrary.BraintreeGateway({
    environment: braintreeLibrary.Environment.Sandbox,
    ...{ merchantId: "shop", publicKey: "public", privateKey: "private_key_of_the_sandbox" },
  });
  const form = new URLSearchParams(received[0]?.text);
  const payload = form.get("bt_payload") ?? "";
  const notice = await gateway.webhookNotification.parse(form.get("bt_signature") ?? "", payload);
  assert.equal(notice.kind, "transaction_settled");
  const { transaction } = notice;
  assert.deepEqual(
    [transaction["orderId"], transaction["amount"], transaction["status"]],
    ["a<b&c", "19.99", "settled"],
  );
});

test("checkout: a digest over the body", async (context) => {
  const { bench, received, types } = await told(
    context,
    { provider: "checkout" },
    {
      path: "/payments",
      authorization: "Bearer sk_sbox_abcdefghijklmnopqrstuvwxyz2",
      body: { amount: 1999, currency: "EUR", source: { type: "token" }, reference: "key-1" },
    },
  );
  assert.deepEqual(types, ["payment_approved", "payment_captured"]);
  for (const { text, headers } of received) {
    const digest = createHmac("sha256", bench.endpoint.secret).update(text).digest("hex");
    assert.equal(headers["cko-signature"], digest);
    assert.equal(JSON.parse(text).data.reference, "key-1");
  }
});

test("razorpay: the official SDK takes its events", async (context) => {
  const authorization = basic("rzp_test_shop");
  const bench = await webhookBench(context, { provider: "razorpay" });
  const money = { amount: 1999, currency: "INR" };
  const order = await send(bench, {
    ...{ path: "/razorpay/v1/orders", authorization },
    body: { ...money, receipt: "key-1" },
  });
  await send(bench, {
    ...{ path: "/razorpay/v1/payments/create/json", authorization },
    body: { ...money, order_id: order["id"], notes: { nevertwice_key: "key-2" } },
  });
  const types = (await bench.flush()).map(({ type }) => type);
  assert.deepEqual(types, ["payment.authorized", "payment.captured", "order.paid"]);
  for (const { text, headers } of bench.received) {
    const signature = headers["x-razorpay-signature"] ?? "";
    assert.ok(Razorpay.validateWebhookSignature(text, signature, bench.endpoint.secret));
  }
  const { payload } = JSON.parse(bench.received[2]?.text ?? "");
  assert.equal(payload.order.entity.receipt, "key-1");
  assert.equal(payload.payment.entity.notes.nevertwice_key, "key-2");
});

test("plain: Standard Webhooks take its events", async (context) => {
  const { bench, received } = await told(
    context,
    { provider: "plain" },
    { path: "/plain/v1/charges", body: { amount: 1999, currency: "eur", metadata: { k: "v" } } },
  );
  const [{ text, headers } = assert.fail()] = received;
  const event = new Webhook(bench.endpoint.secret).verify(text, headers) as Record<string, unknown>;
  assert.equal(event["type"], "charge.succeeded");
});
