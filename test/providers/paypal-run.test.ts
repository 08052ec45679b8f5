import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  PAYPAL_KEPT_FOR_MS,
  type PayPalEffects,
  paypalEffects,
} from "../../src/providers/paypal.ts";
import { callWith, type Ground, groundOf, valueFrom } from "./attempt.ts";
import { oneStep } from "./one-step.ts";
import { paypalClient } from "./paypal-loopback.ts";

const CREATE = "POST /v2/checkout/orders";
const TOKEN = "POST /v1/oauth2/token";
const CAPTURE = "POST /v2/checkout/orders/:id/capture";
const amount = { currency_code: "EUR", value: "19.99" };
const ORDER = { intent: "CAPTURE", purchase_units: [{ amount }] } as const;
const AT_ONCE = { ...ORDER, payment_source: { card: { vault_id: "v1" } } };
const OPTIONS = { account: "shop", timeoutMs: 500 };
const MINUTE_MS = 60_000;

interface Shop extends Ground {
  readonly payments: PayPalEffects;
  approved(): Promise<string>;
}

async function shopOf(context: TestContext): Promise<Shop> {
  const ground = await groundOf(context, "paypal");
  const payments = paypalEffects(() => paypalClient(ground.url), OPTIONS);
  return {
    ...ground,
    payments,
    approved: async () => {
      const { id, approveUrl = "" } = await valueFrom(payments.createOrder(ORDER), callWith("o"));
      const { pathname, search } = new URL(approveUrl);
      await fetch(ground.url + pathname + search);
      return id;
    },
  };
}

test("a capture whose answer was lost is found, after PayPal's memory too", async (context) => {
  for (const laterMs of [MINUTE_MS, 2 * PAYPAL_KEPT_FOR_MS.orders]) {
    const shop = await shopOf(context);
    const orderId = await shop.approved();
    const { run, pass } = oneStep(shop, () => shop.payments.captureOrder({ orderId }));
    await shop.fault(CAPTURE, "timeout-after");
    assert.equal((await run()).kind, "in-doubt");
    await pass(laterMs);
    const { kind, body } = await run();
    assert.equal(kind, "succeeded");
    assert.equal((body as { made: { status: string } }).made.status, "COMPLETED");
    assert.equal((await shop.ledger()).length, 1);
  }
});

test("a capture whose request was lost is sent again, but not after that memory", async (context) => {
  const shop = await shopOf(context);
  const orderId = await shop.approved();
  const soon = oneStep(shop, () => shop.payments.captureOrder({ orderId }));
  await shop.fault(CAPTURE, "timeout-before");
  assert.equal((await soon.run()).kind, "in-doubt");
  await soon.pass(MINUTE_MS);
  assert.equal((await soon.run()).kind, "succeeded");
  const other = await shopOf(context);
  const otherId = await other.approved();
  const late = oneStep(other, () => other.payments.captureOrder({ orderId: otherId }));
  await other.fault(CAPTURE, "timeout-before");
  await late.run();
  await late.pass(PAYPAL_KEPT_FOR_MS.orders);
  assert.equal((await late.run()).kind, "in-doubt");
  assert.equal((await other.ledger()).length, 0);
});

test("an order that pays at once is replayed for six hours and then waits", async (context) => {
  for (const [laterMs, kind] of [
    [MINUTE_MS, "succeeded"],
    [PAYPAL_KEPT_FOR_MS.orders, "in-doubt"],
  ] as const) {
    const shop = await shopOf(context);
    const { run, pass } = oneStep(shop, () => shop.payments.createOrder(AT_ONCE));
    await shop.fault(CREATE, "timeout-after");
    assert.equal((await run()).kind, "in-doubt");
    await pass(laterMs);
    assert.equal((await run()).kind, kind);
    assert.equal((await shop.ledger()).length, 1);
  }
});

test("a refusal after a doubt never lowers it", async (context) => {
  const shop = await shopOf(context);
  let { payments } = shop;
  const { run, pass } = oneStep(shop, () => payments.createOrder(AT_ONCE));
  await shop.fault(CREATE, "timeout-after");
  assert.equal((await run()).kind, "in-doubt");
  await pass(MINUTE_MS);
  // Nothing of this replay leaves, which says nothing of the first send.
  await shop.fault(TOKEN, "500-before", "500-before", "500-before");
  payments = paypalEffects(paypalClient(shop.url), OPTIONS);
  assert.equal((await run()).kind, "in-doubt");
  ({ payments } = shop);
  await pass(MINUTE_MS);
  assert.equal((await run()).kind, "succeeded");
  assert.equal((await shop.ledger()).length, 1);
});

test("a sign-in that failed is tried again with another client", async (context) => {
  const shop = await shopOf(context);
  const { run, pass } = oneStep(shop, () => shop.payments.createOrder(AT_ONCE));
  await shop.fault(TOKEN, "500-before", "500-before", "500-before");
  assert.equal((await run()).kind, "retry-scheduled");
  await pass(MINUTE_MS);
  assert.equal((await run()).kind, "succeeded");
  assert.equal((await shop.ledger()).length, 1);
});
