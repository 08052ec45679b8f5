import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SquareClient } from "square";
import { isDeclined, isNotExecuted } from "../../src/core/judgement.ts";
import {
  SQUARE_FACTS,
  SQUARE_KEPT_FOR_MS,
  type SquareEffects,
  type SquarePaymentRequest,
  squareEffects,
} from "../../src/providers/square.ts";
import { attempt, callWith, deadUrl, type Ground, groundOf, KEY, valueFrom } from "./attempt.ts";

const PAY = "POST /v2/payments";
const CANCEL = "POST /v2/payments/cancel";
const REFUND = "POST /v2/refunds";
const amountMoney = { amount: 1999, currency: "EUR" };
const OPTIONS = { account: "shop", timeoutMs: 2_000 };
const REQUEST: SquarePaymentRequest = { sourceId: "cnon:card-nonce-ok", amountMoney };

interface Shop extends Ground {
  readonly payments: SquareEffects;
}

async function shopOf(context: TestContext, timeoutMs = 2_000): Promise<Shop> {
  const ground = await groundOf(context, "square");
  const square = new SquareClient({ token: "EAAA_shop", baseUrl: ground.url });
  return { ...ground, payments: squareEffects(square, { ...OPTIONS, timeoutMs }) };
}

async function statuses(shop: Shop): Promise<string[]> {
  return (await shop.ledger()).map(({ kind, status }) => `${kind} ${status}`);
}

test("a payment and a refund", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment({ ...REQUEST, tipMoney: { amount: 100, currency: "EUR" } });
  const paid = await valueFrom(payment);
  assert.deepEqual(paid, { id: paid.id, status: "COMPLETED", ...amountMoney });
  assert.deepEqual(await valueFrom(payment), paid, "a replay is the same answer");
  assert.deepEqual(await payment.retrieve?.(paid.id, callWith()), paid);
  const refund = shop.payments.refund({ paymentId: paid.id, amountMoney });
  const refunded = await valueFrom(refund);
  assert.equal(refunded.status, "PENDING");
  assert.deepEqual(await valueFrom(refund), refunded);
  assert.deepEqual(await refund.retrieve?.(refunded.id, callWith()), refunded);
  assert.deepEqual(
    (await shop.ledger()).map(({ kind, amount, reference }) => ({ kind, amount, reference })),
    [
      { kind: "payment", amount: 2099, reference: KEY },
      { kind: "refund", amount: 1999, reference: paid.id },
    ],
  );
});

test("a payment whose answer was lost is found by its reference, then replayed", async (context) => {
  for (const fault of ["timeout-after", "500-after", "reset-after", "truncated"]) {
    const shop = await shopOf(context, 300);
    const payment = shop.payments.payment(REQUEST);
    await valueFrom(payment, callWith("another"));
    await shop.fault(PAY, fault);
    const because = fault === "500-after" ? "failed" : "unanswered";
    assert.deepEqual(await attempt(payment), { kind: "in-doubt", because }, fault);
    // The list lags; a miss proves nothing.
    await shop.set({ listLagMs: 60_000 });
    assert.equal(await payment.lookUp?.find(callWith()), undefined);
    await shop.set({ listLagMs: 0 });
    const found = await payment.lookUp?.find(callWith());
    assert.deepEqual(found, await valueFrom(payment), fault);
    assert.equal((await shop.ledger()).length, 2, fault);
  }
});

test("a payment whose request was lost is made by the replay", async (context) => {
  for (const fault of ["timeout-before", "500-before", "reset-before", "503-before", "429"]) {
    const shop = await shopOf(context, 300);
    const payment = shop.payments.payment(REQUEST);
    await shop.fault(PAY, fault);
    assert.equal((await attempt(payment)).kind, "in-doubt", fault);
    assert.equal(await payment.lookUp?.find(callWith()), undefined, fault);
    await valueFrom(payment);
    assert.equal((await shop.ledger()).length, 1, fault);
  }
});

test("the look-up goes through all pages and only through its own amount", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  const made = await valueFrom(payment);
  const later = Array.from({ length: 120 }, (_, index) => index);
  for (const index of later) await valueFrom(payment, callWith(`later-${index}`));
  assert.deepEqual(await payment.lookUp?.find(callWith()), made);
  const last = await payment.lookUp?.find(callWith("later-119"));
  assert.ok(last !== undefined && !isDeclined(last) && last.status === "COMPLETED");
  const dearer = shop.payments.payment({ ...REQUEST, amountMoney: { ...amountMoney, amount: 1 } });
  assert.equal(await dearer.lookUp?.find(callWith()), undefined);
});

