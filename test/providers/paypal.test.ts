import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Effect } from "../../src/core/effect.ts";
import {
  PAYPAL_KEPT_FOR_MS,
  type PayPalDecline,
  type PayPalEffects,
  type PayPalOrder,
  paypalEffects,
} from "../../src/providers/paypal.ts";
import { memberOf } from "../../src/providers/sdk-answer.ts";
import { attempt, callWith, deadUrl, type Ground, groundOf, KEY, valueFrom } from "./attempt.ts";
import { paypalClient } from "./paypal-loopback.ts";

const CREATE = "POST /v2/checkout/orders";
const CAPTURE = "POST /v2/checkout/orders/:id/capture";
const REFUND = "POST /v2/payments/captures/:id/refund";
const TOKEN = "POST /v1/oauth2/token";
const amount = { currency_code: "EUR", value: "19.99" };

interface Shop extends Ground {
  readonly payments: PayPalEffects;
  /** The payer's part. */
  approve(order: PayPalOrder): Promise<void>;
  /** An order that its payer has approved. */
  approved(intent?: "CAPTURE" | "AUTHORIZE", more?: object): Promise<string>;
}

async function shopOf(context: TestContext, timeoutMs = 2_000): Promise<Shop> {
  const ground = await groundOf(context, "paypal");
  const payments = paypalEffects(() => paypalClient(ground.url), { timeoutMs, account: "shop" });
  let orders = 0;
  // The links name the host that the SDK asked for.
  const approve = async ({ approveUrl = "" }: PayPalOrder): Promise<void> => {
    const { pathname, search } = new URL(approveUrl);
    assert.equal((await fetch(ground.url + pathname + search)).status, 200);
  };
  return {
    ...ground,
    payments,
    approve,
    approved: async (intent = "CAPTURE", more = {}) => {
      orders += 1;
      const order = payments.createOrder({ intent, purchase_units: [{ amount, ...more }] });
      const made = await valueFrom(order, callWith(`order-${orders}`));
      await approve(made);
      return made.id;
    },
  };
}

function find(effect: Effect<PayPalOrder, PayPalDecline>): Promise<PayPalOrder | undefined> {
  return Promise.resolve(effect.lookUp?.find(callWith())) as Promise<PayPalOrder | undefined>;
}

test("an order is created, approved, captured and refunded", async (context) => {
  const shop = await shopOf(context);
  const order = shop.payments.createOrder({ intent: "CAPTURE", purchase_units: [{ amount }] });
  const made = await valueFrom(order);
  assert.equal(made.status, "CREATED");
  assert.deepEqual(made.captures, []);
  assert.equal(order.reference?.(made), made.id);

  const capture = shop.payments.captureOrder({ orderId: made.id });
  const early = await attempt(capture);
  assert.equal(early.kind === "refused" && early.decline.code, "ORDER_NOT_APPROVED");
  await shop.approve(made);
  const captured = await valueFrom(capture);
  assert.equal(captured.status, "COMPLETED");
  assert.deepEqual(captured.captures[0]?.amount, amount);
  assert.equal(capture.reference?.(captured), captured.captures[0]?.id);

  const captureId = captured.captures[0]?.id ?? "";
  const refund = shop.payments.refundCapture({ captureId, amount: { ...amount, value: "5.00" } });
  assert.equal((await valueFrom(refund)).status, "COMPLETED");
  const entries = await shop.ledger();
  assert.deepEqual(
    entries.map(({ kind, amount, reference }) => ({ kind, amount, reference })),
    [
      { kind: "capture", amount: 1999, reference: KEY },
      { kind: "refund", amount: 500, reference: KEY },
    ],
  );
});

test("an order is authorized and its authorization captured", async (context) => {
  const shop = await shopOf(context);
  const orderId = await shop.approved("AUTHORIZE");
  const authorize = shop.payments.authorizeOrder({ orderId });
  const [authorization] = (await valueFrom(authorize)).authorizations;
  assert.equal(authorization?.status, "CREATED");
  const authorizationId = authorization?.id ?? "";
  const capture = shop.payments.captureAuthorization({ authorizationId });
  const captured = await valueFrom(capture);
  // Within PayPal's memory of 45 days a replay tells how it stands, and captures nothing.
  await shop.advance(PAYPAL_KEPT_FOR_MS.payments - 1_000);
  assert.deepEqual(await valueFrom(capture), captured);
  assert.deepEqual(await capture.retrieve?.(captured.id, callWith()), captured);
  assert.deepEqual(
    (await shop.ledger()).map(({ kind, status }) => `${kind} ${status}`),
    ["authorization captured", "capture succeeded"],
  );
});

