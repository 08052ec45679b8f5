import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  ADYEN_FACTS,
  type AdyenEffects,
  type AdyenOptions,
  type AdyenPaymentRequest,
  adyenEffects,
} from "../../src/providers/adyen.ts";
import { adyenCheckout } from "./adyen-loopback.ts";
import { attempt, callWith, deadUrl, type Ground, groundOf, KEY, valueFrom } from "./attempt.ts";

const PAY = "POST /:version/payments";
const amount = { value: 1999, currency: "EUR" };
const merchantAccount = "ShopECOM";
const REQUEST: AdyenPaymentRequest = {
  merchantAccount,
  amount,
  returnUrl: "https://shop.example/done",
  paymentMethod: { type: "scheme", encryptedCardNumber: "test_4111", holderName: "Ada" },
};

interface Shop extends Ground {
  readonly payments: AdyenEffects;
}

async function shopOf(context: TestContext, timeoutMs = 2_000): Promise<Shop> {
  const ground = await groundOf(context, "adyen");
  const options = { account: "Shop", region: "EU", timeoutMs };
  return { ...ground, payments: adyenEffects(adyenCheckout(ground.url), options) };
}

test("a payment is captured and refunded", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  const paid = await valueFrom(payment);
  assert.deepEqual(paid, {
    ...{
      pspReference: paid.pspReference,
      resultCode: "Authorised",
      merchantReference: KEY,
      amount,
    },
  });
  const paymentPspReference = payment.reference?.(paid) ?? "";
  const change = { paymentPspReference, merchantAccount, amount };
  const captured = await valueFrom(shop.payments.capture(change), callWith("capture"));
  const refund = shop.payments.refund({ ...change, reference: "refund-7" });
  const refunded = await valueFrom(refund, callWith("refund"));
  assert.deepEqual(await valueFrom(refund, callWith("refund")), refunded);
  assert.equal(captured.status, "received");
  assert.equal(refunded.paymentPspReference, paymentPspReference);
  assert.deepEqual(
    (await shop.ledger()).map(({ kind, amount, reference }) => ({ kind, amount, reference })),
    [
      { kind: "payment", amount: 1999, reference: KEY },
      { kind: "capture", amount: 1999, reference: "capture" },
      { kind: "refund", amount: 1999, reference: "refund-7" },
    ],
  );
});

test("a payment is canceled", async (context) => {
  const shop = await shopOf(context);
  const { pspReference = "" } = await valueFrom(shop.payments.payment(REQUEST));
  const cancel = { paymentPspReference: pspReference, merchantAccount };
  await valueFrom(shop.payments.cancel(cancel), callWith("cancel"));
  assert.deepEqual(
    (await shop.ledger()).map(({ status }) => status),
    ["canceled"],
  );
});

test("what is not paid yet is a value", async (context) => {
  const shop = await shopOf(context);
  const ideal = { ...REQUEST, paymentMethod: { type: "ideal" } };
  const redirected = await valueFrom(shop.payments.payment(ideal));
  assert.equal(redirected.resultCode, "RedirectShopper");
  assert.equal((redirected.action as { type: string }).type, "redirect");
  assert.equal(redirected.pspReference, undefined);
  const paymentMethod = { ...REQUEST.paymentMethod, holderName: "PENDING" };
  const pending = shop.payments.payment({ ...REQUEST, paymentMethod });
  assert.equal((await valueFrom(pending, callWith("pending"))).resultCode, "Pending");
});

test("an answer that was lost comes again with the same key", async (context) => {
  for (const fault of ["timeout-after", "reset-after", "truncated"]) {
    const shop = await shopOf(context, 300);
    const payment = shop.payments.payment(REQUEST);
    await shop.fault(PAY, fault);
    assert.deepEqual(await attempt(payment), { kind: "in-doubt", because: "unanswered" }, fault);
    assert.equal((await valueFrom(payment)).resultCode, "Authorised", fault);
    assert.equal((await shop.ledger()).length, 1, fault);
  }
  for (const fault of ["timeout-before", "reset-before"]) {
    const shop = await shopOf(context, 300);
    const payment = shop.payments.payment(REQUEST);
    await shop.fault(PAY, fault);
    assert.deepEqual(await attempt(payment), { kind: "in-doubt", because: "unanswered" }, fault);
    assert.equal((await shop.ledger()).length, 0, fault);
    await valueFrom(payment);
  }
});

