import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, ok } from "../../src/index.ts";
import { call, named, recordOf } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

test("a key is looked up by its origin, scope and operation, and tells how it stands", async () => {
  const scene = stage();
  const once = scene.process();
  await once
    .operation("pay", { input: Order, handler: () => ok({}, 201, { reference: "order_1" }) })
    .run(call);
  const { createdAt, finalAt } = await recordOf(scene);
  assert.deepEqual(await once.lookup(named), {
    ...{ name: "pay", state: "succeeded", attempts: 1, createdAt, finalAt },
    ...{ dueAt: undefined, doubt: undefined, status: 201, reference: "order_1" },
  });
  const { scope, key } = named;
  assert.equal(await once.lookup({ scope, key }), undefined, "that of a client");
  assert.equal(await once.lookup({ ...named, operation: "pay" }), undefined);
  assert.equal(await once.lookup({ ...named, scope: "acct_2" }), undefined);
  const read = async () => ({ kind: "not-known", error: new Error("gone") }) as const;
  const blind = scene.process({ store: { ...scene.store, read } });
  await assert.rejects(
    blind.lookup(named),
    (error) => isNevertwiceError(error, "store-unavailable") && /gone/.test(String(error.cause)),
  );
});