test("each API's own memory is what the effect says", async (context) => {
  const shop = await shopOf(context);
  const order = shop.payments.createOrder({ intent: "CAPTURE", purchase_units: [{ amount }] });
  const first = await valueFrom(order);
  await shop.advance((order.keptForMs ?? 0) - 1_000);
  assert.equal((await valueFrom(order)).id, first.id);
  await shop.advance(2_000);
  assert.notEqual((await valueFrom(order)).id, first.id, "the key is forgotten after six hours");
});

test("a lost answer to a capture is found at once in its order", async (context) => {
  for (const fault of ["timeout-after", "500-after", "reset-after", "truncated"]) {
    const shop = await shopOf(context, 300);
    const orderId = await shop.approved();
    const capture = shop.payments.captureOrder({ orderId });
    assert.deepEqual(capture.ways, ["look-up", "replay"]);
    await shop.fault(CAPTURE, fault);
    const because = fault === "500-after" ? "failed" : "unanswered";
    assert.deepEqual(await attempt(capture), { kind: "in-doubt", because }, fault);
    const found = await find(capture);
    assert.equal(found?.captures[0]?.status, "COMPLETED", fault);
    // A replay tells the same, and so does the refusal of a key that PayPal does not know.
    assert.deepEqual(await valueFrom(capture), found);
    assert.deepEqual(await valueFrom(capture, callWith("another-key")), found);
    assert.equal((await shop.ledger()).length, 1, fault);
  }
});

test("an answer that was lost before the capture leaves nothing to be found", async (context) => {
  for (const fault of ["timeout-before", "500-before", "reset-before", "503-before", "429"]) {
    const shop = await shopOf(context, 300);
    const orderId = await shop.approved();
    const capture = shop.payments.captureOrder({ orderId });
    await shop.fault(CAPTURE, fault);
    assert.equal((await attempt(capture)).kind, "in-doubt", fault);
    assert.equal(await find(capture), undefined, fault);
    assert.equal((await valueFrom(capture)).captures.length, 1);
    assert.equal((await shop.ledger()).length, 1, fault);
  }
});

test("a lost answer to the creation of an order is replayed as it stands then", async (context) => {
  const shop = await shopOf(context, 300);
  const order = shop.payments.createOrder({ intent: "CAPTURE", purchase_units: [{ amount }] });
  await shop.fault(CREATE, "timeout-after");
  assert.deepEqual(await attempt(order), { kind: "in-doubt", because: "unanswered" });
  const replayed = await valueFrom(order);
  await shop.approve(replayed);
  assert.equal((await valueFrom(order)).status, "APPROVED");
});

test("declines are values", async (context) => {
  const shop = await shopOf(context);
  const capture = shop.payments.captureOrder({ orderId: await shop.approved() });
  await shop.fault(CAPTURE, "decline");
  const ended = await attempt(capture);
  assert.equal(ended.kind === "declined" && ended.decline.code, "INSTRUMENT_DECLINED");
  const captureId = (await valueFrom(capture)).captures[0]?.id ?? "";
  await shop.fault(REFUND, "decline");
  const refund = await attempt(shop.payments.refundCapture({ captureId }));
  assert.equal(refund.kind === "refused" && refund.decline.code, "REFUND_NOT_ALLOWED");
});

test("a card that is declined with a 201 is declined, and no capture of anybody's", async (context) => {
  const shop = await shopOf(context);
  const order = shop.payments.createOrder({
    intent: "CAPTURE",
    purchase_units: [{ amount }],
    payment_source: { card: { name: "CCREJECT-REFUSED" } },
  });
  assert.deepEqual(await attempt(order), { kind: "declined", decline: { code: "DECLINED" } });
  const [entry] = await shop.ledger();
  assert.equal(entry?.status, "failed");
  const authorization = "Bearer A21AAsandbox.shop";
  const path = `${shop.url}/paypal/v2/payments/captures/${entry?.id}`;
  const capture = await (await fetch(path, { headers: { authorization } })).json();
  const orderId = String(memberOf(capture, "supplementary_data", "related_ids", "order_id"));
  assert.equal(await find(shop.payments.captureOrder({ orderId })), undefined);
  const refused = await attempt(shop.payments.captureOrder({ orderId }));
  assert.equal(refused.kind === "declined" && refused.decline.code, "ORDER_ALREADY_CAPTURED");
});

