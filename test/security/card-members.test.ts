import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";

const CARD = "4242 4242-4242 4242";
const LOOKS = 16;

interface Warned extends Error {
  readonly code?: string;
  readonly detail?: string;
}

/** What is warned of while an operation takes these inputs, one after the other. */
async function warnings(inputs: readonly unknown[], redact: readonly string[] = []) {
  const heard: Warned[] = [];
  const hear = (warning: Warned): void => void heard.push(warning);
  process.on("warning", hear);
  const once = nevertwice({ store: memoryStore(), namespace: "test" });
  const pay = once.operation("pay", { input: z.json(), redact, handler: () => ok({}) });
  for (const [index, input] of inputs.entries())
    await pay.run({ scope: "acct_1", key: `k${index}`, input: input as never });
  await new Promise((resolve) => setImmediate(resolve));
  process.off("warning", hear);
  return heard.filter(({ code }) => code === "NEVERTWICE_CARD_DATA");
}

test("an operation that stores card data is warned of, once, and without the data", async () => {
  for (const [input, place, what] of [
    [{ cvc: "737" }, "cvc", "verification code"],
    [{ items: [{ card: { CVV2: 1234 } }] }, "items.0.card.CVV2", "verification code"],
    [{ card_number: CARD }, "card_number", "number"],
    [{ payment: { card: { number: "378282246310005" } } }, "payment.card.number", "number"],
    [{ creditCard: { number: "4242424242424242" } }, "creditCard.number", "number"],
  ] as const) {
    const heard = await warnings([{}, input, input]);
    assert.equal(heard.length, 1, place);
    const { message, detail }: Warned = heard[0] ?? new Error("none");
    assert.match(message, new RegExp(`"pay" store a card's ${what}`));
    assert.ok(detail?.includes(JSON.stringify(place)), detail);
    assert.doesNotMatch(message + detail, /737|1234|4242|3782/);
  }
});

test("what only looks a little like card data is not warned of", async () => {
  const heard = await warnings([
    { number: "4242424242424242", orderId: "4242424242424242" },
    { card: { number: "4242424242424241" }, cardNumber: "**** 4242" },
    { cvc: "pass", cvv: true, cvc_check: "737", pan: "ABCDE1234F" },
    { card: { number: "tok_visa", brand: "visa" }, account: { number: "4242424242424242" } },
    ["737", null, CARD],
  ]);
  assert.deepEqual(heard, []);
});

test("a name that a client chose is one bounded text in the log", async () => {
  const [{ detail = "" } = {} as Warned] = await warnings([
    { ["\n\u001b[31m".repeat(99)]: { cvc: "737" } },
  ]);
  assert.ok(detail.length < 1_500);
  assert.doesNotMatch(detail, /\p{Cc}/u);
});

test("what is redacted is not stored, so that it is not warned of", async () => {
  const input = { card: { number: CARD, cvc: "737" } };
  assert.deepEqual(await warnings([input], ["card.number", "card.cvc"]), []);
  assert.equal((await warnings([input], ["card.cvc"])).length, 1);
});

test("only the first inputs of an operation are looked at", async () => {
  const clean = Array.from({ length: LOOKS - 1 }, () => ({ amount: 5 }));
  assert.equal((await warnings([...clean, { cvc: "737" }])).length, 1);
  assert.equal((await warnings([...clean, {}, { cvc: "737" }])).length, 0);
});
