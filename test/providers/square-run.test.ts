import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { SquareClient } from "square";
import {
  SQUARE_KEPT_FOR_MS,
  type SquareEffects,
  squareEffects,
} from "../../src/providers/square.ts";
import { type Ground, groundOf } from "./attempt.ts";
import { oneStep } from "./one-step.ts";

const PAY = "POST /v2/payments";
const MINUTE_MS = 60_000;
const REQUEST = {
  sourceId: "cnon:card-nonce-ok",
  amountMoney: { amount: 1999, currency: "EUR" },
} as const;

interface Shop extends Ground {
  readonly payments: SquareEffects;
}

async function shopOf(context: TestContext): Promise<Shop> {
  const ground = await groundOf(context, "square");
  const square = new SquareClient({ token: "EAAA_shop", baseUrl: ground.url });
  return { ...ground, payments: squareEffects(square, { timeoutMs: 500, account: "shop" }) };
}

async function statuses(shop: Shop): Promise<string[]> {
  return (await shop.ledger()).map(({ status }) => status);
}

test("a lost answer is found in the list, even when the key is forgotten", async (context) => {
  for (const laterMs of [MINUTE_MS, 2 * SQUARE_KEPT_FOR_MS]) {
    const shop = await shopOf(context);
    const { run, pass } = oneStep(shop, () => shop.payments.payment(REQUEST));
    await shop.fault(PAY, "timeout-after");
    assert.equal((await run()).kind, "in-doubt");
    await pass(laterMs);
    assert.equal((await run()).kind, "succeeded");
    assert.deepEqual(await statuses(shop), ["succeeded"]);
  }
});

test("a lost request is sent again, but not to a memory that may be over", async (context) => {
  for (const [laterMs, kind, count] of [
    [MINUTE_MS, "succeeded", 1],
    [SQUARE_KEPT_FOR_MS, "in-doubt", 0],
  ] as const) {
    const shop = await shopOf(context);
    const { run, pass } = oneStep(shop, () => shop.payments.payment(REQUEST));
    await shop.fault(PAY, "timeout-before");
    assert.equal((await run()).kind, "in-doubt");
    await pass(laterMs);
    assert.equal((await run()).kind, kind);
    assert.equal((await shop.ledger()).length, count);
  }
});

test("a payment that cannot be seen is canceled, and proves nothing until it is", async (context) => {
  const shop = await shopOf(context);
  const authorize = { ...REQUEST, autocomplete: false } as const;
  const { run, pass } = oneStep(shop, () => shop.payments.payment(authorize));
  await shop.fault(PAY, "timeout-after");
  await shop.set({ listLagMs: 10 * SQUARE_KEPT_FOR_MS });
  assert.equal((await run()).kind, "in-doubt");
  await pass(SQUARE_KEPT_FOR_MS);
  assert.equal((await run()).kind, "in-doubt");
  assert.deepEqual(await statuses(shop), ["canceled"]);
  await shop.set({ listLagMs: 0 });
  await pass(MINUTE_MS);
  const { kind, body } = await run();
  assert.equal(kind, "failed");
  assert.deepEqual(body, { code: "CANCELED" });
  assert.deepEqual(await statuses(shop), ["canceled"]);
});
