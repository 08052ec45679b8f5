import assert from "node:assert/strict";
import { test } from "node:test";
import { type Desk, settleByWord } from "../../src/core/reopen.ts";
import { createSealer } from "../../src/core/seal.ts";
import { createSettings } from "../../src/core/settings.ts";
import { fail, isNevertwiceError, ok, systemClock, systemRandom } from "../../src/index.ts";
import {
  acquirer,
  call,
  evidenceOf,
  findingsOf,
  LATER_MS,
  named,
  pay,
  type Scene,
  word,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];

const ENCRYPTION = { current: "k", keys: { k: Uint8Array.from(Array(32).keys()) } };
const GONE = { kind: "not-known", error: new Error("gone") } as const;
const isInvalid = (error: unknown): boolean => isNevertwiceError(error, "option-invalid");
const told = { ...word, step: "charge", executed: "ch_2", value: { id: "ch_2" } };

/** An operation that failed for good, without having met its charge. */
async function failed(): Promise<Scene> {
  const scene = stage();
  const operation = scene.process().operation("pay", { input: Order, handler: () => fail({}) });
  assert.equal((await operation.run(call)).kind, "failed");
  return scene;
}

test("a word is refused that is no word, or whose parts are no texts", async () => {
  const once = stage().process();
  for (const wrong of [
    undefined,
    { ...told, by: 7 },
    { ...told, reason: undefined },
    { ...told, step: 7 },
    { ...told, step: undefined },
    { ...told, executed: 7 },
    { ...told, executed: undefined },
  ])
    await assert.rejects(once.settle(named, wrong as never), isInvalid, JSON.stringify(wrong));
  await assert.rejects(once.resume(named, undefined as never), isInvalid);
});

test("a word that lets an operation run again is kept as evidence of no step", async () => {
  const scene = stage();
  const once = scene.process();
  await pay(once, acquirer(["lost before"]).effect({ keyed: false })).run(call);
  assert.equal(await once.resume(named, word), "reopened");
  const [evidence] = await evidenceOf(scene);
  assert.deepEqual(evidence, {
    ...{ step: "", source: "person", finding: "unknown", detail: word.reason, by: word.by },
    at: evidence?.at,
  });
});

test("a value that a person tells is sealed as the step's own result would be", async () => {
  const scene = stage();
  const once = scene.process({ encryption: ENCRYPTION });
  const operation = pay(once, acquirer(["lost before"]).effect({ keyed: false }));
  await operation.run(call);
  scene.advance(LATER_MS);
  assert.equal(await once.settle(named, told), "reopened");
  const end = await operation.run(call);
  assert.deepEqual("body" in end && end.body, { declined: false, value: told.value });
});

test("a word that the store did not answer is told with the store's own error", async () => {
  const { store } = stage();
  const once = stage().process({ store: { ...store, reopen: async () => GONE } });
  await assert.rejects(
    once.resume(named, word),
    (error) => isNevertwiceError(error, "store-unavailable") && error.cause === GONE.error,
  );
});

for (const [what, read] of [
  ["cannot be read", async () => GONE],
  ["is no longer there", async () => ({ kind: "ok", value: undefined }) as const],
] as const)
  test(`a word against a final outcome is kept, also if the record ${what}`, async () => {
    const scene = await failed();
    const store: Store = { ...scene.store, read };
    assert.equal(await scene.process({ store }).settle(named, told), "final");
    assert.deepEqual(await findingsOf(scene), ["person: executed"]);
    assert.ok(scene.events.every(({ type }) => type !== "effect.orphan"));
  });

test("the effect that a person tells of is taken back also after its operation was renamed", async () => {
  const scene = await failed();
  const takenBack: string[] = [];
  const once = scene.process();
  for (const [name, aliases] of [
    ["other", ["older"]],
    ["buy", ["pay"]],
  ] as const)
    once.operation(name, {
      ...{ input: Order, aliases, handler: () => ok() },
      compensations: { charge: () => ({ send: () => takenBack.push(name) }) },
    });
  await once.settle(named, told);
  assert.deepEqual(takenBack, ["buy"]);
});

test("a word against a final outcome can be given where no operation is declared", async () => {
  assert.equal(await (await failed()).process().settle(named, told), "final");
  const scene = await failed();
  const desk: Desk = {
    store: scene.store as unknown as Desk["store"],
    sealer: createSealer(undefined, systemRandom),
    clock: systemClock,
    settings: createSettings({}),
  };
  assert.equal(await settleByWord(desk, named, told), "final");
  assert.deepEqual(await findingsOf(scene), ["person: executed"]);
});

test("the effect that a person tells of is taken back with its value, if it was told", async () => {
  for (const value of [undefined, told.value]) {
    const scene = await failed();
    const takenBack: unknown[] = [];
    const once = scene.process();
    once.operation("pay", {
      input: Order,
      handler: () => ok(),
      compensations: {
        charge: (made: unknown) => ({
          send: () => {
            takenBack.push(made);
            return {};
          },
        }),
      },
    });
    const { value: _, ...bare } = told;
    await once.settle(named, value === undefined ? bare : told);
    assert.deepEqual(takenBack, value === undefined ? [] : [value]);
  }
});
