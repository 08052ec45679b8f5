import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SquareClient } from "square";
import type { Effect } from "../../src/core/effect.ts";
import { declined, refused } from "../../src/core/judgement.ts";
import { adyenEffects } from "../../src/providers/adyen.ts";
import { braintreeEffects } from "../../src/providers/braintree.ts";
import { checkoutEffects } from "../../src/providers/checkout.ts";
import { fetchEffect } from "../../src/providers/fetch.ts";
import { mollieEffects } from "../../src/providers/mollie.ts";
import { paypalEffects } from "../../src/providers/paypal.ts";
import { razorpayEffects } from "../../src/providers/razorpay.ts";
import { squareEffects } from "../../src/providers/square.ts";
import { stripeEffects } from "../../src/providers/stripe.ts";
import { adyenCheckout } from "./adyen-loopback.ts";
import { callWith, groundOf, valueFrom } from "./attempt.ts";
import { clientOf as mollieOf } from "./mollie-client.ts";
import { oneStep } from "./one-step.ts";
import { paypalClient } from "./paypal-loopback.ts";
import { braintreeOf, checkoutOf, razorpayOf } from "./sdks.ts";
import { CARD, CREATE, sdkOf } from "./stripe-scene.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const OPTIONS = { account: "shop", timeoutMs: 500 };
/** Where nothing is lost, a slow machine must not look like it. */
const PATIENT = { ...OPTIONS, timeoutMs: 20_000 };

type Impossible = Effect<object, { readonly code: string }>;

/** Of each provider: where requests go, one that is never accepted, and how that is said. */
const IMPOSSIBLE: Readonly<
  Record<
    string,
    readonly [
      endpoint: string,
      effect: (url: string, options: typeof OPTIONS) => Impossible,
      code: string,
      waitMs?: number,
    ]
  >
> = {
  stripe: [
    CREATE,
    (url, options) =>
      stripeEffects(sdkOf(url), { timeoutMs: options.timeoutMs }).paymentIntent({
        ...CARD,
        amount: -1,
      }),
    "parameter_invalid_integer",
  ],
  paypal: [
    "POST /v2/checkout/orders",
    (url, options) => {
      const payments = paypalEffects(() => paypalClient(url), options);
      return payments.createOrder({ intent: "CAPTURE", purchase_units: [] });
    },
    "MISSING_REQUIRED_PARAMETER",
  ],
  adyen: [
    "POST /:version/payments",
    (url, options) =>
      adyenEffects(adyenCheckout(url), { ...options, region: "EU" }).payment({
        ...{ merchantAccount: "ShopECOM", returnUrl: "https://shop.example/done" },
        ...{ amount: { value: 0, currency: "EUR" }, paymentMethod: { type: "scheme" } },
      }),
    "100",
  ],
  square: [
    "POST /v2/payments",
    (url, options) => {
      const square = new SquareClient({ token: "EAAA_shop", baseUrl: url });
      const amountMoney = { amount: 1999, currency: "EUR" };
      return squareEffects(square, options).payment({ sourceId: "", amountMoney });
    },
    "MISSING_REQUIRED_PARAMETER",
  ],
  mollie: [
    "POST /v2/payments",
    (url, options) => {
      const amount = { currency: "EUR", value: "0.00" };
      return mollieEffects(mollieOf(url), options).payment({ amount, description: "Order 1" });
    },
    "Unprocessable Entity",
  ],
  braintree: [
    "POST /merchants/:merchant/transactions",
    (url, options) => {
      const effects = braintreeEffects(braintreeOf(url), { ...options, apiRequestKeys: true });
      return effects.sale({ amount: "nothing", paymentMethodNonce: "fake-valid-nonce" });
    },
    "81503",
  ],
  checkout: [
    "POST /payments",
    (url, options) =>
      checkoutEffects(checkoutOf(url), options).payment({ amount: -1, currency: "EUR" }),
    "amount_invalid",
    // It is sent again only once a look-up had its time.
    31 * MINUTE_MS,
  ],
  razorpay: [
    "POST /v1/payouts",
    (url, options) =>
      razorpayEffects(razorpayOf(url), options).payout({
        ...{ account_number: "7878780080316316", fund_account_id: "fa_1" },
        ...{ amount: 0, currency: "INR", mode: "IMPS", purpose: "refund" },
      }),
    "BAD_REQUEST_ERROR",
    11 * MINUTE_MS,
  ],
  plain: [
    "POST /v1/charges",
    (url, options) =>
      fetchEffect({
        url: `${url}/v1/charges`,
        body: { amount: -1, currency: "eur" },
        timeoutMs: options.timeoutMs,
        read: () => ({}),
        readRefusal: ({ status, json }) => {
          const { error } = json() as { error: { code: string } };
          return status === 400 ? refused(error) : declined(error);
        },
      }),
    "request_invalid",
  ],
};

describe("a request that is refused for good", { concurrency: 3 }, () => {
  for (const [provider, [endpoint, effectOf, code, waitMs = MINUTE_MS]] of Object.entries(
    IMPOSSIBLE,
  )) {
    test(`${provider}: a decline at once, on the first send`, async (context) => {
      const ground = await groundOf(context, provider);
      const { run, scene } = oneStep(ground, () => effectOf(ground.url, PATIENT));
      const { kind, body } = await run();
      assert.deepEqual([kind, body], ["failed", { code }]);
      assert.equal(scene.events.filter(({ type }) => type === "step.begun").length, 1);
      assert.equal((await ground.ledger()).length, 0);
    });

    test(`${provider}: after a send that is in doubt, the doubt stays`, async (context) => {
      const ground = await groundOf(context, provider);
      const { run, pass, scene } = oneStep(ground, () => effectOf(ground.url, OPTIONS));
      await ground.fault(endpoint, "timeout-before");
      assert.equal((await run()).kind, "in-doubt");
      for (let sends = 2; sends <= 3; sends += 1) {
        await pass(waitMs);
        assert.equal((await run()).kind, "in-doubt");
      }
      const begun = scene.events.filter(({ type }) => type === "step.begun").length;
      assert.ok(begun > 1, "it was sent again, and refused");
      assert.equal((await ground.ledger()).length, 0);
    });
  }
});

test("a refusal that the first send has caused does not hide what it did", async (context) => {
  const ground = await groundOf(context, "stripe");
  const effects = stripeEffects(sdkOf(ground.url), { timeoutMs: 500 });
  const paid = await valueFrom(effects.paymentIntent(CARD), callWith("pay"));
  const { run, pass } = oneStep(ground, () => effects.refundOf(paid));
  await ground.fault("POST /v1/refunds", "timeout-after");
  assert.equal((await run()).kind, "in-doubt");
  // Stripe forgets the key too early, and then there is nothing left to refund.
  await ground.set({ retentionMs: 0 });
  await pass(MINUTE_MS);
  assert.equal((await run()).kind, "in-doubt");
  await pass(DAY_MS);
  assert.equal((await run()).kind, "succeeded");
  const refunds = (await ground.ledger()).filter(({ kind }) => kind === "refund");
  assert.equal(refunds.length, 1);
});
