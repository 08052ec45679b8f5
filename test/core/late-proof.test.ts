import assert from "node:assert/strict";
import { test } from "node:test";
import { ok } from "../../src/index.ts";
import { acquirer, call, recordOf } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

test("a proof whose first try lands after the step was sent anew makes no third send", async () => {
  const scene = stage();
  const { store } = scene;
  const bank = acquirer(["lost before", "charged"]);
  let late: (() => Promise<unknown>) | undefined;
  const answers: unknown[] = [];
  const watched: typeof store = {
    ...store,
    async record(holder, name, end) {
      if (!("proven" in end) || late !== undefined) return store.record(holder, name, end);
      late = () => store.record(holder, name, end);
      return { kind: "not-known", error: new Error("The connection was reset.") };
    },
    async begin(holder, step) {
      const begun = await store.begin(holder, step);
      answers.push(await late?.());
      return begun;
    },
  };
  const once = scene.process({ store: watched });
  const lookUp = { quietMs: 1_000, absenceProves: true, find: () => undefined };
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", bank.effect({ lookUp, ways: ["look-up"] }));
      return op.settle(() => ok({ paid: true }, 201));
    },
  });
  for (let attempt = 0; attempt < 4; attempt += 1) {
    await operation.run(call);
    scene.advance(700_000);
  }
  assert.deepEqual(answers, [undefined, { kind: "ok", value: "stale" }]);
  assert.equal((await recordOf(scene)).state, "succeeded");
  assert.equal(bank.keys.length, 2);
  assert.equal(bank.charges.size, 1);
});
