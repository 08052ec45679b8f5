import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDeclined } from "../../src/core/judgement.ts";
import { STRIPE_FACTS, stripeEffects } from "../../src/providers/stripe.ts";
import { deaf } from "../model/sockets.ts";
import { attempt, callWith, deadUrl, type Ended, KEY, valueFrom } from "./attempt.ts";
import {
  CARD,
  CREATE,
  declineCode,
  sdkOf,
  stripeScene,
  TIMEOUT_MS,
  verdict,
} from "./stripe-scene.ts";

const OTHER_KEY = "0198c0de-0000-8000-8000-000000000002";

/** What became of one send, and of the same one again, and what stands in the standing then. */
const SENDS = [
  [["timeout-before"], "unanswered", "value", 1],
  [["timeout-after"], "unanswered", "value", 1],
  // The SDK itself sends once more after a closed connection, with the same key.
  [["reset-before"], "value", "value", 1],
  [["reset-after"], "value", "value", 1],
  [["reset-before", "reset-before"], "unanswered", "value", 1],
  [["reset-after", "reset-after"], "unanswered", "value", 1],
  [["truncated"], "unanswered", "value", 1],
  [["500-before"], "failed", "value", 1],
  [["500-after"], "failed", "value", 1],
  [["500-frozen-before"], "failed", "frozen", 0],
  [["500-frozen-after"], "failed", "frozen", 1],
  [["503-before"], "failed", "value", 1],
  [["429"], "not-executed", "value", 1],
  [["409"], "unanswered", "value", 1],
  [["late:600"], "unanswered", "value", 1],
  [["decline"], "declined", "declined", 0],
] as const;

describe("a payment intent whose answer goes astray, and the same again", () => {
  for (const [faults, first, second, charged] of SENDS)
    test(faults.join(" and "), async (context) => {
      const { effects, fault, standing } = await stripeScene(context, patienceFor(faults[0]));
      const effect = effects.paymentIntent(CARD);
      await fault(CREATE, ...faults);
      const sent = await attempt(effect);
      assert.equal(wordOf(sent), first);
      const again = await attempt(effect);
      assert.equal(wordOf(again), second);
      if (first === "value") assert.deepEqual(again, sent);
      assert.deepEqual(await attempt(effect), again);
      assert.equal((await standing("charge")).length, charged);
    });
});

/** The SDK sleeps half a second before its second try. */
function patienceFor(fault: string): { readonly timeoutMs: number } {
  return { timeoutMs: fault.startsWith("reset") ? TIMEOUT_MS : 500 };
}

const wordOf = (ended: Ended<unknown, unknown>): string =>
  ended.kind === "in-doubt" ? ended.because : ended.kind;

test("what the SDK's own second try is told proves nothing of the first", async (context) => {
  for (const last of ["429", "503-before"]) {
    const { effects, fault, standing } = await stripeScene(context);
    await fault(CREATE, "reset-after", last);
    const judged = await verdict(effects.paymentIntent(CARD));
    assert.equal(judged, last === "429" ? "unanswered" : "failed");
    assert.equal((await standing("charge")).length, 1);
  }
});

test("the value is small, and its status is what it is", async (context) => {
  const { effects } = await stripeScene(context);
  const paid = await valueFrom(effects.paymentIntent(CARD));
  assert.deepEqual(Object.keys(paid), [
    ...["id", "status", "amount", "currency", "charge", "clientSecret"],
  ]);
  assert.equal(paid.status, "succeeded");
  assert.match(paid.id, /^pi_/);
  const asked = { ...CARD, payment_method: "pm_card_authenticationRequired" };
  const asks = await valueFrom(effects.paymentIntent(asked), callWith(OTHER_KEY));
  assert.equal(asks.status, "requires_action");
  assert.ok(asks.clientSecret);
  const bank = {
    ...CARD,
    payment_method: "pm_usBankAccount",
    payment_method_types: ["us_bank_account"],
  };
  const waits = await valueFrom(effects.paymentIntent(bank), callWith("third-key"));
  assert.equal(waits.status, "processing");
});

