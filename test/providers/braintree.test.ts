import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, type TestContext, test } from "node:test";
import type { Effect } from "../../src/core/effect.ts";
import {
  BRAINTREE_FACTS,
  type BraintreeDecline,
  type BraintreeOptions,
  type BraintreeSdk,
  braintreeEffects,
} from "../../src/providers/braintree.ts";
import { attempt, callWith, groundOf, KEY, valueFrom } from "./attempt.ts";
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

interface Library {
  readonly Environment: new (server: string, port: string, authUrl: string, ssl: boolean) => object;
  readonly BraintreeGateway: new (config: object) => BraintreeSdk;
}

/** The SDK has no types of its own. */
const braintree = createRequire(import.meta.url)("braintree") as Library;

const OPTIONS = { timeoutMs: TIMEOUT_MS };
const KEYED = { ...OPTIONS, apiRequestKeys: true };
const SALE = {
  amount: "19.99",
  orderId: "order-1",
  paymentMethodNonce: "fake-valid-nonce",
  options: { submitForSettlement: true },
};

function gatewayOf(url: string): BraintreeSdk {
  const { hostname, port } = new URL(url);
  const environment = new braintree.Environment(hostname, port, "", false);
  const credentials = { merchantId: "shop", publicKey: "public", privateKey: "private" };
  return new braintree.BraintreeGateway({ environment, ...credentials });
}

type Made = { readonly id: string };
const SALES = "POST /merchants/:merchant/transactions";

function saleWith(options: BraintreeOptions) {
  return async (context: TestContext): Promise<Subject<Made, BraintreeDecline>> => {
    const ground = await groundOf(context, "braintree");
    const effect = braintreeEffects(gatewayOf(ground.url), options).sale(SALE);
    return { ground, effect, endpoint: SALES, kind: "charge" };
  };
}

function refundWith(options: BraintreeOptions) {
  return async (context: TestContext): Promise<Subject<Made, BraintreeDecline>> => {
    const ground = await groundOf(context, "braintree");
    const effects = braintreeEffects(gatewayOf(ground.url), options);
    const { id } = await valueFrom(effects.sale(SALE), callWith(OTHER_KEY));
    const effect: Effect<Made, BraintreeDecline> = effects.refund({
      transactionId: id,
      amount: "5.00",
      orderId: "refund-1",
    });
    const endpoint = "POST /merchants/:merchant/transactions/:id/refund";
    return { ground, effect, endpoint, kind: "refund" };
  };
}

losesAnswers("a sale", saleWith(OPTIONS));
losesAnswers("a refund", refundWith(OPTIONS));
replays("a sale with a key", saleWith(KEYED));
replays("a refund with a key", refundWith(KEYED));

test("without keys nothing is ever sent again", async (context) => {
  const { ground, effect } = await saleWith(OPTIONS)(context);
  await valueFrom(effect);
  await valueFrom(effect);
  // The second send was a second charge, so the effect says that it has no key.
  assert.equal((await made(ground, "charge")).length, 2);
  assert.equal(effect.keyed, false);
  assert.deepEqual(effect.ways, ["look-up"]);
  assert.equal(effect.lookUp?.absenceProves, undefined);
});

test("a sale is made under an order id of its own", async (context) => {
  const { ground, effect } = await saleWith(OPTIONS)(context);
  const sold = await valueFrom(effect);
  const [entry] = await made(ground, "charge");
  assert.equal(entry?.reference, `order-1-${KEY}`);
  assert.deepEqual(sold, {
    id: entry?.id,
    status: "submitted_for_settlement",
    amount: "19.99",
    currency: "USD",
  });
});

test("the search may lag behind", async (context) => {
  const { ground, effect, endpoint } = await saleWith(OPTIONS)(context);
  await ground.set({ indexLagMs: 60_000 });
  await ground.fault(endpoint, "reset-after");
  assert.equal(await verdictOf(effect), "unanswered");
  assert.equal(await effect.lookUp?.find(callWith()), undefined);
  await ground.advance(60_000);
  const found = (await effect.lookUp?.find(callWith())) as Made;
  assert.equal(found.id, (await made(ground, "charge"))[0]?.id);
});

test("a search that fails is no look-up that found nothing", async (context) => {
  const { ground, effect } = await saleWith(OPTIONS)(context);
  await ground.fault("POST /merchants/:merchant/transactions/advanced_search_ids", "500-before");
  await assert.rejects(async () => await effect.lookUp?.find(callWith()), { name: "serverError" });
});

