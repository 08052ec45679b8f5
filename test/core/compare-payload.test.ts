import assert from "node:assert/strict";
import { test } from "node:test";
import { comparePayload, prepareClaim } from "../../src/core/claim.ts";
import { ok } from "../../src/index.ts";
import { call, type Process, recordOf } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

const asked = { ...call, origin: "own" } as const;

function declared(once: Process, name = "order", aliases: readonly string[] = []) {
  return once.operation(name, { input: Order, aliases, handler: () => ok({ id: 1 }) }).door;
}

test("S12: a payload is compared by the recipe of its record, under the name of that time", async () => {
  const scene = stage();
  await declared(scene.process()).perform(asked);
  const record = await recordOf(scene);
  const told = ({ ports, definition }: ReturnType<typeof declared>, input: unknown, of = record) =>
    comparePayload(definition, prepareClaim(ports, definition, { ...asked, input }), of);
  const other = { ...call.input, amount: 2 };
  for (const door of [
    declared(scene.process()),
    declared(scene.process(), "checkout", ["order"]),
  ]) {
    assert.equal(told(door, call.input), "same");
    assert.equal(told(door, other), "other");
    assert.equal(told(door, call.input, { ...record, recipe: '[99,"order"]' }), "recipe-unknown");
  }
  assert.equal(told(declared(scene.process(), "checkout"), call.input), "other");
});
