import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, notExecuted, ok } from "../../src/index.ts";
import {
  acquirer,
  call,
  evidenceOf,
  findingsOf,
  gate,
  HOUR_MS,
  LATER_MS,
  LEASE_MS,
  named,
  pay,
  quietClock,
  settleTurn,
  stateOf,
  stepOf,
  word,
} from "./acquirer.ts";
import { checkout, Order, provider, stage } from "./stage.ts";

test("H11: a person settles a step, and the operation runs on and writes its order", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  await checkout(scene.process(), bank).run(call);
  scene.advance(30 * HOUR_MS);
  assert.equal((await checkout(scene.process(), bank).run(call)).kind, "in-doubt");
  const once = scene.process();
  const value = { id: "ch_seen" };
  const told = { ...word, step: "charge", executed: "ch_seen", value };
  assert.equal(await once.settle(named, told), "reopened");
  assert.deepEqual(scene.store.table("orders").values(), [{ status: "reserved", amount: 1999 }]);
  checkout(once, bank);
  assert.equal((await once.worker.runOnce()).recovery.settled, 1);
  assert.deepEqual(scene.store.table("orders").values(), [{ status: "paid", amount: 1999 }]);
  const replay = await checkout(scene.process(), bank).run(call);
  assert.equal("body" in replay && replay.body.chargeId, "ch_seen");
  assert.equal(bank.sent, 1);
  const [evidence] = await evidenceOf(scene);
  assert.deepEqual(evidence, {
    ...{ step: "charge", source: "person", finding: "executed", reference: "ch_seen" },
    ...{ detail: word.reason, by: "ann", at: evidence?.at },
  });
});

test("H11: a reference that a person names is asked of the provider for its value", async () => {
  const scene = stage();
  const bank = acquirer(["frozen after"]);
  const asked: string[] = [];
  const retrieve = (reference: string) => {
    asked.push(reference);
    if (asked.length === 1) throw new Error("the provider is down");
    return { id: reference, status: "captured" };
  };
  const operation = pay(scene.process(), bank.effect({ retrieve }));
  await operation.run(call);
  const told = { ...word, step: "charge", executed: "ch_1" };
  assert.equal(await scene.process().settle(named, told), "reopened");
  assert.equal((await operation.run(call)).kind, "in-doubt");
  scene.advance(LATER_MS);
  const result = await operation.run(call);
  assert.deepEqual("body" in result && result.body, {
    declined: false,
    value: { id: "ch_1", status: "captured" },
  });
  assert.deepEqual([asked, bank.keys.length], [["ch_1", "ch_1"], 1]);
});

test("H11: a reference without a way to its value waits for the value, which may be told after it", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  const once = scene.process();
  const operation = pay(once, bank.effect());
  await operation.run(call);
  const told = { ...word, step: "charge", executed: "ch_1" };
  assert.equal(await once.settle(named, told), "reopened");
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    assert.equal(bank.keys.length, 1, "a known effect is never sent again");
    scene.advance(LATER_MS);
  }
  const value = { id: "ch_1", status: "captured" };
  assert.equal(await once.settle(named, { ...told, value }), "reopened");
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});

test("H11: not executed, by the word of a person, raises the generation and with it the key", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const operation = pay(scene.process(), bank.effect());
  await operation.run(call);
  scene.advance(30 * HOUR_MS);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(bank.keys.length, 1, "past the provider's memory nothing is sent again");
  const told = { ...word, step: "charge", notExecuted: true } as const;
  assert.equal(await scene.process().settle(named, told), "reopened");
  assert.equal(await stateOf(scene), "waiting");
  assert.equal((await stepOf(scene))?.result?.kind, "not-executed");
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size, bank.charges.size], [2, 2, 1]);
  assert.equal((await stepOf(scene))?.effect?.generation, 1);
  assert.deepEqual(await findingsOf(scene), ["person: not-executed"]);
});

test("H11: a step without a key is sent again after the word of a person, and only then", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const operation = pay(scene.process(), bank.effect({ keyed: false }));
  await operation.run(call);
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(bank.keys.length, 1);
  await scene.process().settle(named, { ...word, step: "charge", notExecuted: true });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 2);
});

