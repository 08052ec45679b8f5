import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acquirer,
  call,
  type Happening,
  LATER_MS,
  pay,
  recordOf,
  type Scene,
  stepOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

const LOST = { kind: "not-known", error: new Error("the answer was lost") } as const;

/** A store whose first answers to a write are lost, after it has landed or before it could. */
function losing(
  { store }: Scene,
  write: "begin" | "record",
  landed: boolean,
  times = 1,
): Scene["store"] {
  let left = times;
  const lose = async <Given extends readonly unknown[], Value>(
    given: Given,
    call: (...given: Given) => Promise<Value>,
  ): Promise<Value | typeof LOST> => {
    if (left === 0) return call(...given);
    left -= 1;
    if (landed) await call(...given);
    return LOST;
  };
  return {
    ...store,
    ...(write === "begin" ? { begin: (...given) => lose(given, store.begin) } : {}),
    ...(write === "record" ? { record: (...given) => lose(given, store.record) } : {}),
  };
}

for (const landed of [true, false]) {
  const how = landed ? "has landed" : "never came";

  test(`a begin whose answer is lost and that ${how} is one send`, async () => {
    const scene = stage();
    const bank = acquirer(["lost after"]);
    const effect = bank.effect();
    await pay(scene.process({ store: losing(scene, "begin", landed) }), effect).run(call);
    const first = await stepOf(scene);
    assert.deepEqual(
      first?.effect?.sends.map(({ number }) => number),
      [1],
    );
    scene.advance(LATER_MS);
    const again = pay(scene.process({ store: losing(scene, "begin", landed) }), effect);
    assert.equal((await again.run(call)).kind, "succeeded");
    const sends = (await stepOf(scene))?.effect?.sends ?? [];
    assert.deepEqual(
      sends.map(({ number, verdict }) => [number, verdict]),
      [
        [1, "unanswered"],
        [2, "definite"],
      ],
    );
    assert.deepEqual([bank.keys.length, bank.charges.size], [2, 1]);
  });

  const RESULTS: readonly (readonly [Happening, string, string | undefined])[] = [
    ["charged", "succeeded", "definite"],
    ["declined", "declined", "definite"],
    ["refused connection", "not-executed", "not-executed"],
    ["lost after", "none", "unanswered"],
    ["failed after", "none", "failed"],
  ];
  for (const [happening, result, verdict] of RESULTS)
    test(`what a send came to is kept, if its write ${how}: ${happening}`, async () => {
      const scene = stage();
      const bank = acquirer([happening]);
      const store = losing(scene, "record", landed);
      await pay(scene.process({ store }), bank.effect()).run(call);
      const step = await stepOf(scene);
      assert.equal(step?.result?.kind ?? "none", result);
      assert.deepEqual(
        step?.effect?.sends.map((send) => send.verdict),
        [verdict],
      );
      assert.equal(bank.keys.length, 1);
      const told = scene.events.filter(({ type }) => type === "step.recorded").length;
      assert.equal(told, verdict === "definite" ? 1 : 0);
    });

  test(`a proof from elsewhere whose write ${how} closes the step once`, async () => {
    const scene = stage();
    const bank = acquirer(["lost before"]);
    const find = () => undefined;
    const lookUp = { quietMs: 1_000, absenceProves: true, find };
    const effect = bank.effect({ lookUp, ways: ["look-up"] });
    await pay(scene.process(), effect).run(call);
    scene.advance(LATER_MS);
    const store = losing(scene, "record", landed);
    assert.equal((await pay(scene.process({ store }), effect).run(call)).kind, "succeeded");
    const step = await stepOf(scene);
    assert.equal(step?.effect?.generation, 1);
    assert.deepEqual([bank.keys.length, new Set(bank.keys).size, bank.charges.size], [2, 2, 1]);
  });
}

test("a result whose every write is lost leaves a doubt, and the same key finds it again", async () => {
  const scene = stage();
  const bank = acquirer();
  const store = losing(scene, "record", false, 100);
  assert.equal((await pay(scene.process({ store }), bank.effect()).run(call)).kind, "in-doubt");
  assert.equal((await recordOf(scene)).doubt, "effect-unknown");
  scene.advance(LATER_MS);
  assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size, bank.charges.size], [2, 1, 1]);
});

test("a begin whose every write is lost sends nothing", async () => {
  const scene = stage();
  const bank = acquirer();
  const store = losing(scene, "begin", false, 100);
  await pay(scene.process({ store }), bank.effect()).run(call);
  assert.deepEqual([bank.keys.length, await stepOf(scene)], [0, undefined]);
});
