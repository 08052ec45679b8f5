import assert from "node:assert/strict";
import { test } from "node:test";
import { declined, inDoubt, notExecuted, refused } from "../../src/index.ts";
import { acquirer, call, pay, stateOf, stepOf } from "./acquirer.ts";
import { stage } from "./stage.ts";

/** What another copy of the library makes of the same words. */
const elsewhere = (word: string, rest: object): object => ({
  [Symbol.for(`nevertwice.${word}`)]: true,
  ...rest,
});

test("two copies of the library make the same of a judgement", () => {
  const decline = { code: "no_funds" };
  assert.deepEqual(declined(decline), elsewhere("declined", { decline }));
  assert.deepEqual(refused(decline), elsewhere("refused", { decline }));
  assert.deepEqual(inDoubt("failed"), elsewhere("in-doubt", { because: "failed" }));
  const proof = { proof: "429", retryAfterMs: 7 };
  assert.deepEqual(notExecuted("429", 7), elsewhere("not-executed", proof));
  const waits = [0.5, 1e300, 0, -1, Number.NaN, Number.POSITIVE_INFINITY].map(
    (ms) => notExecuted("429", ms).retryAfterMs,
  );
  const none = undefined;
  assert.deepEqual(waits, [1, 30 * 86_400_000, none, none, none, none]);
});

test("a judgement of another copy of the library is none of the values", async () => {
  for (const [returned, state, result] of [
    [elsewhere("declined", { decline: 1 }), "succeeded", "declined"],
    [elsewhere("refused", { decline: 1 }), "succeeded", "declined"],
    [elsewhere("in-doubt", { because: "failed" }), "in_doubt: effect-unknown", undefined],
    [elsewhere("not-executed", { proof: "429" }), "waiting", "not-executed"],
  ] as const) {
    const scene = stage();
    const effect = acquirer().effect({ send: () => returned as never });
    await pay(scene.process(), effect).run(call);
    const step = await stepOf(scene);
    assert.deepEqual([await stateOf(scene), step?.result?.kind], [state, result]);
  }
});

test("a provider that answers with nothing has answered: `null` is a value", async () => {
  const scene = stage();
  const operation = pay(scene.process(), acquirer().effect({ send: () => null as never }));
  const end = await operation.run(call);
  assert.deepEqual("body" in end && end.body, { declined: false, value: null });
  assert.deepEqual(await operation.run(call), { ...end, replayed: true });
});

test("a judge that answers with nothing has found out nothing", async () => {
  const scene = stage();
  const effect = acquirer(["lost after"]).effect({ judge: () => null as never });
  assert.equal((await pay(scene.process(), effect).run(call)).kind, "in-doubt");
  assert.equal((await stepOf(scene))?.effect?.sends[0]?.verdict, "unanswered");
});
