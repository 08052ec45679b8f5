import assert from "node:assert/strict";
import { test } from "node:test";
import { inDoubt, isNevertwiceError, notExecuted, ok, refused } from "../../src/index.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  gate,
  LATER_MS,
  pay,
  recordOf,
  settleTurn,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";
import { watched } from "./watched.ts";

const dies = (): never => {
  throw new Error("no answer");
};

/** What each ending of a send is written as. */
const WORDS: Readonly<Record<string, readonly [Partial<ChargeEffect>, string, string]>> = {
  "a proof that was returned": [
    { send: () => notExecuted("ECONNREFUSED") },
    "not-executed",
    "ECONNREFUSED",
  ],
  "a proof that an error gave": [
    { send: dies, judge: () => notExecuted("429") },
    "not-executed",
    "429: Error: no answer",
  ],
  "a doubt that was returned": [
    { send: (() => inDoubt("failed")) as never },
    "failed",
    "Error: doubt",
  ],
  "an error of an effect without a judge": [
    { send: dies, judge: undefined as never },
    "unanswered",
    "Error: no answer",
  ],
  "an error whose judge gives no judgement": [
    { send: dies, judge: (() => "succeeded") as never },
    "unanswered",
    "Error: no answer",
  ],
};

for (const [what, [options, verdict, detail]] of Object.entries(WORDS))
  test(`what a send came to is kept in a line: ${what}`, async () => {
    const scene = stage();
    await pay(scene.process(), acquirer().effect(options)).run(call);
    const [send] = (await stepOf(scene))?.effect?.sends ?? [];
    assert.deepEqual([send?.verdict, send?.detail], [verdict, detail]);
  });

test("a refusal after a doubt is kept as the provider's, and its error is the attempt's", async () => {
  const scene = stage();
  const bank = acquirer(["lost after", "invalid"]);
  await pay(scene.process(), bank.effect()).run(call);
  scene.advance(LATER_MS);
  const judge = () => refused({ code: "amount_too_small" });
  await pay(scene.process(), bank.effect({ judge })).run(call);
  const send = (await stepOf(scene))?.effect?.sends[1];
  assert.equal(send?.detail, "the provider refused the request: Error: invalid");
  assert.equal((await recordOf(scene)).lastError, "Error: invalid");
});

test("an attempt that ends with a proof alone tells the proof as its error", async () => {
  const scene = stage();
  const send = () => notExecuted("no route to the provider");
  await pay(scene.process(), acquirer().effect({ send })).run(call);
  assert.equal((await recordOf(scene)).lastError, "Error: no route to the provider");
});

test("the line of a proof has 500 characters at most before it reaches a store", async () => {
  const scene = stage();
  const { store, recorded } = watched(scene);
  const send = () => {
    throw new Error("x".repeat(499));
  };
  const judge = () => notExecuted("429");
  await pay(scene.process({ store }), acquirer().effect({ send, judge })).run(call);
  const [first] = recorded;
  assert.equal(first?.end.detail, `429: Error: ${"x".repeat(488)}`);
});

test("a result is written with a reference only if it is a success that has one", async () => {
  const cases: readonly (readonly ["charged" | "declined", string | undefined, boolean])[] = [
    ["charged", "ch_1", true],
    ["charged", undefined, false],
    ["declined", "never asked", false],
  ];
  for (const [happening, reference, written] of cases) {
    const scene = stage();
    const { store, recorded } = watched(scene);
    const asked: unknown[] = [];
    const effect = acquirer([happening]).effect({
      reference: (value) => {
        asked.push(value);
        return reference;
      },
    });
    await pay(scene.process({ store }), effect).run(call);
    const [first] = recorded;
    assert.equal(first !== undefined && "reference" in first.end, written, happening);
    assert.equal(asked.length, happening === "charged" ? 1 : 0);
    assert.equal((await stepOf(scene))?.effect?.reference, written ? reference : undefined);
  }
});

test("a result that comes after the run was suspended is recorded, and its handler goes no further", async () => {
  const scene = stage();
  const late = gate();
  const told: unknown[] = [];
  const bank = acquirer();
  const send: ChargeEffect["send"] = async (sent) => {
    await late.passed;
    return bank.send(sent);
  };
  const operation = scene.process().operation("both", {
    input: Order,
    handler: async (op) => {
      const slow = op.external("slow", bank.effect({ send }));
      const lost = op.external("lost", acquirer(["lost after"]).effect());
      await lost.catch(() => late.open());
      await slow.then(
        () => told.push("went on"),
        (error) => told.push(isNevertwiceError(error, "operation-suspended")),
      );
      return ok({});
    },
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual(told, [true]);
  assert.equal((await stepOf(scene, "slow"))?.result?.kind, "succeeded");
  assert.equal(bank.charges.size, 1);
});

test("what the run knows of its own steps is what the store knows: an effect taken back stands no more", async () => {
  const scene = stage();
  const refused: unknown[] = [];
  const operation = scene.process().operation("undo", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", acquirer().effect());
      await op.compensate("charge", acquirer().effect());
      await op.compensate("charge", acquirer().effect()).catch((error) => refused.push(error));
      return ok({});
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([(await stepOf(scene))?.effect?.compensated, refused.length], [true, 1]);
});

test("a refusal with proof in the last attempt leaves the doubt of an earlier send as it was", async () => {
  const scene = stage();
  const bank = acquirer(["lost after", "refused connection"]);
  const operation = pay(scene.process({ attemptsMax: 2 }), bank.effect());
  await operation.run(call);
  scene.advance(LATER_MS);
  await operation.run(call);
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
});

test("a refusal with proof that is the last of the attempts leaves nothing to be looked for", async () => {
  const scene = stage();
  const operation = pay(
    scene.process({ attemptsMax: 1 }),
    acquirer(["refused connection"]).effect(),
  );
  await operation.run(call);
  await settleTurn();
  assert.equal(await stateOf(scene), "in_doubt: attempts-exhausted");
});
