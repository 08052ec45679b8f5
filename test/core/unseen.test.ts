import assert from "node:assert/strict";
import { test } from "node:test";
import { ok } from "../../src/index.ts";
import { acquirer, call, gate, LATER_MS, type Process, recordOf, settleTurn } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Op = Parameters<Parameters<Process["operation"]>[1]["handler"]>[0];

/** What an operation comes to whose handler treats its failing step like this, and how often. */
async function treated(
  handler: (op: Op, fail: () => Promise<unknown>) => unknown,
  failure: unknown = new Error("no order was written"),
): Promise<string> {
  const scene = stage();
  const once = scene.process();
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      const fail = (): Promise<unknown> =>
        op.atomic("order", () => {
          throw failure;
        });
      await handler(op, fail);
      return ok({}, 201);
    },
  });
  await operation.run(call);
  return (await recordOf(scene)).state;
}

test("an operation does not succeed without a step that nobody awaited", async () => {
  for (const wait of [settleTurn, async () => undefined]) {
    const state = await treated(async (_, fail) => {
      void fail();
      await wait();
    });
    assert.equal(state, "waiting");
  }
});

test("a step that failed after its handler had stopped waiting for it is not lost", async () => {
  const late = gate();
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      const step = op.atomic("order", async () => {
        await late.passed;
        throw new Error("no order was written");
      });
      await Promise.race([step, settleTurn()]);
      setImmediate(() => late.open());
      return ok({}, 201);
    },
  });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.equal((await recordOf(scene)).state, "waiting");
});

test("a step whose failure its handler has dealt with is its own affair", async () => {
  for (const deal of [
    async (_: Op, fail: () => Promise<unknown>) => await fail().catch(() => undefined),
    async (_: Op, fail: () => Promise<unknown>) => void (await Promise.allSettled([fail()])),
    async (_: Op, fail: () => Promise<unknown>) => {
      const step = fail();
      await settleTurn();
      await step.then(undefined, () => undefined);
    },
  ])
    assert.equal(await treated(deal), "succeeded");
});

test("a step that was given what is no JSON is missed like any other", async () => {
  const scene = stage();
  const bank = acquirer();
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      void op.external("charge", bank.effect({ input: { amount: 1n } }));
      await settleTurn();
      return ok({}, 201);
    },
  });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.deepEqual([bank.keys.length, (await recordOf(scene)).state], [0, "waiting"]);
});

test("a thrown 4xx of a step that nobody awaited is the outcome, as if it had been awaited", async () => {
  const refusal = Object.assign(new Error("sold out"), { status: 409 });
  assert.equal(await treated(async (_, fail) => void fail(), refusal), "failed");
});

test("an outcome that nobody awaited is the outcome", async () => {
  for (const wait of [settleTurn, async () => undefined]) {
    const scene = stage();
    const operation = scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        void op.settle((tx) => {
          tx.table("orders").insert("o1", {});
          return ok({ orderId: "o1" }, 201);
        });
        await wait();
      },
    });
    const result = await operation.run(call);
    assert.ok(result.kind === "succeeded");
    assert.deepEqual([result.status, result.body], [201, { orderId: "o1" }]);
    assert.equal(scene.store.table("orders").values().length, 1);
  }
});

test("an outcome that could not be written, and that nobody awaited, is tried again", async () => {
  const scene = stage();
  const fates = [new Error("a deadlock"), undefined];
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      void op.settle(() => {
        const fate = fates.shift();
        if (fate) throw fate;
        return ok({}, 201);
      });
      await settleTurn();
    },
  });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
});