test("to cancel an unknown key proves nothing, for a late request still lands", async (context) => {
  const shop = await shopOf(context, 200);
  const payment = shop.payments.payment({ ...REQUEST, autocomplete: false });
  await shop.fault(PAY, "late:400");
  assert.deepEqual(await attempt(payment), { kind: "in-doubt", because: "unanswered" });
  assert.equal(await payment.cancel?.(callWith()), undefined);
  while ((await shop.ledger()).length === 0);
  assert.deepEqual(await statuses(shop), ["payment authorized"], "it landed after the cancel");
  const proof = await payment.cancel?.(callWith());
  assert.ok(isNotExecuted(proof), "seen canceled, it is a proof");
  assert.deepEqual(await statuses(shop), ["payment canceled"]);
  // Without the sight of it there is none, although the cancelling itself succeeded.
  await shop.set({ listLagMs: 60_000 });
  assert.equal(await payment.cancel?.(callWith()), undefined);
});

test("a payment that is completed is not canceled, and found", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  const paid = await valueFrom(payment);
  await assert.rejects(async () => payment.cancel?.(callWith()));
  assert.deepEqual(await payment.lookUp?.find(callWith()), paid);
  await shop.fault(CANCEL, "500-before");
  await assert.rejects(async () => payment.cancel?.(callWith()));
  assert.deepEqual(await statuses(shop), ["payment succeeded"]);
});

test("a mismatch on our own key is frozen, and proves its use", async (context) => {
  const shop = await shopOf(context);
  await valueFrom(shop.payments.payment(REQUEST));
  const other = shop.payments.payment({ ...REQUEST, amountMoney: { ...amountMoney, amount: 5 } });
  assert.deepEqual(await attempt(other), { kind: "in-doubt", because: "frozen" });
  assert.equal((await shop.ledger()).length, 1);
});

test("a forgotten key would pay twice, so it is not replayed for as long", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  const paid = await valueFrom(payment);
  assert.equal(SQUARE_FACTS.keptForMs, undefined);
  assert.equal(payment.keptForMs, SQUARE_KEPT_FOR_MS);
  await shop.advance(SQUARE_KEPT_FOR_MS - 1_000);
  assert.deepEqual(await valueFrom(payment), paid);
  await shop.set({ retentionMs: SQUARE_KEPT_FOR_MS });
  await shop.advance(2_000);
  assert.notEqual((await valueFrom(payment)).id, paid.id);
});

test("declines are values, of cards and of refunds", async (context) => {
  const shop = await shopOf(context);
  const payment = shop.payments.payment(REQUEST);
  await shop.fault(PAY, "decline");
  const ended = await attempt(payment);
  assert.equal(ended.kind === "declined" && ended.decline.code, "GENERIC_DECLINE");
  const { id: paymentId } = await valueFrom(payment);
  await shop.fault(REFUND, "decline");
  const refund = await attempt(shop.payments.refund({ paymentId, amountMoney }));
  assert.equal(refund.kind === "declined" && refund.decline.code, "REFUND_DECLINED");
  const more = { ...amountMoney, amount: 5_000 };
  // It may be too much because of an earlier send; that is for the runner to know.
  const tooMuch = await attempt(shop.payments.refund({ paymentId, amountMoney: more }));
  assert.equal(tooMuch.kind === "refused" && tooMuch.decline.code, "REFUND_AMOUNT_INVALID");
});

test("what never left, and what is refused before it begins, is a proof", async (context) => {
  const { url } = await shopOf(context);
  const nowhere = new SquareClient({ token: "EAAA_shop", baseUrl: await deadUrl() });
  const stranger = new SquareClient({ token: "none", baseUrl: url });
  for (const square of [nowhere, stranger]) {
    const ended = await attempt(squareEffects(square, OPTIONS).payment(REQUEST));
    assert.equal(ended.kind, "not-executed", JSON.stringify(ended));
  }
  const square = new SquareClient({ token: "EAAA_shop", baseUrl: url });
  const bad = squareEffects(square, OPTIONS).payment({ ...REQUEST, sourceId: "" });
  assert.equal((await attempt(bad)).kind, "refused");
});

test("a key in use, and an abort, leave a doubt", async (context) => {
  const shop = await shopOf(context, 5_000);
  const payment = shop.payments.payment(REQUEST);
  await shop.fault(PAY, "409");
  assert.deepEqual(await attempt(payment), { kind: "in-doubt", because: "unanswered" });
  await shop.fault(PAY, "timeout-after");
  const control = new AbortController();
  const ended = attempt(payment, callWith(KEY, control.signal));
  while ((await shop.ledger()).length === 0);
  control.abort();
  assert.deepEqual(await ended, { kind: "in-doubt", because: "unanswered" });
});
