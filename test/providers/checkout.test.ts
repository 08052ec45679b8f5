import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Checkout } from "checkout-sdk-node";
import type { Effect } from "../../src/core/effect.ts";
import {
  CHECKOUT_FACTS,
  type CheckoutDecline,
  type CheckoutSdk,
  checkoutEffects,
} from "../../src/providers/checkout.ts";
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

const OPTIONS = { account: "cli_shop", timeoutMs: TIMEOUT_MS };
const SECRET = "sk_sbox_abcdefghijklmnopqrstuvwxyz2";
const CHARGE = {
  amount: 1999,
  currency: "EUR",
  source: { id: "src_abcdefghijklmnopqrstuvwxyz" },
  metadata: { order: "1" },
};

type HttpClient = "axios" | "fetch";

function clientOf(url: string, httpClient: HttpClient = "fetch"): CheckoutSdk {
  return new Checkout(SECRET, { host: `${url}/checkout`, httpClient });
}

type Made = { readonly id: string };

async function payment(context: TestContext): Promise<Subject<Made, CheckoutDecline>> {
  const ground = await groundOf(context, "checkout");
  const effect = checkoutEffects(clientOf(ground.url), OPTIONS).payment(CHARGE);
  return { ground, effect, endpoint: "POST /payments", kind: "charge" };
}

async function axiosPayment(context: TestContext): Promise<Subject<Made, CheckoutDecline>> {
  const subject = await payment(context);
  const effects = checkoutEffects(clientOf(subject.ground.url, "axios"), OPTIONS);
  return { ...subject, effect: effects.payment(CHARGE) };
}

async function refund(context: TestContext): Promise<Subject<Made, CheckoutDecline>> {
  const ground = await groundOf(context, "checkout");
  const effects = checkoutEffects(clientOf(ground.url), OPTIONS);
  const { id: paymentId } = await valueFrom(effects.payment(CHARGE), callWith(OTHER_KEY));
  const effect: Effect<Made, CheckoutDecline> = effects.refund({ paymentId, amount: 500 });
  return { ground, effect, endpoint: "POST /payments/:id/refunds", kind: "refund" };
}

async function capture(context: TestContext): Promise<Subject<Made, CheckoutDecline>> {
  const ground = await groundOf(context, "checkout");
  const effects = checkoutEffects(clientOf(ground.url), OPTIONS);
  const held = effects.payment({ ...CHARGE, capture: false });
  const { id: paymentId } = await valueFrom(held, callWith(OTHER_KEY));
  const effect = effects.capture({ paymentId });
  return { ground, effect, endpoint: "POST /payments/:id/captures", kind: "capture" };
}

losesAnswers("a payment", payment);
losesAnswers("a payment over axios", axiosPayment);
losesAnswers("a refund", refund);
losesAnswers("a capture", capture);
replays("a payment", payment);
replays("a refund", refund);
replays("a capture", capture);

test("a declined card is a decline, also when it is looked up", async (context) => {
  const { ground, effect, endpoint } = await payment(context);
  await ground.fault(endpoint, "decline");
  const ending = await attempt(effect);
  assert.ok("decline" in ending);
  assert.equal(ending.decline.code, "20051");
  assert.equal(ending.decline.message, "Insufficient Funds");
  const found = await effect.lookUp?.find(callWith());
  assert.deepEqual((found as { decline?: CheckoutDecline }).decline, ending.decline);
});

test("a payment is found by the key among others of the same reference", async (context) => {
  const { ground, endpoint } = await payment(context);
  const effects = checkoutEffects(clientOf(ground.url), OPTIONS);
  const order = effects.payment({ ...CHARGE, reference: "order 1 & more" });
  await valueFrom(order, callWith(OTHER_KEY));
  assert.equal(await order.lookUp?.find(callWith()), undefined);
  await ground.fault(endpoint, "reset-after");
  assert.equal(await verdictOf(order), "unanswered");
  const found = (await order.lookUp?.find(callWith())) as Made;
  const entries = await made(ground, "charge");
  assert.deepEqual(
    entries.map(({ id, reference }) => [id === found.id, reference]),
    [
      [false, "order 1 & more"],
      [true, "order 1 & more"],
    ],
  );
});

test("a failure is not kept, so a replay of it would be a second charge", async (context) => {
  const { ground, effect, endpoint } = await payment(context);
  await ground.fault(endpoint, "500-frozen-after");
  assert.equal(await verdictOf(effect), "failed");
  await valueFrom(effect);
  assert.equal((await made(ground, "charge")).length, 2);
  // That is why the runner may replay only after a look-up that had time to find the first.
  assert.deepEqual(effect.ways, ["look-up", "replay"]);
  assert.equal(effect.replayAfterFailure, false);
  assert.ok((effect.lookUp?.quietMs ?? 0) > 0);
  assert.equal(effect.lookUp?.absenceProves, undefined);
});

describe("what an error proves", () => {
  test("a request that Checkout.com or its SDK refuses is refused for good", async (context) => {
    const { ground } = await payment(context);
    const effects = checkoutEffects(clientOf(ground.url), OPTIONS);
    for (const wrong of [{ amount: -1 }, { amount: 1.5 }, { currency: "EURO" }])
      assert.equal(await verdictOf(effects.payment({ ...CHARGE, ...wrong })), "refused");
    const unknown = effects.refund({ paymentId: "pay_unknown" });
    assert.equal(await verdictOf(unknown), "refused");
    assert.equal((await made(ground, "charge")).length, 0);
    const { id: paymentId } = await valueFrom(effects.payment(CHARGE));
    const tooMuch = await attempt(effects.refund({ paymentId, amount: 2_000 }));
    assert.deepEqual(tooMuch, { kind: "refused", decline: { code: "action_not_allowed" } });
  });

  test("a key in use proves nothing", async (context) => {
    const { ground, effect, endpoint } = await payment(context);
    await ground.fault(endpoint, "409");
    assert.equal(await verdictOf(effect), "unanswered");
  });

  test("a refused connection is a proof where the SDK tells of it", async () => {
    const axios = checkoutEffects(clientOf(NOWHERE, "axios"), OPTIONS).payment(CHARGE);
    assert.equal(await verdictOf(axios), "not-executed");
    // Over fetch the SDK keeps no more than "fetch failed".
    const fetched = checkoutEffects(clientOf(NOWHERE), OPTIONS).payment(CHARGE);
    assert.equal(await verdictOf(fetched), "unanswered");
  });
});

test("the facts say what the effects do", () => {
  const effect = checkoutEffects(clientOf(NOWHERE), OPTIONS).payment(CHARGE);
  assert.equal(effect.keptForMs, CHECKOUT_FACTS.keptForMs);
  assert.equal(effect.lookUp?.quietMs, CHECKOUT_FACTS.lookUp?.lagMs);
  assert.deepEqual(effect.target, { provider: "checkout", kind: "payment", account: "cli_shop" });
});
