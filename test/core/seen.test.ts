import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, notExecuted, ok } from "../../src/index.ts";
import type { Holder } from "../../src/model/operation.ts";
import { progressOf } from "../../src/model/step.ts";
import { acquirer, call, recordOf, type Scene } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

/** A store that compares what each write has seen with what there is. */
function comparing(scene: Scene, seen: [string, number | undefined, number][]) {
  const { store } = scene;
  const note = async (method: string, holder: Holder): Promise<void> => {
    seen.push([method, holder.seen, progressOf((await recordOf(scene)).steps)]);
  };
  const watched: Partial<Scene["store"]> = {
    async begin(holder, step) {
      await note("begin", holder);
      return store.begin(holder, step);
    },
    async record(holder, name, end) {
      await note("record", holder);
      return store.record(holder, name, end);
    },
    async settle(holder, settlement) {
      await note("settle", holder);
      return store.settle(holder, settlement);
    },
    async suspend(holder, suspension) {
      await note("suspend", holder);
      return store.suspend(holder, suspension);
    },
    async transact(holder, work) {
      await note("transact", holder);
      return store.transact(holder, work);
    },
  };
  return { ...store, ...watched };
}

test("a run has seen exactly what there is, through resends, look-ups and compensations", async () => {
  const scene = stage();
  const seen: [string, number | undefined, number][] = [];
  const bank = acquirer(["lost after", "charged", "refused connection", "charged"]);
  const once = scene.process({ store: comparing(scene, seen), waitMs: 0 });
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.atomic("reserve", () => 1);
      const first = await op.external("charge", bank.effect());
      await op.external("tax", bank.effect());
      await op.external("mail", { send: () => ({ sent: true }) });
      if (first.declined) return ok({ paid: false });
      await op.compensate("charge", { send: ({ key }) => ({ refunded: key }) });
      await op.compensate("tax", { send: ({ key }) => ({ refunded: key }) });
      await op.compensate("mail", { send: () => notExecuted("nothing to take back") });
      return op.settle(() => fail({ paid: false }, 402));
    },
  });
  for (let attempt = 0; attempt < 6; attempt += 1) {
    await operation.run(call);
    scene.advance(700_000);
  }
  const methods = new Set(seen.map(([method]) => method));
  assert.deepEqual([...methods].toSorted(), ["begin", "record", "suspend", "transact"]);
  for (const [method, known, there] of seen) assert.equal(known, there, method);
  assert.ok(Math.max(...seen.map(([, , there]) => there)) > 10);
});

test("a step that a look-up disproves, and that is sent anew, is seen as it is", async () => {
  const scene = stage();
  const seen: [string, number | undefined, number][] = [];
  const bank = acquirer(["lost before", "charged"]);
  const once = scene.process({ store: comparing(scene, seen), waitMs: 0 });
  const lookUp = { quietMs: 1_000, absenceProves: true, find: () => undefined };
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", bank.effect({ lookUp, ways: ["look-up"] }));
      return op.settle(() => ok({ paid: true }, 201));
    },
  });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await operation.run(call);
    scene.advance(700_000);
  }
  assert.equal((await recordOf(scene)).state, "succeeded");
  assert.equal(new Set(bank.keys).size, 2, "the second send has a key of its own");
  for (const [method, known, there] of seen) assert.equal(known, there, method);
});
