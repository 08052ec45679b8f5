import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import Razorpay from "razorpay";
import type { Effect } from "../../src/core/effect.ts";
import {
  RAZORPAY_FACTS,
  type RazorpayDecline,
  type RazorpayHttp,
  razorpayEffects,
} from "../../src/providers/razorpay.ts";
import { attempt, callWith, groundOf, valueFrom } from "./attempt.ts";
import {
  losesAnswers,
  made,
  NOWHERE,
  OTHER_KEY,
  replays,
  type Subject,
  TIMEOUT_MS,
  verdictOf,
} from "./lost-answers.ts";

const OPTIONS = { account: "acc_shop", timeoutMs: TIMEOUT_MS };
const MONEY = { amount: 1999, currency: "INR" };
const PAYOUT = {
  ...MONEY,
  account_number: "7878780080316316",
  fund_account_id: "fa_1",
  mode: "IMPS",
  purpose: "refund",
};

interface Client {
  readonly api: { readonly rq: RazorpayHttp & { readonly defaults: { baseURL?: string } } };
}

/** The SDK's own types leave out the HTTP client that its instance holds. */
function clientOf(url: string): Client {
  const client = new Razorpay({ key_id: "rzp_test_shop", key_secret: "s" }) as unknown as Client;
  client.api.rq.defaults.baseURL = `${url}/razorpay`;
  return client;
}

type Made = { readonly id: string };

async function refund(context: TestContext): Promise<Subject<Made, RazorpayDecline>> {
  const ground = await groundOf(context, "razorpay");
  const client = clientOf(ground.url);
  const { data } = await client.api.rq.post("/v1/payments/create/json", MONEY);
  const { razorpay_payment_id: paymentId } = data as { razorpay_payment_id: string };
  const effect: Effect<Made, RazorpayDecline> = razorpayEffects(client, OPTIONS).refund({
    paymentId,
    amount: 500,
    notes: { order: "1" },
  });
  return { ground, effect, endpoint: "POST /v1/payments/:id/refund", kind: "refund" };
}

async function payout(context: TestContext): Promise<Subject<Made, RazorpayDecline>> {
  const ground = await groundOf(context, "razorpay");
  const effect = razorpayEffects(clientOf(ground.url), OPTIONS).payout(PAYOUT);
  return { ground, effect, endpoint: "POST /v1/payouts", kind: "payout" };
}

losesAnswers("a refund", refund);
losesAnswers("a payout", payout);
replays("a refund", refund);
replays("a payout", payout);

test("a payout that failed is a decline, and stays one under its key", async (context) => {
  const { ground, effect, endpoint } = await payout(context);
  await ground.fault(endpoint, "decline");
  const ending = await attempt(effect);
  assert.ok("decline" in ending);
  assert.equal(ending.decline.code, "failed");
  assert.equal(ending.decline.message, "The bank refused.");
  assert.deepEqual(await attempt(effect), ending);
  const found = await effect.lookUp?.find(callWith());
  assert.deepEqual((found as { decline?: RazorpayDecline }).decline, ending.decline);
});

test("a payout exists while it is processing", async (context) => {
  const { ground, effect } = await payout(context);
  assert.deepEqual(await valueFrom(effect), {
    id: (await made(ground, "payout"))[0]?.id,
    status: "processing",
    ...MONEY,
  });
});

test("an order has no key and is found by its receipt", async (context) => {
  const ground = await groundOf(context, "razorpay");
  const effect = razorpayEffects(clientOf(ground.url), OPTIONS).order(MONEY);
  assert.equal(effect.keyed, false);
  await ground.fault("POST /v1/orders", "reset-before", "reset-after");
  assert.equal(await verdictOf(effect), "unanswered");
  assert.equal(await effect.lookUp?.find(callWith()), undefined);
  assert.equal(await verdictOf(effect), "unanswered");
  const found = (await effect.lookUp?.find(callWith())) as Made;
  assert.deepEqual(await effect.retrieve?.(found.id, callWith()), found);
  assert.equal(await effect.lookUp?.find(callWith(OTHER_KEY)), undefined);
});

describe("what an error proves", () => {
  test("a request that Razorpay refuses is refused for good", async (context) => {
    const { ground } = await payout(context);
    const effects = razorpayEffects(clientOf(ground.url), OPTIONS);
    const wrong = effects.payout({ ...PAYOUT, amount: 0 });
    assert.equal(await verdictOf(wrong), "refused");
    const unknown = effects.refund({ paymentId: "pay_unknown" });
    assert.equal(await verdictOf(unknown), "refused");
    // A key of ours fits; a shorter one is refused before anything happens.
    assert.equal(await verdictOf(effects.payout(PAYOUT), callWith("abc")), "refused");
    assert.equal((await made(ground, "payout")).length, 0);
  });

  test("another payload under our key proves that the key was used", async (context) => {
    const { ground, effect } = await payout(context);
    await attempt(effect);
    const effects = razorpayEffects(clientOf(ground.url), OPTIONS);
    const other = effects.payout({ ...PAYOUT, amount: 2000 });
    assert.equal(await verdictOf(other), "frozen");
    assert.equal((await made(ground, "payout")).length, 1);
  });

  test("a key in use proves nothing", async (context) => {
    const { ground, effect, endpoint } = await payout(context);
    await ground.fault(endpoint, "409");
    assert.equal(await verdictOf(effect), "unanswered");
  });

  test("a refused connection is a proof", async () => {
    const effect = razorpayEffects(clientOf(NOWHERE), OPTIONS).payout(PAYOUT);
    assert.equal(await verdictOf(effect), "not-executed");
  });

  test("a claim that was lost stops the waiting", async (context) => {
    const { ground, effect, endpoint } = await payout(context);
    await ground.fault(endpoint, "timeout-before");
    const gone = { ...callWith(), signal: AbortSignal.abort(new Error("gone")) };
    assert.equal(await verdictOf(effect, gone), "unanswered");
    assert.equal((await made(ground, "payout")).length, 0);
  });
});

test("a failure is looked up before it is sent again", async (context) => {
  const { ground, effect, endpoint } = await payout(context);
  await ground.fault(endpoint, "500-frozen-after");
  assert.equal(await verdictOf(effect), "failed");
  assert.deepEqual(effect.ways, ["look-up", "replay"]);
  assert.equal(effect.replayAfterFailure, false);
  assert.ok((await effect.lookUp?.find(callWith())) !== undefined);
});

test("the facts say what the effects do", () => {
  const effect = razorpayEffects(clientOf(NOWHERE), OPTIONS).payout(PAYOUT);
  assert.equal(RAZORPAY_FACTS.keptForMs, undefined);
  assert.ok((effect.keptForMs ?? 0) > (effect.lookUp?.quietMs ?? 0));
  assert.deepEqual(effect.target, { provider: "razorpay", kind: "payout", account: "acc_shop" });
});