test("the invoice of another transaction is refused, one's own is not", async (context) => {
  const shop = await shopOf(context);
  const invoice = { invoice_id: "2026-1" };
  const first = await shop.approved("CAPTURE", invoice);
  const second = await shop.approved("CAPTURE", invoice);
  await valueFrom(shop.payments.captureOrder({ orderId: first }));
  const ended = await attempt(shop.payments.captureOrder({ orderId: second }));
  assert.equal(ended.kind === "refused" && ended.decline.code, "DUPLICATE_INVOICE_ID");
  // An order that pays at once may have been refused for its own first send.
  const atOnce = shop.payments.createOrder({
    intent: "CAPTURE",
    purchase_units: [{ amount, ...invoice }],
    payment_source: { card: { vault_id: "v1" } },
  });
  assert.equal((await attempt(atOnce)).kind, "refused");
  assert.equal((await shop.ledger()).length, 1);
});

test("a request that runs still leaves a doubt", async (context) => {
  const shop = await shopOf(context);
  const captureId = (
    await valueFrom(shop.payments.captureOrder({ orderId: await shop.approved() }))
  ).captures[0]?.id;
  const refund = shop.payments.refundCapture({ captureId: captureId ?? "" });
  await shop.fault(REFUND, "slow:500");
  const [first, second] = await Promise.all([attempt(refund), attempt(refund)]);
  const kinds = [first.kind, second.kind].toSorted();
  assert.deepEqual(kinds, ["in-doubt", "value"]);
  assert.equal((await valueFrom(refund)).status, "COMPLETED");
  assert.equal((await shop.ledger()).filter(({ kind }) => kind === "refund").length, 1);
});

test("a sign-in that fails proves that the request was not sent", async (context) => {
  const shop = await shopOf(context, 300);
  const order = { intent: "CAPTURE", purchase_units: [{ amount }] } as const;
  // The SDK's own retries of the sign-in are the merchant's: they hide nothing of ours.
  await shop.fault(TOKEN, "500-after", "500-after", "500-after");
  assert.equal((await attempt(shop.payments.createOrder(order))).kind, "not-executed");
  assert.equal((await attempt(shop.payments.createOrder(order))).kind, "value");

  const client = paypalClient(shop.url, "once");
  const stuck = paypalEffects(client, { account: "shop", timeoutMs: 300 });
  await shop.fault(TOKEN, "500-after", "500-after", "500-after");
  assert.equal((await attempt(stuck.createOrder(order))).kind, "not-executed");
  const again = await attempt(stuck.createOrder(order));
  assert.equal(again.kind, "not-executed", "the SDK keeps the failure of its sign-in");
});

test("a refused connection is a proof, and a malformed request is refused for good", async (context) => {
  const shop = await shopOf(context);
  const dead = await deadUrl();
  const nowhere = paypalEffects(() => paypalClient(dead), { account: "shop" });
  const order = { intent: "CAPTURE", purchase_units: [{ amount }] } as const;
  assert.equal((await attempt(nowhere.createOrder(order))).kind, "not-executed");
  const bad = { intent: "CAPTURE", purchase_units: [] } as const;
  assert.equal((await attempt(shop.payments.createOrder(bad))).kind, "refused");
  const unknown = shop.payments.captureOrder({ orderId: "NO-SUCH-ORDER" });
  assert.equal((await attempt(unknown)).kind, "refused");
});

test("our sends are made once, whatever the SDK is configured to repeat", async (context) => {
  const shop = await shopOf(context);
  const orderId = await shop.approved();
  await shop.fault(CAPTURE, "500-before");
  const ended = await attempt(shop.payments.captureOrder({ orderId }));
  assert.deepEqual(ended, { kind: "in-doubt", because: "failed" });
});

test("an abort gives the call up", async (context) => {
  const shop = await shopOf(context, 60_000);
  const control = new AbortController();
  const orderId = await shop.approved();
  await shop.fault(CAPTURE, "timeout-after");
  const ended = attempt(shop.payments.captureOrder({ orderId }), callWith(KEY, control.signal));
  while ((await shop.ledger()).length === 0);
  control.abort();
  assert.deepEqual(await ended, { kind: "in-doubt", because: "unanswered" });
});
