import assert from "node:assert/strict";
import { test } from "node:test";
import { createSealer } from "../../src/core/seal.ts";
import { type EncryptionOptions, nevertwice, ok, systemRandom } from "../../src/index.ts";
import { decodeJson } from "../../src/model/json.ts";
import type { StepBegin } from "../../src/model/step.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  id,
  LATER_MS,
  named,
  pay,
  stepOf,
  word,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";
import { findingEffect, watched } from "./watched.ts";

const encryption: EncryptionOptions = { current: "a", keys: { a: new Uint8Array(32).fill(7) } };
const DAY_MS = 86_400_000;
const target = { provider: "stripe", kind: "charge", account: "acct_9", region: "eu" };
const lookUp = { quietMs: 1_000, find: () => undefined };

/** What a begin says of an effect, beside its name and arguments; the key stands for itself. */
const BEGINS: readonly (readonly [Partial<ChargeEffect>, (key: string) => Partial<StepBegin>])[] = [
  [{}, (key) => ({ lookUp: false, providerKey: key, keptForMs: DAY_MS })],
  [{ keyed: true }, (key) => ({ lookUp: false, providerKey: key, keptForMs: DAY_MS })],
  [{ keptForMs: 7 }, (key) => ({ lookUp: false, providerKey: key, keptForMs: 7 })],
  [{ keyed: false, keptForMs: 7 }, (key) => ({ lookUp: false, mark: key })],
  [{ lookUp }, (key) => ({ lookUp: true, providerKey: key, keptForMs: DAY_MS })],
  [{ target }, (key) => ({ lookUp: false, providerKey: key, keptForMs: DAY_MS, target })],
];

for (const [options, expected] of BEGINS)
  test(`a begin says what the next owner needs to know, and no more: ${JSON.stringify(options)}`, async () => {
    const scene = stage();
    const { store, begun } = watched(scene);
    const bank = acquirer();
    await pay(scene.process({ store }), bank.effect(options)).run(call);
    const [begin, ...others] = begun;
    assert.ok(begin !== undefined && others.length === 0);
    const { request: _, inputDigest, ...rest } = begin;
    assert.deepEqual(rest, { name: "charge", generation: 0, ...expected(bank.keys[0] ?? "") });
    assert.equal((await stepOf(scene))?.inputDigest, inputDigest);
  });

test("a request is sealed for its own step, and opens for no other", async () => {
  const scene = stage();
  const input = { amount: 1999 };
  await pay(scene.process({ encryption }), acquirer().effect({ input })).run(call);
  const sealed = (await stepOf(scene))?.effect?.request ?? new Uint8Array(0);
  const sealer = createSealer(encryption, systemRandom);
  const opened = sealer.open(id, "request:charge", sealed);
  assert.deepEqual(decodeJson(opened ?? new Uint8Array(0)), input);
  for (const place of ["", "request:refund", "step:charge"])
    assert.equal(sealer.open(id, place, sealed), undefined, place);
});

test("a result is sealed for its own step, and a later attempt reads it", async () => {
  const scene = stage();
  const bank = acquirer();
  let failing = true;
  const operation = scene.process({ encryption }).operation("pay", {
    input: Order,
    handler: async (op) => {
      const charge = await op.external("charge", bank.effect());
      if (failing) throw new Error("after the charge");
      return ok(charge);
    },
  });
  await operation.run(call);
  const sealed = (await stepOf(scene))?.result?.value ?? new Uint8Array(0);
  assert.ok(createSealer(encryption, systemRandom).open(id, "step:charge", sealed));
  failing = false;
  scene.advance(LATER_MS);
  const end = await operation.run(call);
  const value = { id: "ch_1", status: "captured" };
  assert.deepEqual("body" in end && end.body, { declined: false, value });
  assert.equal(bank.keys.length, 1);
});

test("an effect without keys needs no namespace, and carries the mark that its begin stored", async () => {
  const scene = stage();
  const { store, begun } = watched(scene);
  const once = nevertwice({ store, waitMs: 0, onEvent: () => undefined });
  const bank = acquirer(["lost before"]);
  const operation = pay(once, bank.effect({ keyed: false }));
  assert.equal((await operation.run(call)).kind, "in-doubt");
  await once.settle(named, { ...word, step: "charge", notExecuted: true });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual(
    begun.map(({ mark, providerKey, generation }) => [mark, providerKey, generation]),
    bank.keys.map((key, generation) => [key, undefined, generation]),
  );
  assert.equal(new Set(bank.keys).size, 2);
});

test("the key that was sent stays, also where today's rule would make another", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  await pay(scene.process(), bank.effect()).run(call);
  scene.advance(LATER_MS);
  const changed = findingEffect(scene, (effect) => ({ ...effect, providerKey: "of another rule" }));
  const { store, begun } = watched({ ...scene, store: changed });
  assert.equal((await pay(scene.process({ store }), bank.effect()).run(call)).kind, "succeeded");
  assert.deepEqual(
    begun.map(({ providerKey }) => providerKey),
    ["of another rule"],
  );
  assert.equal(bank.keys[1], "of another rule");
});

test("every send of a step knows when the first one was committed", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const since: number[] = [];
  const send: ChargeEffect["send"] = (sent) => {
    since.push(sent.since);
    return bank.send(sent);
  };
  const operation = pay(scene.process(), bank.effect({ send }));
  await operation.run(call);
  const first = await stepOf(scene);
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(since[1], first?.begunAt);
  const apart = Math.abs((since[0] ?? Number.NaN) - (since[1] ?? 0));
  assert.ok(apart < LATER_MS / 2, `${since}`);
});

test("every send is told as one, with its step and the fence under which it leaves", async () => {
  const scene = stage();
  const operation = pay(scene.process(), acquirer(["lost before"]).effect());
  await operation.run(call);
  scene.advance(LATER_MS);
  await operation.run(call);
  const told = scene.events.filter(({ type }) => type === "step.begun");
  const of = { id, name: "pay", type: "step.begun", step: "charge" };
  assert.deepEqual(told, [
    { ...of, fence: 1 },
    { ...of, fence: 2 },
  ]);
});

test("H17: a refused send is not all that there was, if the database lost commits since", async () => {
  const scene = stage();
  const bank = acquirer(["refused connection"]);
  assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "retry-scheduled");
  scene.advance(3 * DAY_MS);
  const lineage = async () =>
    ({ kind: "ok", value: { changedAt: Date.now() + 2 * DAY_MS } }) as const;
  const store = { ...scene.store, lineage };
  assert.equal((await pay(scene.process({ store }), bank.effect()).run(call)).kind, "in-doubt");
  assert.equal(bank.keys.length, 1);
});