test("H11: after a word the attempts begin anew", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "lost before"]);
  const once = scene.process({ attemptsMax: 2 });
  const operation = pay(once, bank.effect());
  for (let round = 0; round < 4; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    scene.advance(LATER_MS);
  }
  assert.equal(bank.keys.length, 2);
  assert.equal(await once.resume(named, word), "reopened");
  assert.equal((await operation.run(call)).kind, "succeeded");
});

test("H11: a word about a step that was never begun, or has its result, changes nothing", async () => {
  const scene = stage();
  const once = scene.process();
  const told = { ...word, step: "charge", notExecuted: true } as const;
  assert.equal(await once.settle(named, told), "missing");
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.atomic("reserve", () => 1);
      await op.external("first", { send: () => ({ id: "ch_1" }) });
      await op.external("charge", { send: () => notExecuted("not yet") });
      return ok();
    },
  });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.equal(await once.settle(named, { ...told, step: "refund" }), "no-such-step");
  assert.equal(await once.settle(named, { ...told, step: "handler" }), "no-such-step");
  assert.equal(await once.settle(named, { ...told, step: "first" }), "settled-before");
  assert.equal(await once.settle(named, { ...told, step: "reserve" }), "settled-before");
  assert.equal((await stepOf(scene, "first"))?.result?.kind, "succeeded");
  assert.deepEqual(await evidenceOf(scene), []);
});

test("H11: a word while the claim is live, or after the end, changes nothing", async () => {
  const scene = stage();
  const held = gate<{ id: string; status: string }>();
  const once = scene.process();
  const send = () => held.passed;
  const operation = pay(once, acquirer().effect({ send }));
  const running = operation.run(call);
  await settleTurn();
  const told = { ...word, step: "charge", notExecuted: true } as const;
  assert.equal(await once.settle(named, told), "held");
  assert.equal(await once.resume(named, word), "held");
  held.open({ id: "ch_1", status: "captured" });
  assert.equal((await running).kind, "succeeded");
  assert.equal(await once.settle(named, told), "final");
  assert.equal((await stepOf(scene))?.result?.kind, "succeeded");
});

test("H11: a claim that lapsed may be settled, and what its holder learns later is evidence", async () => {
  const scene = stage();
  const late = gate<{ id: string; status: string }>();
  const slow = { send: () => late.passed };
  const zombie = pay(scene.process({ clock: quietClock }), acquirer().effect(slow)).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const once = scene.process();
  const value = { id: "ch_1", status: "captured" };
  const told = { ...word, step: "charge", executed: "ch_1", value };
  assert.equal(await once.settle(named, told), "reopened");
  const operation = pay(once, acquirer().effect(slow));
  assert.equal((await operation.run(call)).kind, "succeeded");
  late.open(value);
  assert.equal((await zombie).kind, "succeeded");
  assert.deepEqual(await findingsOf(scene), ["person: executed", "stale-holder: executed"]);
  assert.deepEqual(
    scene.events.filter(({ type }) => type.startsWith("effect.")),
    [],
  );
});

test("a word says who, why and what, or it is refused", async () => {
  const once = stage().process();
  const wrong = [
    { step: "charge", notExecuted: true, by: "", reason: "seen" },
    { step: "charge", notExecuted: true, by: "ann", reason: " " },
    { step: "", notExecuted: true, ...word },
    { step: "charge", executed: "", ...word },
  ] as const;
  for (const given of wrong)
    await assert.rejects(once.settle(named, given), (error) =>
      isNevertwiceError(error, "option-invalid"),
    );
  await assert.rejects(once.resume(named, { by: "ann", reason: "" }), (error) =>
    isNevertwiceError(error, "option-invalid"),
  );
  const unscoped = { ...named, scope: "" };
  await assert.rejects(once.resume(unscoped, word), (error) =>
    isNevertwiceError(error, "scope-missing"),
  );
});

test("a word into a store that is out of reach is told as such", async () => {
  const scene = stage();
  const reopen = async () => ({ kind: "not-known", error: new Error("gone") }) as const;
  const once = scene.process({ store: { ...scene.store, reopen } });
  await assert.rejects(once.resume(named, word), (error) =>
    isNevertwiceError(error, "store-unavailable"),
  );
});