test("a decline says why, and a look-up finds the same decline", async (context) => {
  const { effects } = await stripeScene(context);
  const poor = { ...CARD, payment_method: "pm_card_chargeDeclinedInsufficientFunds" };
  const effect = effects.paymentIntent(poor);
  const ending = await attempt(effect);
  assert.ok(ending.kind === "declined", JSON.stringify(ending));
  assert.equal(ending.decline.code, "card_declined");
  assert.equal(ending.decline.declineCode, "insufficient_funds");
  assert.match(ending.decline.paymentIntent ?? "", /^pi_/);
  const found = await effect.lookUp?.find(callWith());
  assert.ok(isDeclined(found));
  assert.deepEqual(found.decline, ending.decline);
});

test("a look-up finds a payment once the index has it, in its newest state", async (context) => {
  const { effects, set, advance, stripe } = await stripeScene(context);
  await set({ indexLagMs: 60_000 });
  const effect = effects.paymentIntent({ ...CARD, capture_method: "manual" });
  const { id } = await valueFrom(effect);
  assert.equal(await effect.lookUp?.find(callWith()), undefined);
  assert.ok((effect.lookUp?.quietMs ?? 0) >= (STRIPE_FACTS.lookUp?.lagMs ?? Infinity));
  assert.equal(effect.lookUp?.absenceProves, undefined);
  await advance(60_000);
  await stripe.paymentIntents.capture(id);
  const found = await effect.lookUp?.find(callWith());
  assert.deepEqual(found, await effect.retrieve?.(id, callWith()));
  assert.equal(Reflect.get(Object(found), "status"), "succeeded");
  assert.equal(await effect.lookUp?.find(callWith(OTHER_KEY)), undefined);
});

test("a forgotten key would charge again, and a look-up still finds the first", async (context) => {
  const { effects, advance, standing } = await stripeScene(context);
  const effect = effects.paymentIntent(CARD);
  const { id } = await valueFrom(effect);
  assert.equal(effect.keptForMs, STRIPE_FACTS.keptForMs);
  await advance(effect.keptForMs ?? 0);
  const found = await effect.lookUp?.find(callWith());
  assert.equal(Reflect.get(Object(found), "id"), id);
  assert.notEqual((await valueFrom(effect)).id, id);
  assert.equal((await standing("charge")).length, 2);
  await assert.rejects(async () => effect.lookUp?.find(callWith()), /Several objects/);
});

test("our key with other parameters proves that it was used", async (context) => {
  const { effects, standing } = await stripeScene(context);
  await valueFrom(effects.paymentIntent(CARD));
  const other = await verdict(effects.paymentIntent({ ...CARD, amount: 2000 }));
  assert.equal(other, "frozen");
  const elsewhere = await verdict(
    effects.charge({ amount: 1, currency: "eur", source: "tok_visa" }),
  );
  assert.equal(elsewhere, "frozen");
  assert.equal((await standing("charge")).length, 1);
});

test("authorise, capture and refund: each once", async (context) => {
  const { effects, standing, stripe } = await stripeScene(context);
  const hold = { ...CARD, capture_method: "manual" } as const;
  const { id } = await valueFrom(effects.paymentIntent(hold), callWith("pay"));
  const capture = effects.capture(id, { amount_to_capture: 1500 });
  assert.equal(await capture.lookUp?.find(callWith("capture")), undefined);
  const captured = await valueFrom(capture, callWith("capture"));
  assert.deepEqual(await capture.lookUp?.find(callWith("capture")), captured);
  assert.equal(await capture.lookUp?.find(callWith("another")), undefined);
  assert.deepEqual(captured, await valueFrom(capture, callWith("capture")));
  assert.deepEqual(await capture.retrieve?.(id, callWith("capture")), captured);
  const { metadata } = await stripe.paymentIntents.retrieve(id);
  const marks = { order: "7", nevertwice_key: "pay", nevertwice_capture_key: "capture" };
  assert.deepEqual(metadata, marks);
  const refund = effects.refundOf(captured);
  const refunded = await valueFrom(refund, callWith("refund"));
  assert.deepEqual(refunded, await valueFrom(refund, callWith("refund")));
  assert.equal(refunded.paymentIntent, id);
  assert.deepEqual(await refund.lookUp?.find(callWith("refund")), refunded);
  assert.equal(await declineCode(refund, "again"), "charge_already_refunded");
  assert.equal((await standing("refund")).length, 1);
});