test("an error that Adyen keeps is frozen, with the money moved or not", async (context) => {
  for (const fault of ["500-frozen-after", "500-frozen-before"]) {
    const shop = await shopOf(context);
    const payment = shop.payments.payment(REQUEST);
    await shop.fault(PAY, fault);
    assert.deepEqual(await attempt(payment), { kind: "in-doubt", because: "frozen" }, fault);
    assert.deepEqual(await attempt(payment), { kind: "in-doubt", because: "frozen" }, fault);
    assert.equal((await shop.ledger()).length, fault === "500-frozen-after" ? 1 : 0);
  }
  const shop = await shopOf(context);
  const paymentMethod = { ...REQUEST.paymentMethod, holderName: "ACQUIRER_ERROR" };
  const ended = await attempt(shop.payments.payment({ ...REQUEST, paymentMethod }));
  assert.deepEqual(ended, { kind: "in-doubt", because: "frozen" });
});

test("a transient error proves that nothing happened, and the key stays free", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  await shop.fault(PAY, "503-before");
  assert.equal((await attempt(payment)).kind, "not-executed");
  await valueFrom(payment);
});

test("a request in progress is called transient too, and proves nothing", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  await shop.fault(PAY, "slow:400");
  const both = await Promise.all([attempt(payment), attempt(payment)]);
  const ends = both.map((end) => (end.kind === "in-doubt" ? end.because : end.kind)).toSorted();
  assert.deepEqual(ends, ["unanswered", "value"]);
  assert.equal((await shop.ledger()).length, 1);
});

test("a refusal of the card is a decline, and stays one", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  await shop.fault(PAY, "decline");
  const decline = { code: "Refused", reason: "Refused", reasonCode: "2" };
  assert.deepEqual(await attempt(payment), { kind: "declined", decline });
  assert.deepEqual(await attempt(payment), { kind: "declined", decline });
});

test("what never left, and what is refused before it begins, is a proof", async (context) => {
  const shop = await shopOf(context);
  const options = { account: "Shop", region: "EU" };
  const nowhere = adyenEffects(adyenCheckout(await deadUrl()), options);
  assert.equal((await attempt(nowhere.payment(REQUEST))).kind, "not-executed");
  const stranger = adyenEffects(adyenCheckout(shop.url, "none"), options);
  assert.equal((await attempt(stranger.payment(REQUEST))).kind, "not-executed");
  const bad = await attempt(shop.payments.payment({ ...REQUEST, reference: "" }));
  const decline = { code: "130", reason: "Reference Missing" };
  assert.deepEqual(bad, { kind: "refused", decline });
  await shop.fault(PAY, "429");
  const limited = await attempt(shop.payments.payment(REQUEST));
  assert.deepEqual(limited, { kind: "in-doubt", because: "unanswered" });
});

test("account and region are asked for, and named, so that a change parks", async (context) => {
  const shop = await shopOf(context);
  const checkout = adyenCheckout(shop.url);
  const { target } = shop.payments.payment(REQUEST);
  assert.deepEqual(target, { provider: "adyen", kind: "payment", account: "Shop", region: "EU" });
  for (const options of [
    { account: "Shop", region: "" },
    { account: "", region: "EU" },
  ])
    assert.throws(() => adyenEffects(checkout, options), /region/);
  assert.throws(() => adyenEffects(checkout, undefined as unknown as AdyenOptions), /region/);
});

test("a key that Adyen has forgotten pays again, so it is not replayed then", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  const paid = await valueFrom(payment);
  const keptForMs = payment.keptForMs ?? 0;
  assert.equal(keptForMs, ADYEN_FACTS.keptForMs);
  await shop.advance(keptForMs - 1_000);
  assert.deepEqual(await valueFrom(payment), paid);
  await shop.advance(2_000);
  assert.notEqual((await valueFrom(payment)).pspReference, paid.pspReference);
});

test("an abort gives the call up", async (context) => {
  const shop = await shopOf(context, 60_000);
  await shop.fault(PAY, "timeout-after");
  const control = new AbortController();
  const ended = attempt(shop.payments.payment(REQUEST), callWith(KEY, control.signal));
  while ((await shop.ledger()).length === 0);
  control.abort();
  assert.deepEqual(await ended, { kind: "in-doubt", because: "unanswered" });
});