test("a declined card is a decline, also when it is looked up", async (context) => {
  const { ground, effect, endpoint } = await saleWith(OPTIONS)(context);
  await ground.fault(endpoint, "decline");
  const ending = await attempt(effect);
  assert.ok("decline" in ending);
  assert.equal(ending.decline.code, "2001");
  assert.equal(ending.decline.message, "Insufficient Funds");
  const found = await effect.lookUp?.find(callWith());
  assert.deepEqual((found as { decline?: BraintreeDecline }).decline, ending.decline);
});

describe("a submission for settlement", () => {
  const authorize = async (context: TestContext) => {
    const ground = await groundOf(context, "braintree");
    const effects = braintreeEffects(gatewayOf(ground.url), OPTIONS);
    const sale = effects.sale({ ...SALE, options: {} });
    const { id: transactionId } = await valueFrom(sale, callWith(OTHER_KEY));
    const effect = effects.submitForSettlement({ transactionId, amount: "15.00" });
    return { ground, effect, transactionId };
  };

  test("is found by the transaction's status and amount", async (context) => {
    const { ground, effect, transactionId } = await authorize(context);
    assert.equal(await effect.lookUp?.find(callWith()), undefined);
    const endpoint = "PUT /merchants/:merchant/transactions/:id/submit_for_settlement";
    await ground.fault(endpoint, "reset-after");
    assert.equal(await verdictOf(effect), "unanswered");
    const found = await effect.lookUp?.find(callWith());
    const expected = { id: transactionId, status: "submitted_for_settlement", amount: "15.00" };
    assert.deepEqual(found, { ...expected, currency: "USD" });
    assert.deepEqual(
      (await made(ground, "charge")).map(({ amount, status }) => [amount, status]),
      [[1500, "succeeded"]],
    );
  });

  test("of another amount is not taken for ours", async (context) => {
    const { ground, effect, transactionId } = await authorize(context);
    const gateway = gatewayOf(ground.url);
    await gateway.transaction.submitForSettlement(transactionId, "19.99");
    assert.equal(await effect.lookUp?.find(callWith()), undefined);
    const ending = await attempt(effect);
    assert.equal("decline" in ending && ending.decline.code, "91507");
  });
});

describe("what an error proves", () => {
  test("a request that Braintree or its SDK refuses is refused for good", async (context) => {
    const { ground } = await saleWith(OPTIONS)(context);
    const gateway = gatewayOf(ground.url);
    const keyless = braintreeEffects(gateway, OPTIONS);
    const keyed = braintreeEffects(gateway, KEYED);
    for (const effects of [keyless, keyed]) {
      const wrong = await attempt(effects.sale({ ...SALE, amount: "nothing" }));
      assert.equal(wrong.kind === "refused" && wrong.decline.code, "81503");
    }
    const none = "refused";
    assert.equal(await verdictOf(keyless.sale({ ...SALE, unheardOf: 1 })), none);
    assert.equal(await verdictOf(keyless.refund({ transactionId: "unknown" })), none);
    assert.equal(await verdictOf(keyless.refund({ transactionId: "../x" })), none);
    assert.equal((await made(ground, "charge")).length, 0);
  });

  test("another payload under our key proves that the key was used", async (context) => {
    const { ground, effect } = await saleWith(KEYED)(context);
    await attempt(effect);
    const effects = braintreeEffects(gatewayOf(ground.url), KEYED);
    const other = effects.sale({ ...SALE, amount: "20.00" });
    assert.equal(await verdictOf(other), "frozen");
    assert.equal((await made(ground, "charge")).length, 1);
  });

  test("a key in use proves nothing", async (context) => {
    const { ground, effect, endpoint } = await saleWith(KEYED)(context);
    await ground.fault(endpoint, "409");
    assert.equal(await verdictOf(effect), "unanswered");
  });

  test("a refused connection is a proof", async () => {
    const effect = braintreeEffects(gatewayOf(NOWHERE), OPTIONS).sale(SALE);
    assert.equal(await verdictOf(effect), "not-executed");
  });
});

test("the facts say what the effects do", () => {
  const effect = braintreeEffects(gatewayOf(NOWHERE), OPTIONS).sale(SALE);
  assert.equal(BRAINTREE_FACTS.carrier, undefined);
  assert.equal(effect.lookUp?.quietMs, BRAINTREE_FACTS.lookUp?.lagMs);
  assert.deepEqual(effect.target, { provider: "braintree", kind: "sale", account: "shop" });
});