test("a refund is found among many, page by page", async (context) => {
  const { effects, stripe } = await stripeScene(context);
  const { id } = await valueFrom(effects.paymentIntent(CARD));
  const refund = effects.refund({ payment_intent: id, amount: 3 });
  const first = await valueFrom(refund, callWith("refund"));
  for (let count = 0; count < 101; count += 1)
    await stripe.refunds.create({ payment_intent: id, amount: 1 });
  assert.deepEqual(await refund.lookUp?.find(callWith("refund")), first);
});

test("a charge by the older API, taken back", async (context) => {
  const { effects, standing } = await stripeScene(context);
  const effect = effects.charge({ amount: 500, currency: "eur", source: "tok_visa" });
  const charged = await valueFrom(effect);
  assert.deepEqual(await effect.lookUp?.find(callWith()), charged);
  assert.deepEqual(await effect.retrieve?.(charged.id, callWith()), charged);
  const bad = effects.charge({ amount: 500, currency: "eur", source: "tok_chargeDeclined" });
  assert.equal(await declineCode(bad, OTHER_KEY), "card_declined");
  await valueFrom(effects.refundOf(charged), callWith("refund"));
  assert.equal((await standing("refund")).length, 1);
});

test("cancel is found by the state that it leads to", async (context) => {
  const { effects } = await stripeScene(context);
  const hold = { ...CARD, capture_method: "manual" } as const;
  const { id } = await valueFrom(effects.paymentIntent(hold));
  const cancel = effects.cancel(id);
  assert.equal(await cancel.lookUp?.find(callWith("cancel")), undefined);
  const canceled = await valueFrom(cancel, callWith("cancel"));
  assert.equal(canceled.status, "canceled");
  assert.deepEqual(await cancel.lookUp?.find(callWith("other")), canceled);
  const late = await declineCode(effects.capture(id), "capture");
  assert.equal(late, "payment_intent_unexpected_state");
});

test("nobody there, a foreign secret and a send that is too late leave no doubt", async (context) => {
  const { effects, standing, url } = await stripeScene(context);
  const closed = stripeEffects(sdkOf(await deadUrl())).paymentIntent(CARD);
  assert.equal(await verdict(closed), "not-executed");
  const foreign = stripeEffects(sdkOf(url, "nobody")).paymentIntent(CARD);
  assert.equal(await verdict(foreign), "not-executed");
  const late = { ...callWith(), checkTime: () => assert.fail("too late") };
  await assert.rejects(async () => effects.paymentIntent(CARD).send(late), /too late/);
  assert.equal((await standing("charge")).length, 0);
});

test("a connection that never stands is waited for no longer than any other", async (context) => {
  const { url } = await deaf(context);
  const effect = stripeEffects(sdkOf(url), { timeoutMs: 200 }).paymentIntent(CARD);
  const before = performance.now();
  assert.equal(await verdict(effect), "unanswered");
  assert.ok(performance.now() - before < 10 * TIMEOUT_MS);
});

test("a connected account has its own payments, and its name in the target", async (context) => {
  const scene = await stripeScene(context);
  const connected = stripeEffects(scene.stripe, { account: "acct_7" });
  const effect = connected.paymentIntent(CARD);
  assert.deepEqual(effect.target, {
    provider: "stripe",
    kind: "payment_intent",
    account: "acct_7",
  });
  const { id } = await valueFrom(effect);
  await assert.rejects(scene.stripe.paymentIntents.retrieve(id), /No such/);
  assert.equal(Reflect.get(Object(await effect.lookUp?.find(callWith())), "id"), id);
});

test("the stored request has neither the key nor the mark", async (context) => {
  const { effects, stripe } = await stripeScene(context);
  const effect = effects.paymentIntent(CARD);
  assert.deepEqual(effect.input, CARD);
  const { id } = await valueFrom(effect);
  const { metadata } = await stripe.paymentIntents.retrieve(id);
  assert.deepEqual(metadata, { order: "7", nevertwice_key: KEY });
});
