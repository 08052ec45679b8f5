import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, isNevertwiceError, ok } from "../../src/index.ts";
import { call, LATER_MS, type Process, type Scene } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];
type Handler = Parameters<ReturnType<Process["join"]>["atomic"]>[1]["handler"];

/** The transaction of the user's own, which the store speaks through. */
const tx = { name: "the user's own" };

/** A store that can join; it answers as it does for a transaction of its own. */
function joining({ store }: Scene, asked: unknown[] = []): Store {
  const join: NonNullable<Store["join"]> = (owned, request, work) => {
    asked.push(owned);
    return store.atomic(request, work);
  };
  return { ...store, join };
}

const rename = (scene: Scene, handler: unknown, request = call, store = joining(scene)) =>
  scene
    .process({ store })
    .join(tx)
    .atomic("rename", { input: Order, handler: handler as Handler }, request);

/** An operation of the same name and key whose attempt failed, so that it is to run again. */
async function waiting(scene: Scene): Promise<void> {
  const handler = () => {
    throw new Error("crash");
  };
  await scene.process().operation("rename", { input: Order, handler }).run(call);
}

test("a joined operation runs in the transaction of the user, and is replayed after it", async () => {
  const scene = stage();
  const asked: unknown[] = [];
  const seen: unknown[] = [];
  const handler = (op: { readonly tx: unknown; readonly key: string }, input: unknown) => {
    seen.push(op.tx, op.key, input);
    return ok({ id: 7 }, 201);
  };
  const first = await rename(scene, handler, call, joining(scene, asked));
  assert.deepEqual(first, {
    ...{ kind: "succeeded", status: 201, body: { id: 7 }, reference: undefined, replayed: false },
  });
  assert.deepEqual([seen, asked], [[tx, call.key, call.input], [tx]]);
  assert.deepEqual(await rename(scene, handler), { ...first, replayed: true });
  assert.equal(seen.length, 3);
});

test("a joined operation that failed is replayed as what it was", async () => {
  const scene = stage();
  const first = await rename(scene, () => fail({ reason: "no" }));
  assert.equal(first.kind, "failed");
  assert.deepEqual(await rename(scene, () => ok()), { ...first, replayed: true });
});

test("what a joined handler throws is thrown, so that its transaction is rolled back", async () => {
  const error = new Error("a bug");
  const throwing = () => {
    throw error;
  };
  await assert.rejects(rename(stage(), throwing), (thrown) => thrown === error);
});

test("a store that cannot join says so before anything runs", async () => {
  const scene = stage();
  await assert.rejects(
    rename(scene, () => ok(), call, scene.store),
    (error) => isNevertwiceError(error, "capability-missing"),
  );
});

test("a joined operation is checked as every other one is", async () => {
  const scene = stage();
  const joined = scene.process({ store: joining(scene) }).join(tx);
  const options = { input: Order, handler: () => ok() };
  await assert.rejects(joined.atomic("9 lives", options, call), (error) =>
    isNevertwiceError(error, "option-invalid"),
  );
  await assert.rejects(joined.atomic("rename", options, { ...call, scope: "" }), (error) =>
    isNevertwiceError(error, "scope-missing"),
  );
});

test("a joined operation is refused the key of another payload", async () => {
  const scene = stage();
  await rename(scene, () => ok());
  const other = { ...call, input: { ...call.input, amount: 7 } };
  const end = await rename(scene, () => ok(), other);
  assert.deepEqual(end, { kind: "key-reused", retry: "never", retryAfterMs: undefined });
});

test("a joined operation neither takes over what is to run again, nor what is due", async () => {
  const scene = stage();
  await waiting(scene);
  const early = await rename(scene, () => ok());
  assert.ok(early.kind === "retry-scheduled" && early.retryAfterMs !== undefined);
  assert.ok(early.retryAfterMs > 0);
  scene.advance(LATER_MS);
  const end = await rename(scene, () => ok());
  assert.deepEqual(end, { kind: "in-progress", retry: "same-key", retryAfterMs: 1_000 });
});
