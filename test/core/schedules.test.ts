import assert from "node:assert/strict";
import { test } from "node:test";
import { declined, fail, isNevertwiceError, ok } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { checkout, Order, provider, stage } from "./stage.ts";

const input = { cartId: "c1", amount: 1999 };
const call = { scope: "acct_1", key: "k1", input };
const id = recordId("own", "acct_1", "k1");

/** The record's state and doubt. */
async function stateOf({ store }: ReturnType<typeof stage>): Promise<string> {
  const read = await store.read(id);
  const record = read.kind === "ok" ? read.value?.record : undefined;
  return record?.doubt === undefined ? String(record?.state) : `${record.state}: ${record.doubt}`;
}

test("H3: one of two parallel charges is declined, the other succeeds: never failed", async () => {
  const scene = stage();
  const operation = scene.process().operation("split", {
    input: Order,
    handler: async (op) => {
      const [first] = await Promise.all([
        op.external("first", { send: async () => declined({ code: "no" }) }),
        op.external("second", { send: async () => ({ id: "ch_2" }) }),
      ]);
      return first.declined ? fail({ reason: "declined" }, 402) : ok({});
    },
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
});

test("H3: an external step that was not awaited still records its result before the end", async () => {
  const scene = stage();
  const operation = scene.process().operation("forgot", {
    input: Order,
    handler: (op) => {
      void op.external("charge", { send: async () => ({ id: "ch_1" }) });
      return ok({}, 201);
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  const read = await scene.store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.steps[0]?.result?.kind, "succeeded");
});

test("H3: a 4xx after a charge is not final", async () => {
  const scene = stage();
  const operation = scene.process().operation("late-refusal", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", { send: async () => ({ id: "ch_1" }) });
      return fail({ reason: "sold out" }, 409);
    },
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
});

test("H3: nothing can be done with an operation after its settle", async () => {
  const scene = stage();
  let after: unknown;
  const operation = scene.process().operation("after", {
    input: Order,
    handler: async (op) => {
      const ended = await op.settle(() => ok({ first: true }));
      after = await op.settle(() => ok({ second: true })).catch((error: unknown) => error);
      return ended;
    },
  });
  const result = await operation.run(call);
  assert.deepEqual("body" in result && result.body, { first: true });
  assert.ok(isNevertwiceError(after, "operation-settled"));
});

test("H4: a settle that meets a constraint after the charge ends in doubt, and never charges again", async () => {
  const scene = stage();
  const bank = provider();
  const operation = scene.process().operation("clash", {
    input: Order,
    handler: async (op) => {
      const charge = await op.external("charge", { send: ({ key }) => bank.charge(key, 5) });
      return op.settle((tx) => {
        tx.table("orders").insert("taken", {});
        tx.table("orders").insert("taken", {});
        return ok({ charge });
      });
    },
  });
  for (let attempt = 0; attempt < 12; attempt += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    scene.advance(120_000);
  }
  assert.equal(bank.sent, 1);
  assert.equal(await stateOf(scene), "in_doubt: attempts-exhausted");
});

test("H6: a retry from before a renaming finds its operation by the alias", async () => {
  const scene = stage();
  const bank = provider();
  const first = await checkout(scene.process(), bank, "buy").run(call);
  const renamed = scene.process().operation("purchase", {
    input: Order,
    aliases: ["buy"],
    handler: () => fail({}),
  });
  const replay = await renamed.run(call);
  assert.deepEqual("body" in replay && replay.body, "body" in first && first.body);
  const stranger = scene.process().operation("other", { input: Order, handler: () => ok() });
  const refused = await stranger.run(call);
  assert.equal(refused.kind, "key-reused");
  assert.equal("retry" in refused && refused.retry, "never");
});

test("H6: a key is compared by the recipe that it was stored with, not by today's", async () => {
  const scene = stage();
  const handler = () => ok({ ran: true });
  await scene
    .process()
    .operation("buy", { input: Order, fingerprint: ["amount"], handler })
    .run(call);
  const today = scene.process().operation("buy", { input: Order, handler });
  const replay = await today.run({ ...call, input: { cartId: "renamed", amount: 1999 } });
  assert.equal("replayed" in replay && replay.replayed, true);
});

test("H8: a client over HTTP cannot occupy the key of our own job", async () => {
  const scene = stage();
  const operation = checkout(scene.process(), provider());
  const http = await operation.door.perform({
    origin: "http",
    ...call,
    input: { ...input, amount: 1 },
  });
  assert.equal(http.kind, "succeeded");
  assert.notEqual(recordId("http", "acct_1", "k1"), id);
  const job = await operation.door.perform({ origin: "own", ...call, key: "k2" });
  assert.equal(job.kind, "succeeded");
  const own = await operation.run({ ...call, scope: "acct_9" });
  assert.equal(own.kind, "succeeded");
});

test("H12: the same step name twice in one run is an error; loops name by business id", async () => {
  const scene = stage();
  const lines = ["line_1", "line_2"];
  const sent: string[] = [];
  const once = scene.process();
  const careless = once.operation("careless", {
    input: Order,
    handler: async (op) => {
      for (const line of lines)
        await op.external("refund", { input: line, send: async () => line });
      return ok();
    },
  });
  const refused = await careless.run(call);
  assert.ok("error" in refused && isNevertwiceError(refused.error, "step-repeated"));
  const careful = once.operation("careful", {
    input: Order,
    handler: async (op) => {
      for (const line of lines) {
        const send = async () => void sent.push(line);
        await op.external(`refund ${line}`, { input: line, send });
      }
      return ok();
    },
  });
  assert.equal((await careful.run({ ...call, key: "k2" })).kind, "succeeded");
  assert.deepEqual(sent, lines);
});

test("H12: a recorded step that meets other arguments is changed code, not a result to reuse", async () => {
  const scene = stage();
  let card = "A";
  let charges = 0;
  const operation = scene.process().operation("cards", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", { input: { card }, send: async () => ({ n: ++charges }) });
      if (card === "A") throw new Error("crash after the charge");
      return ok();
    },
  });
  await operation.run(call);
  card = "B";
  scene.advance(1_000);
  const refused = await operation.run(call);
  assert.ok("error" in refused && isNevertwiceError(refused.error, "definition-changed"));
  assert.equal(charges, 1);
  assert.equal(await stateOf(scene), "in_doubt: definition-changed");
});

test("H13: an external step needs a namespace, and a store keeps the one that it was given", async () => {
  const scene = stage();
  const bank = provider();
  const { store } = scene;
  const bare = checkout(scene.process({ namespace: undefined } as never), bank);
  const refused = await bare.run(call);
  assert.ok("error" in refused && isNevertwiceError(refused.error, "namespace-missing"));
  assert.equal(bank.sent, 0);
  await store.namespace("production");
  await assert.rejects(
    checkout(scene.process({ namespace: "staging" }), bank).run({ ...call, key: "k2" }),
    (error) => isNevertwiceError(error, "namespace-changed"),
  );
  const other = stage();
  await checkout(scene.process({ namespace: "production" }), bank).run({ ...call, key: "k3" });
  await checkout(other.process({ namespace: "staging" }), bank).run({ ...call, key: "k3" });
  assert.equal(bank.charges.size, 2);
});

test("H15: a failed outcome of an atomic operation leaves only itself", async () => {
  const scene = stage();
  const operation = scene.process().atomic("rename", {
    input: Order,
    handler: (op) => {
      op.tx.table("orders").insert("o1", {});
      op.stage("renamed", {});
      return fail({ reason: "taken" }, 409);
    },
  });
  const first = await operation.run(call);
  assert.equal(first.kind, "failed");
  assert.deepEqual([...scene.store.table("orders").values()], []);
  const messages = await scene.store.messages(id);
  assert.deepEqual(messages.kind === "ok" && messages.value, []);
  assert.deepEqual(await operation.run(call), { ...first, replayed: true });
});

test("H18: the first run sees the input as a take-over would: decoded from its stored bytes", async () => {
  const scene = stage();
  const seen: unknown[] = [];
  const operation = scene.process().operation("typed", {
    input: Order,
    handler: (_op, order) => {
      seen.push(order);
      if (seen.length === 1) throw new Error("first attempt");
      return ok();
    },
  });
  await operation.run(call);
  scene.advance(1_000);
  await operation.run({ ...call, input: { amount: 1999, cartId: "c1" } });
  assert.deepEqual(seen, [input, input]);
  assert.notEqual(seen[0], input);
});

test("H18: a worker leaves operations alone whose name or version it does not know", async () => {
  const scene = stage();
  const handler = () => {
    throw new Error("not yet");
  };
  const once = scene.process();
  await once.operation("new", { version: 2, input: Order, handler }).run(call);
  scene.advance(1_000);
  const old = scene.process();
  old.operation("new", { version: 1, input: Order, handler: () => ok() });
  const pass = await old.worker.runOnce();
  assert.equal(pass.recovery.found, 0);
  const read = await scene.store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.attempts, 1);
});

test("H22: an external step inside a transaction is refused, and what is staged later is refused too", async () => {
  const scene = stage();
  let late: (() => void) | undefined;
  const operation = scene.process().operation("nested", {
    input: Order,
    handler: async (op) => {
      const nested = await op
        .atomic("outer", async (_tx, write) => {
          late = () => write.stage("late", {});
          await op.external("inner", { send: async () => 1 });
        })
        .catch((error: unknown) => error);
      assert.ok(isNevertwiceError(nested, "step-nested"));
      return ok();
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.throws(
    () => late?.(),
    (error) => isNevertwiceError(error, "operation-settled"),
  );
});

test("H22: messages of parallel atomic steps enter their own transactions", async () => {
  const scene = stage();
  const operation = scene.process().operation("parallel", {
    input: Order,
    handler: async (op) => {
      const one = op.atomic("one", async (_tx, write) => write.stage("one", 1));
      const two = op
        .atomic("two", async (_tx, write) => {
          write.stage("two", 2);
          throw new Error("rolled back");
        })
        .catch(() => undefined);
      await Promise.all([one, two]);
      return ok();
    },
  });
  await operation.run(call);
  const messages = await scene.store.messages(id);
  assert.deepEqual(messages.kind === "ok" && messages.value.map(({ topic }) => topic), ["one"]);
});

test("H14: another operation inside a transaction is refused instead of waiting for itself", async () => {
  const scene = stage();
  const once = scene.process();
  const inner = once.operation("inner", { input: Order, handler: () => ok() });
  const operation = once.operation("outer", {
    input: Order,
    handler: async (op) => {
      await op.atomic("step", async () => void (await inner.run({ ...call, key: "inner" })));
      return ok();
    },
  });
  const refused = await operation.run(call);
  assert.ok("error" in refused && isNevertwiceError(refused.error, "step-nested"));
});
