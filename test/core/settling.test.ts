import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, ok } from "../../src/index.ts";
import { call, id, LATER_MS, type Process, type Scene, stateOf, stepOf } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];
type Handler = Parameters<Process["operation"]>[1]["handler"];

const gone = { kind: "not-known", error: new Error("gone") } as const;

const pay = (once: Process, handler: Handler) =>
  once.operation("pay", { input: Order, handler: handler as never });

/** A store whose first transaction has no answer: it has landed, or never came. */
function losing({ store }: Scene, what: "landed" | "never"): Store {
  let tries = 0;
  return {
    ...store,
    transact: async (holder, work) => {
      tries += 1;
      if (tries > 1) return store.transact(holder, work);
      if (what === "landed") await store.transact(holder, work);
      return gone;
    },
  };
}

for (const end of [ok, fail])
  test(`a settlement is told of by its outcome, once: ${end({}).status}`, async () => {
    const scene = stage();
    const result = await pay(scene.process(), (op) => op.settle(() => end({ id: 7 }))).run(call);
    const outcome = end === ok ? "succeeded" : "failed";
    assert.deepEqual([result.kind, "body" in result && result.body], [outcome, { id: 7 }]);
    assert.deepEqual(
      scene.events.filter(({ type }) => type === "operation.settled"),
      [{ type: "operation.settled", id, name: "pay", fence: 1, outcome }],
    );
  });

for (const what of ["landed", "never"] as const)
  test(`a settlement without an answer is the first answer all the same: ${what}`, async () => {
    const scene = stage();
    let runs = 0;
    const once = scene.process({ store: losing(scene, what) });
    const result = await pay(once, (op) =>
      op.settle((tx) => {
        runs += 1;
        tx.table("orders").insert("o1", {});
        return ok({ id: 7 }, 201);
      }),
    ).run(call);
    assert.deepEqual(result, {
      ...{ kind: "succeeded", status: 201, body: { id: 7 } },
      ...{ reference: undefined, replayed: false },
    });
    assert.equal(runs, 1);
    assert.equal(scene.store.table("orders").values().length, 1);
  });

test("what was settled is what was committed, also if the callback ran again", async () => {
  const scene = stage();
  let reads = 0;
  const store: Store = {
    ...losing(scene, "landed"),
    read: (of) => {
      reads += 1;
      return reads === 1 ? Promise.resolve(gone) : scene.store.read(of);
    },
  };
  let runs = 0;
  const result = await pay(scene.process({ store }), (op) =>
    op.settle(() => {
      runs += 1;
      return runs === 1 ? fail({ run: 1 }) : ok({ run: 2 });
    }),
  ).run(call);
  assert.deepEqual([result.kind, "body" in result && result.body], ["failed", { run: 1 }]);
  assert.equal(runs, 2);
  const [settled] = scene.events.filter((event) => event.type === "operation.settled");
  assert.equal(settled?.outcome, "failed");
});

for (const [status, state] of [
  [503, "waiting"],
  [401, "waiting"],
] as const)
  test(`a status that is no outcome ends the attempt, not the operation: ${status}`, async () => {
    const scene = stage();
    let tries = 0;
    const heard: unknown[] = [];
    const operation = pay(scene.process(), async (op) => {
      tries += 1;
      const end = tries === 1 ? ok({}, status) : ok({ id: 7 });
      return op
        .settle(() => end)
        .catch((error: unknown) => {
          heard.push(error);
          throw error;
        });
    });
    await operation.run(call);
    assert.equal(await stateOf(scene), state);
    assert.equal((heard[0] as { status?: number }).status, status);
    scene.advance(LATER_MS);
    assert.equal((await operation.run(call)).kind, "succeeded");
  });

test("what an earlier attempt took back is not settled over as if it stood", async () => {
  const scene = stage();
  const charge = { send: () => ({ id: "ch_1" }) };
  const refund = { send: () => ({ id: "re_1" }) };
  const attempt = (then: (op: Parameters<Handler>[0]) => Promise<unknown>) =>
    scene.process().operation("pay", {
      input: Order,
      compensations: { charge: () => refund },
      handler: async (op) => {
        await op.external("charge", charge);
        return (await then(op)) as never;
      },
    });
  await attempt(async (op) => {
    await op.compensate("charge", refund);
    throw new Error("crash");
  }).run(call);
  assert.equal((await stepOf(scene))?.effect?.compensated, true);
  scene.advance(LATER_MS);
  const end = await attempt((op) => op.settle(() => ok("paid"))).run(call);
  assert.equal(end.kind, "failed");
});
