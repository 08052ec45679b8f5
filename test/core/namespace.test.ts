import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError } from "../../src/index.ts";
import { acquirer, call, pay } from "./acquirer.ts";
import { stage } from "./stage.ts";

test("a namespace is compared with the store's once, and a store that is away is met by the claim", async () => {
  const scene = stage();
  const asked: string[] = [];
  let away = true;
  const namespace = (name: string) => {
    asked.push(name);
    const gone = { kind: "not-known", error: new Error("gone") } as const;
    return away ? Promise.resolve(gone) : scene.store.namespace(name);
  };
  const operation = pay(
    scene.process({ store: { ...scene.store, namespace } }),
    acquirer().effect(),
  );
  assert.equal((await operation.run(call)).kind, "succeeded");
  away = false;
  for (const key of ["k2", "k3"]) await operation.run({ ...call, key });
  assert.deepEqual(asked, ["test", "test"]);
  const other = pay(scene.process({ namespace: "other" }), acquirer().effect());
  await assert.rejects(other.run(call), (error) => isNevertwiceError(error, "namespace-changed"));
});
