import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { Effect } from "../../src/core/effect.ts";
import { MOLLIE_FACTS, type MollieDecline, mollieEffects } from "../../src/providers/mollie.ts";
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
import { clientOf } from "./mollie-client.ts";

const OPTIONS = { account: "pfl_shop", timeoutMs: TIMEOUT_MS };
/** The client repeats a 5xx twice, after a pause each. */
const PATIENT = { ...OPTIONS, timeoutMs: 20_000 };

const CHARGE = {
  amount: { currency: "EUR", value: "19.99" },
  description: "Order 1",
  sequenceType: "recurring",
  customerId: "cst_1",
  metadata: { order: "1" },
};

async function payment(context: TestContext): Promise<Subject<{ id: string }, MollieDecline>> {
  const ground = await groundOf(context, "mollie");
  const effect = mollieEffects(clientOf(ground.url), OPTIONS).payment(CHARGE);
  return { ground, effect, endpoint: "POST /v2/payments", kind: "charge" };
}

async function lostPayment(
  context: TestContext,
  fault: string,
): Promise<Subject<{ id: string }, MollieDecline>> {
  const subject = await payment(context);
  const options = fault.startsWith("5") ? PATIENT : OPTIONS;
  return {
    ...subject,
    effect: mollieEffects(clientOf(subject.ground.url), options).payment(CHARGE),
  };
}

async function refund(context: TestContext): Promise<Subject<{ id: string }, MollieDecline>> {
  const ground = await groundOf(context, "mollie");
  const effects = mollieEffects(clientOf(ground.url), OPTIONS);
  const paid = await valueFrom(effects.payment(CHARGE), callWith(OTHER_KEY));
  const amount = { currency: "EUR", value: "5.00" };
  const effect: Effect<{ id: string }, MollieDecline> = effects.refund({
    paymentId: paid.id,
    amount,
  });
  return { ground, effect, endpoint: "POST /v2/payments/:id/refunds", kind: "refund" };
}

losesAnswers("a payment", lostPayment, 3);
replays("a payment", payment);
replays("a refund", refund);

test("a payment exists, whatever its status", async (context) => {
  const { ground, effect } = await payment(context);
  assert.deepEqual(await valueFrom(effect), {
    id: (await made(ground, "charge"))[0]?.id,
    status: "paid",
    amount: CHARGE.amount,
  });
  const effects = mollieEffects(clientOf(ground.url), OPTIONS);
  const open = { amount: CHARGE.amount, description: "Order 2", redirectUrl: "https://shop.test" };
  const opened = await valueFrom(effects.payment(open), callWith(OTHER_KEY));
  assert.equal(opened.status, "open");
  assert.match(opened.checkoutUrl ?? "", /\/checkout\/tr_/);
  await ground.fault("POST /v2/payments", "decline");
  const third = callWith("2c7f2f3c-9f5e-8b1d-a3c4-5d6e7f809103");
  assert.equal((await valueFrom(effects.payment(CHARGE), third)).status, "failed");
});

test("a refund is found among the refunds of its payment", async (context) => {
  const { ground, effect, endpoint } = await refund(context);
  await ground.fault(endpoint, "reset-after");
  assert.equal(await verdictOf(effect), "unanswered");
  const found = await effect.lookUp?.find(callWith());
  assert.equal((found as { id: string }).id, (await made(ground, "refund"))[0]?.id);
});

test("a look-up goes through the pages", async (context) => {
  const { ground, effect, endpoint } = await payment(context);
  await ground.fault(endpoint, "reset-after");
  await attempt(effect);
  const mollie = clientOf(ground.url);
  for (let number = 0; number < 3; number++) {
    const open = { ...CHARGE, sequenceType: "recurring" as never };
    await mollie.payments.create(open);
  }
  const small = {
    ...mollie,
    payments: { page: (asked: object) => mollie.payments.page({ ...asked, limit: 1 }) },
  };
  const effects = mollieEffects(small as never, OPTIONS);
  const found = await effects.payment(CHARGE).lookUp?.find(callWith());
  assert.ok((await made(ground, "charge")).some(({ id }) => id === (found as { id: string }).id));
});

describe("what an error proves", () => {
  test("a request that Mollie refuses is refused for good", async (context) => {
    const { ground } = await payment(context);
    const effects = mollieEffects(clientOf(ground.url), OPTIONS);
    const wrong = effects.payment({ ...CHARGE, amount: { currency: "EUR", value: "0.00" } });
    assert.equal(await verdictOf(wrong), "refused");
    assert.equal((await made(ground, "charge")).length, 0);
  });

  test("another payload under our key proves that the key was used", async (context) => {
    const { ground, effect } = await payment(context);
    await attempt(effect);
    const other = { ...CHARGE, description: "Order 2" };
    const effects = mollieEffects(clientOf(ground.url), OPTIONS);
    assert.equal(await verdictOf(effects.payment(other)), "frozen");
    assert.equal((await made(ground, "charge")).length, 1);
  });

  test("a key in use proves nothing", async (context) => {
    const { ground, effect, endpoint } = await payment(context);
    await ground.fault(endpoint, "409");
    assert.equal(await verdictOf(effect), "unanswered");
  });

  test("a refused connection is a proof", async () => {
    const effect = mollieEffects(clientOf(NOWHERE), OPTIONS).payment(CHARGE);
    assert.equal(await verdictOf(effect), "not-executed");
  });

  test("a refusal after the client's own repetition is no proof", async (context) => {
    const { ground, endpoint } = await refund(context);
    const effects = mollieEffects(clientOf(ground.url), PATIENT);
    const [{ id: paymentId } = { id: "" }] = await made(ground, "charge");
    const all = effects.refund({ paymentId, amount: CHARGE.amount });
    // The first request refunds all and fails; the second one finds nothing left to refund.
    await ground.set({ retentionMs: 0 });
    await ground.fault(endpoint, "500-after");
    assert.equal(await verdictOf(all), "unanswered");
    assert.equal((await made(ground, "refund")).length, 1);
    assert.equal(await verdictOf(all), "refused");
  });
});

test("a connection refused to the client's own repetition is no proof", async () => {
  // The first request may have paid before it failed; then nobody listens any more.
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(500, { "content-type": "application/hal+json", connection: "close" });
    response.end('{"status":500,"title":"Internal","detail":"-"}', () => server.close());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const effect = mollieEffects(clientOf(url), PATIENT).payment(CHARGE);
  assert.equal(await verdictOf(effect), "unanswered");
});

test("the facts say what the effects do", () => {
  const effect = mollieEffects(clientOf(NOWHERE), OPTIONS).payment(CHARGE);
  assert.equal(effect.keptForMs, MOLLIE_FACTS.keptForMs);
  assert.deepEqual(effect.target, { provider: "mollie", kind: "payment", account: "pfl_shop" });
  assert.equal(effect.lookUp?.absenceProves, undefined);
});
