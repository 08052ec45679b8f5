import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { isNevertwiceError, ok } from "../../src/index.ts";
import { call, type Process } from "./acquirer.ts";
import { stage } from "./stage.ts";

/** What a handler sees of an input whose parts are redacted. */
async function seen(redact: readonly string[], input: unknown): Promise<unknown> {
  const heard: unknown[] = [];
  const operation = stage()
    .process()
    .operation("pay", {
      ...{ input: z.unknown(), redact },
      handler: (_, given) => {
        heard.push(given);
        return ok();
      },
    });
  assert.equal((await operation.run({ ...call, input })).kind, "succeeded");
  return heard[0];
}

for (const [what, redact, input, expected] of [
  ["a member", ["card"], { card: "4242", amount: 7 }, { amount: 7 }],
  [
    "a member of a member",
    ["card.number"],
    { card: { number: 1, name: "a" } },
    { card: { name: "a" } },
  ],
  ["a member of an item", ["cards.0.number"], { cards: [{ number: 1 }] }, { cards: [{}] }],
  ["an item", ["cards.0"], { cards: [{ number: 1 }, { number: 2 }] }, { cards: [{ number: 2 }] }],
  ["several", ["a", "b.c"], { a: 1, b: { c: 2, d: 3 } }, { b: { d: 3 } }],
  ["what is not there", ["card", "a.b"], { amount: 7 }, { amount: 7 }],
  ["a member of null", ["card.number"], { card: null }, { card: null }],
  ["a member of a text", ["card.length"], { card: "text" }, { card: "text" }],
  ["a member of a member that is not there", ["a.b.c"], { a: 1 }, { a: 1 }],
  ["a member of what is no object", ["a"], "text", "text"],
  ["a member of nothing", ["a.b"], null, null],
] as const)
  test(`what is redacted neither is stored nor reaches the handler: ${what}`, async () => {
    assert.deepEqual(await seen(redact, input), expected);
  });

test("redaction leaves the caller's own object as it was", async () => {
  const input = { card: { number: 1 } };
  await seen(["card.number"], input);
  assert.deepEqual(input, { card: { number: 1 } });
});

test("redaction takes members of the input only, and none that all objects share", async () => {
  Object.defineProperty(Object.prototype, "shared", { configurable: true, value: 1 });
  try {
    await seen(["__proto__.shared"], { amount: 7 });
    assert.ok("shared" in {});
  } finally {
    delete (Object.prototype as { shared?: number }).shared;
  }
});

test("redaction reaches a member whose name is that of a prototype, and changes none", async () => {
  const input: unknown = JSON.parse('{"__proto__":{"card":1,"name":"a"},"amount":7}');
  const got = (await seen(["__proto__.card"], input)) as object;
  assert.equal(JSON.stringify(got), '{"__proto__":{"name":"a"},"amount":7}');
  assert.equal(Object.getPrototypeOf(got), Object.prototype);
});

class Cart {
  readonly amount = 7;
}

for (const [what, input] of [
  ["a large number", { amount: 7n }],
  ["a function", { amount: () => 7 }],
  ["an object of a class", new Cart()],
  ["a time", { at: new Date(0) }],
] as const)
  test(`an input that is no JSON is refused before its key is taken: ${what}`, async () => {
    const scene = stage();
    const pay = (once: Process, redact: readonly string[]) =>
      once.operation("pay", { input: z.unknown(), redact, handler: () => ok() });
    for (const redact of [[], ["card"]])
      await assert.rejects(
        pay(scene.process(), redact).run({ ...call, input }),
        (error) => isNevertwiceError(error, "input-invalid") && error.cause instanceof Error,
      );
    const again = await pay(scene.process(), []).run({ ...call, input: { amount: 7 } });
    assert.ok(again.kind === "succeeded" && !again.replayed);
  });
