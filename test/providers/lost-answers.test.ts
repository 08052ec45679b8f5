import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Effect } from "../../src/core/effect.ts";
import { fail, ok } from "../../src/index.ts";
import { braintreeEffects } from "../../src/providers/braintree.ts";
import { checkoutEffects } from "../../src/providers/checkout.ts";
import { mollieEffects } from "../../src/providers/mollie.ts";
import { razorpayEffects } from "../../src/providers/razorpay.ts";
import { Order, type Stage, stage } from "../core/stage.ts";
import { type Ground, groundOf } from "./attempt.ts";
import { made, TIMEOUT_MS } from "./lost-answers.ts";
import { clientOf as mollieOf } from "./mollie-client.ts";
import { braintreeOf, checkoutOf, razorpayOf } from "./sdks.ts";

const MINUTE_MS = 60_000;
const OPTIONS = { account: "shop", timeoutMs: TIMEOUT_MS };
const call = { scope: "acct_1", key: "k1", input: { cartId: "c1", amount: 1999 } };

/** A whole operation with one external step, over one provider. */
interface Shop {
  readonly ground: Ground;
  readonly scene: Stage;
  /** Runs the operation, or its retry. */
  run(): Promise<string>;
  charges(): Promise<number>;
}

async function shopOf(
  context: TestContext,
  provider: string,
  kind: string,
  effectOf: (url: string) => Effect<{ readonly id: string }, object>,
): Promise<Shop> {
  const ground = await groundOf(context, provider);
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      const charge = await op.external("charge", effectOf(ground.url));
      return charge.declined ? fail("declined", 402) : ok({ id: charge.value.id }, 201);
    },
  });
  return {
    ground,
    scene,
    run: async () => (await operation.run(call)).kind,
    charges: async () => (await made(ground, kind)).length,
  };
}

const mollie = (context: TestContext): Promise<Shop> =>
  shopOf(context, "mollie", "charge", (url) =>
    mollieEffects(mollieOf(url), OPTIONS).payment({
      amount: { currency: "EUR", value: "19.99" },
      description: "Order 1",
      sequenceType: "recurring",
      customerId: "cst_1",
    }),
  );

const checkout = (context: TestContext): Promise<Shop> =>
  shopOf(context, "checkout", "charge", (url) => {
    const source = { id: "src_abcdefghijklmnopqrstuvwxyz" };
    const body = { amount: 1999, currency: "EUR", source };
    return checkoutEffects(checkoutOf(url), OPTIONS).payment(body);
  });

const razorpay = (context: TestContext): Promise<Shop> =>
  shopOf(context, "razorpay", "payout", (url) =>
    razorpayEffects(razorpayOf(url), OPTIONS).payout({
      ...{ account_number: "7878780080316316", fund_account_id: "fa_1" },
      ...{ amount: 1999, currency: "INR", mode: "IMPS", purpose: "refund" },
    }),
  );

const braintree = (context: TestContext): Promise<Shop> =>
  shopOf(context, "braintree", "charge", (url) =>
    braintreeEffects(braintreeOf(url), OPTIONS).sale({
      amount: "19.99",
      paymentMethodNonce: "fake-valid-nonce",
      options: { submitForSettlement: true },
    }),
  );

const SALES = "POST /merchants/:merchant/transactions";

for (const [name, open, endpoint] of [
  ["Mollie", mollie, "POST /v2/payments"],
  ["Checkout.com", checkout, "POST /payments"],
  ["Razorpay", razorpay, "POST /v1/payouts"],
  ["Braintree", braintree, SALES],
] as const)
  for (const fault of ["reset-after", "timeout-after", "truncated"])
    test(`${name}: an answer that is lost by ${fault} is found, and nothing is sent again`, async (context) => {
      const shop = await open(context);
      await shop.ground.fault(endpoint, fault, "500-before");
      assert.equal(await shop.run(), "in-doubt");
      shop.scene.advance(MINUTE_MS);
      assert.equal(await shop.run(), "succeeded");
      assert.equal(await shop.charges(), 1);
    });

test("Mollie: a request that never arrived is sent again at once", async (context) => {
  const shop = await mollie(context);
  await shop.ground.fault("POST /v2/payments", "reset-before");
  assert.equal(await shop.run(), "in-doubt");
  shop.scene.advance(MINUTE_MS);
  assert.equal(await shop.run(), "succeeded");
  assert.equal(await shop.charges(), 1);
});

for (const [name, open, endpoint, quietMs] of [
  ["Checkout.com", checkout, "POST /payments", 30 * MINUTE_MS],
  ["Razorpay", razorpay, "POST /v1/payouts", 10 * MINUTE_MS],
] as const) {
  test(`${name}: a failure is sent again only once the look-up had its time`, async (context) => {
    const shop = await open(context);
    await shop.ground.fault(endpoint, "500-before");
    assert.equal(await shop.run(), "in-doubt");
    shop.scene.advance(MINUTE_MS);
    assert.equal(await shop.run(), "in-doubt");
    assert.equal(await shop.charges(), 0);
    shop.scene.advance(quietMs);
    assert.equal(await shop.run(), "succeeded");
    assert.equal(await shop.charges(), 1);
  });

  test(`${name}: a failure that had its effect is found in a list that lags`, async (context) => {
    const shop = await open(context);
    await shop.ground.set({ listLagMs: quietMs / 2 });
    await shop.ground.fault(endpoint, "500-frozen-after");
    assert.equal(await shop.run(), "in-doubt");
    shop.scene.advance(MINUTE_MS);
    assert.equal(await shop.run(), "in-doubt");
    await shop.ground.advance(quietMs);
    shop.scene.advance(quietMs);
    assert.equal(await shop.run(), "succeeded");
    assert.equal(await shop.charges(), 1);
  });
}

test("Braintree: a request that never arrived waits for a person", async (context) => {
  const shop = await braintree(context);
  await shop.ground.fault(SALES, "reset-before");
  for (let round = 0; round < 3; round += 1) {
    assert.equal(await shop.run(), "in-doubt");
    shop.scene.advance(60 * MINUTE_MS);
  }
  assert.equal(await shop.charges(), 0);
});

test("Braintree: a declined card fails the operation for good", async (context) => {
  const shop = await braintree(context);
  await shop.ground.fault(SALES, "decline");
  assert.equal(await shop.run(), "failed");
  assert.equal(await shop.run(), "failed");
  assert.equal(await shop.charges(), 0);
});
