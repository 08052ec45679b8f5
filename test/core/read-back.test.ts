import assert from "node:assert/strict";
import { test } from "node:test";
import { ok } from "../../src/index.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  findingsOf,
  LATER_MS,
  type Process,
  recordOf,
  type Scene,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";
import { watched } from "./watched.ts";

const LOST = { kind: "not-known", error: new Error("the answer was lost") } as const;

/** A store whose writes of one step lose their first answers, after landing or before. */
function losing(
  { store }: Pick<Scene, "store">,
  write: "begin" | "record",
  step: string,
  landed: boolean,
  times = 1,
): Scene["store"] {
  let left = times;
  const isLost = (name: string): boolean => name === step && left-- > 0;
  return {
    ...store,
    begin: async (holder, begun) => {
      if (write !== "begin" || !isLost(begun.name)) return store.begin(holder, begun);
      if (landed) await store.begin(holder, begun);
      return LOST;
    },
    record: async (holder, name, end) => {
      if (write !== "record" || !isLost(name)) return store.record(holder, name, end);
      if (landed) await store.record(holder, name, end);
      return LOST;
    },
  };
}

/** An operation of three steps, of which the charge is the last. */
function order(once: Process, effect: ChargeEffect, fee = acquirer().effect()) {
  return once.operation("order", {
    input: Order,
    handler: async (op) => {
      await op.external("fee", fee);
      await op.atomic("reserve", () => "reserved");
      return ok(await op.external("charge", effect), 201);
    },
  });
}

async function sendsOf(scene: Scene, name = "charge") {
  return (await stepOf(scene, name))?.effect?.sends.map(({ number, verdict }) => [number, verdict]);
}

test("a begin that never came is not taken for that of a step before it", async () => {
  const scene = stage();
  const bank = acquirer();
  const store = losing(scene, "begin", "charge", false);
  assert.equal((await order(scene.process({ store }), bank.effect()).run(call)).kind, "succeeded");
  assert.deepEqual(await sendsOf(scene), [[1, "definite"]]);
  assert.equal(bank.keys.length, 1);
});

test("a result that never came is not taken for that of a step before it", async () => {
  const scene = stage();
  const store = losing(scene, "record", "charge", false);
  const operation = order(scene.process({ store }), acquirer().effect());
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal((await stepOf(scene))?.result?.kind, "succeeded");
  assert.equal(await stateOf(scene), "succeeded");
});

test("a verdict that never came is not taken for that of a send before it", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "lost before", "failed before"]);
  for (const _ of [1, 2]) {
    await order(scene.process(), bank.effect()).run(call);
    scene.advance(LATER_MS);
  }
  const store = losing(scene, "record", "charge", false);
  await order(scene.process({ store }), bank.effect()).run(call);
  assert.deepEqual(await sendsOf(scene), [
    [1, "unanswered"],
    [2, "unanswered"],
    [3, "failed"],
  ]);
});

test("a result that a look-up found and that never came is not taken for the send's verdict", async () => {
  const scene = stage();
  const charge = { id: "ch_1", status: "captured" };
  const lookUp = { quietMs: 1_000, find: () => charge };
  const effect = acquirer(["lost after"]).effect({ lookUp, ways: ["look-up"] });
  await order(scene.process(), effect).run(call);
  scene.advance(LATER_MS);
  const store = losing(scene, "record", "charge", false);
  const end = await order(scene.process({ store }), effect).run(call);
  assert.deepEqual("body" in end && end.body, { declined: false, value: charge });
  assert.equal((await stepOf(scene))?.result?.kind, "succeeded");
});

for (const happening of ["failed after", "charged", "refused connection"] as const)
  test(`what has landed is read back and not written again: ${happening}`, async () => {
    const scene = stage();
    const { store, recorded } = watched(scene);
    const bank = acquirer(["lost before", happening]);
    await order(scene.process(), bank.effect()).run(call);
    scene.advance(LATER_MS);
    const process = scene.process({ store: losing({ store }, "record", "charge", true) });
    await order(process, bank.effect()).run(call);
    assert.deepEqual(
      recorded.map(({ name }) => name),
      ["charge"],
    );
  });

for (const landed of [true, false])
  test(`a proof from elsewhere is told by its own step, and its write ${landed ? "has landed" : "never came"}`, async () => {
    const scene = stage();
    const bank = acquirer(["lost before"]);
    const lookUp = { quietMs: 1_000, absenceProves: true, find: () => undefined };
    const effect = bank.effect({ lookUp, ways: ["look-up"] });
    await order(scene.process(), effect).run(call);
    scene.advance(LATER_MS);
    const store = losing(scene, "record", "charge", landed);
    assert.equal((await order(scene.process({ store }), effect).run(call)).kind, "succeeded");
    const step = await stepOf(scene);
    assert.deepEqual([step?.effect?.generation, step?.effect?.providerKey], [1, bank.keys[1]]);
    assert.deepEqual([bank.keys.length, new Set(bank.keys).size], [2, 2]);
  });

test("after a proof from elsewhere a begin that never comes leaves no doubt, for nothing was sent", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const lookUp = { quietMs: 1_000, absenceProves: true, find: () => undefined };
  const effect = bank.effect({ lookUp, ways: ["look-up"] });
  await order(scene.process(), effect).run(call);
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
  scene.advance(LATER_MS);
  const store = losing(scene, "begin", "charge", false, 100);
  const end = await order(scene.process({ store }), effect).run(call);
  assert.deepEqual([end.kind, await stateOf(scene)], ["retry-scheduled", "waiting"]);
  const { doubt } = await recordOf(scene);
  assert.deepEqual([doubt, await findingsOf(scene)], [undefined, ["look-up: not-found"]]);
  assert.equal(bank.keys.length, 1);
});
