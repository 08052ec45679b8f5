import assert from "node:assert/strict";
import { test } from "node:test";
import {
  acquirer,
  type Charge,
  type ChargeEffect,
  call,
  evidenceOf,
  gate,
  LATER_MS,
  LEASE_MS,
  pay,
  type Scene,
  settleTurn,
  stateOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";
import { watched } from "./watched.ts";

const captured = (id: string): Charge => ({ id, status: "captured" });

/** Who lost the claim tells of its charge while the newer owner's own send is under way. */
async function told(scene: Scene, first: string, second: string, extra?: Partial<ChargeEffect>) {
  const late = gate<Charge>();
  const zombie = pay(scene.process(), acquirer().effect({ send: () => late.passed })).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const send = async () => {
    late.open(captured(first));
    await settleTurn();
    return captured(second);
  };
  const owner = await pay(scene.process(), acquirer().effect({ send, ...extra })).run(call);
  await zombie;
  const alarms = scene.events.filter(({ type }) => type === "effect.duplicate");
  const evidence = (await evidenceOf(scene)).map(({ source, finding, detail, reference }) =>
    source === "alarm" ? [source, finding, detail, reference] : [source, finding, reference],
  );
  return { owner, alarms, evidence };
}

test("S17: a charge that was told before the owner recorded another is a second effect: an alarm", async () => {
  const scene = stage();
  const { owner, alarms, evidence } = await told(scene, "ch_1", "ch_2");
  assert.equal(owner.kind, "succeeded");
  assert.equal(await stateOf(scene), "succeeded");
  assert.deepEqual(
    alarms.map((event) => "reference" in event && [event.fence, event.reference]),
    [[2, "ch_1"]],
  );
  assert.deepEqual(evidence, [
    ["stale-holder", "executed", "ch_1"],
    ["alarm", "executed", "effect.duplicate", "ch_1"],
  ]);
});

test("S17: the same charge, told before its owner recorded it, raises no alarm", async () => {
  const { owner, alarms, evidence } = await told(stage(), "ch_1", "ch_1");
  assert.equal(owner.kind, "succeeded");
  assert.deepEqual([alarms, evidence], [[], [["stale-holder", "executed", "ch_1"]]]);
});

test("S17: a charge without a reference cannot be told apart, and raises no alarm", async () => {
  const { owner, alarms, evidence } = await told(stage(), "ch_1", "ch_2", {
    reference: () => undefined,
  });
  assert.equal(owner.kind, "succeeded");
  assert.deepEqual([alarms, evidence], [[], [["stale-holder", "executed", "ch_1"]]]);
});

test("S17: only an owner after others, who has a reference to compare, reads what was told", async () => {
  for (const [happening, reference, readings] of [
    ["charged", "ch_1", 0],
    ["lost after", "ch_1", 1],
    ["lost after", undefined, 0],
  ] as const) {
    const scene = stage();
    const seen = watched(scene);
    const bank = acquirer([happening]);
    const effect = bank.effect({ reference: () => reference });
    const operation = pay(scene.process({ store: seen.store }), effect);
    await operation.run(call);
    scene.advance(LATER_MS);
    assert.equal((await operation.run(call)).kind, "succeeded");
    assert.deepEqual([seen.readings, seen.noted], [readings, []], `${happening} ${reference}`);
  }
});
