import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type AdyenEffects, adyenEffects } from "../../src/providers/adyen.ts";
import { adyenCheckout } from "./adyen-loopback.ts";
import { type Ground, groundOf } from "./attempt.ts";
import { oneStep } from "./one-step.ts";

const PAY = "POST /:version/payments";
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

interface Shop extends Ground {
  effectsIn(region: string): AdyenEffects;
}

async function shopOf(context: TestContext): Promise<Shop> {
  const ground = await groundOf(context, "adyen");
  const checkout = adyenCheckout(ground.url);
  const options = { account: "Shop", timeoutMs: 500 };
  return { ...ground, effectsIn: (region) => adyenEffects(checkout, { ...options, region }) };
}

const payIn = (shop: Shop, region = "EU") =>
  shop.effectsIn(region).payment({
    merchantAccount: "ShopECOM",
    amount: { value: 1999, currency: "EUR" },
    returnUrl: "https://shop.example/done",
    paymentMethod: { type: "scheme", encryptedCardNumber: "test_4111" },
  });

test("a lost answer is replayed for seven days, and then waits for a webhook", async (context) => {
  for (const [laterMs, kind] of [
    [MINUTE_MS, "succeeded"],
    [7 * DAY_MS, "in-doubt"],
  ] as const) {
    const shop = await shopOf(context);
    const { run, pass } = oneStep(shop, () => payIn(shop));
    await shop.fault(PAY, "timeout-after");
    assert.equal((await run()).kind, "in-doubt");
    await pass(laterMs);
    assert.equal((await run()).kind, kind);
    assert.equal((await shop.ledger()).length, 1);
  }
});

test("a kept error is not asked for again", async (context) => {
  const shop = await shopOf(context);
  const { run, pass, scene } = oneStep(shop, () => payIn(shop));
  await shop.fault(PAY, "500-frozen-after");
  assert.equal((await run()).kind, "in-doubt");
  await pass(MINUTE_MS);
  assert.equal((await run()).kind, "in-doubt");
  const begun = scene.events.filter(({ type }) => type === "step.begun");
  assert.equal(begun.length, 1);
});

test("after a transient error the operation runs again with its key", async (context) => {
  const shop = await shopOf(context);
  const { run, pass } = oneStep(shop, () => payIn(shop));
  await shop.fault(PAY, "503-before");
  assert.equal((await run()).kind, "retry-scheduled");
  await pass(MINUTE_MS);
  assert.equal((await run()).kind, "succeeded");
  assert.equal((await shop.ledger()).length, 1);
});

test("another region has not heard of the key, so nothing is sent there", async (context) => {
  const shop = await shopOf(context);
  let region = "EU";
  const { run, pass, scene } = oneStep(shop, () => payIn(shop, region));
  await shop.fault(PAY, "timeout-before");
  assert.equal((await run()).kind, "in-doubt");
  region = "US";
  await pass(MINUTE_MS);
  assert.equal((await run()).kind, "in-doubt");
  const begun = scene.events.filter(({ type }) => type === "step.begun");
  assert.equal(begun.length, 1);
  assert.equal((await shop.ledger()).length, 0);
});
