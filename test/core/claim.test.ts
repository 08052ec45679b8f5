import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, ok } from "../../src/index.ts";
import { call, id, type Process } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

const BYTES = Buffer.byteLength(JSON.stringify(call.input));

function order(once: Process) {
  return once.operation("order", { input: Order, handler: () => ok({ id: 1 }) });
}

test("an input goes up to its limit, a byte more is refused and leaves the key free", async () => {
  const large = (error: unknown): boolean => isNevertwiceError(error, "body-too-large");
  for (const [requestBytesMax, fits] of [
    [BYTES, true],
    [BYTES - 1, false],
  ] as const) {
    const scene = stage();
    const run = order(scene.process({ requestBytesMax })).run(call);
    if (fits) assert.equal((await run).kind, "succeeded");
    else await assert.rejects(run, large);
    const read = await scene.store.read(id);
    assert.equal(read.kind === "ok" && read.value !== undefined, fits);
  }
});

test("S12: a record whose recipe a newer version wrote is refused, not compared by another", async () => {
  const scene = stage();
  const { store } = scene;
  assert.equal((await order(scene.process()).run(call)).kind, "succeeded");
  const claim: typeof store.claim = async (request) => {
    const answer = await store.claim(request);
    if (answer.kind !== "ok" || answer.value.kind !== "found") return answer;
    const { snapshot } = answer.value;
    const record = { ...snapshot.record, recipe: '[99,"order"]' };
    return { kind: "ok", value: { kind: "found", snapshot: { ...snapshot, record } } };
  };
  const newer = scene.process({ store: { ...store, claim } });
  assert.equal((await order(newer).run(call)).kind, "recipe-unknown");
});
