import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { z } from "zod";
import { type Operation, ok, type RunResult } from "../../src/index.ts";
import { stage } from "../core/stage.ts";
import { CARD, CREATE, type StripeScene, stripeScene } from "./stripe-scene.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const REQUEST = { scope: "acct_7", key: "order-7", input: { amount: 1999 } };

interface Shop extends StripeScene {
  readonly pay: Operation<{ amount: number }, { paid: boolean; told: string }>;
  /** Lets time pass for the shop and for Stripe. */
  pass(ms: number): Promise<void>;
}

/** A shop whose one operation is one payment. */
async function shopOf(context: TestContext): Promise<Shop> {
  const scene = await stripeScene(context, { timeoutMs: 500 });
  const { process, advance } = stage();
  const once = process();
  context.after(() => once.close());
  const pay = once.operation("pay", {
    input: z.object({ amount: z.int() }),
    handler: async (op, { amount }) => {
      const payment = await op.external(
        "payment",
        scene.effects.paymentIntent({ ...CARD, amount }),
      );
      return payment.declined
        ? ok({ paid: false, told: payment.decline.code })
        : ok({ paid: payment.value.status === "succeeded", told: payment.value.id });
    },
  });
  return {
    ...scene,
    pay,
    pass: async (ms) => {
      advance(ms);
      await scene.advance(ms);
    },
  };
}

/** Sends the same request again and again, as an honest client does, until it is answered. */
async function insist({ pay, pass }: Shop, ms: number): Promise<RunResult<unknown>> {
  for (let tries = 1; ; tries += 1) {
    const result = await pay.run(REQUEST);
    if (result.kind === "succeeded" || result.kind === "failed" || tries === 8) return result;
    await pass(ms);
  }
}

describe("one payment, whatever is lost", () => {
  const PLAYS = [
    [["timeout-before"], 1],
    [["timeout-after"], 1],
    [["timeout-after", "429", "500-after", "truncated"], 1],
    [["409", "503-before", "429"], 1],
    [["500-after", "timeout-after"], 1],
    [["500-frozen-after"], 1],
    [["timeout-after", "500-frozen-before"], 1],
    [["decline"], 0],
    [["timeout-after", "decline"], 1],
  ] as const;
  for (const [faults, charges] of PLAYS)
    test(faults.join(", "), async (context) => {
      const shop = await shopOf(context);
      await shop.fault(CREATE, ...faults);
      const result = await insist(shop, MINUTE_MS);
      assert.equal(result.kind, "succeeded", JSON.stringify(result));
      assert.deepEqual(await insist(shop, MINUTE_MS), { ...result, replayed: true });
      assert.equal((await shop.standing("charge")).length, charges);
    });
});

test("an answer lost for longer than the key is kept is looked up, not paid again", async (context) => {
  const shop = await shopOf(context);
  await shop.fault(CREATE, "timeout-after");
  assert.equal((await shop.pay.run(REQUEST)).kind, "in-doubt");
  await shop.pass(DAY_MS);
  const result = await insist(shop, MINUTE_MS);
  assert.equal(result.kind, "succeeded", JSON.stringify(result));
  assert.equal((await shop.standing("charge")).length, 1);
});

test("a stored 500 without a payment stays in doubt, and nothing is paid", async (context) => {
  const shop = await shopOf(context);
  await shop.fault(CREATE, "500-frozen-before");
  assert.equal((await insist(shop, MINUTE_MS)).kind, "in-doubt");
  assert.equal((await shop.standing("charge")).length, 0);
});
