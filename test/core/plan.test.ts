import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import {
  fail,
  nevertwice,
  type OperationEvent,
  ok,
  type PlanOp,
  type Statement,
} from "../../src/index.ts";
import { type MemoryTransaction, memoryStore } from "../../src/stores/memory/store.ts";
import { sqliteStore } from "../../src/stores/sqlite/store.ts";
import { nodeFile } from "../stores/sqlite-files.ts";
import { Order } from "./stage.ts";

type Input = Order;
type Plan = (op: PlanOp, order: Input) => unknown;

const INSERT = "INSERT INTO orders VALUES (?, ?)";
const call = { scope: "acct_1", key: "k", input: { cartId: "c1", amount: 1250 } };

const place: Plan = (op, order) => {
  op.write(INSERT, [op.key, order.amount]);
  op.stage("receipt", { key: op.key });
  return ok({ orderId: op.key, amount: order.amount }, 201, { reference: op.key });
};

/** A shop on a file of its own; `lose` makes the answers of the next plans go astray. */
async function shop(t: TestContext) {
  const file = nodeFile();
  const db = file.connect();
  db.exec("CREATE TABLE orders (id TEXT UNIQUE, amount INTEGER NOT NULL)");
  const raw = sqliteStore(db);
  await raw.migrate();
  t.after(async () => {
    await raw.close();
    file.close();
  });
  const state = { lost: 0, carried: 0 };
  const store: typeof raw = {
    ...raw,
    async carryOut(request, planned) {
      state.carried += 1;
      const answer = await raw.carryOut?.(request, planned);
      assert.ok(answer);
      if (state.lost === 0) return answer;
      state.lost -= 1;
      return { kind: "not-known", error: new Error("The answer went astray.") };
    },
  };
  const events: OperationEvent[] = [];
  const open = () =>
    nevertwice({ store, waitMs: 0, onEvent: (event) => "fence" in event && events.push(event) });
  const rows = () => db.prepare("SELECT id, amount FROM orders").all();
  return { db, store, state, events, open, rows };
}

const declare = (once: Awaited<ReturnType<typeof shop>>["open"], plan: Plan) =>
  once().atomic("place", { input: Order, plan });

test("a plan's writes, its message and its outcome commit once, and every retry gets the outcome", async (t) => {
  const { open, rows, store, events, state } = await shop(t);
  const operation = declare(open, place);
  const first = await operation.run(call);
  assert.equal(first.kind, "succeeded");
  assert.deepEqual("body" in first && first.body, { orderId: "k", amount: 1250 });
  const again = await declare(open, place).run(call);
  assert.deepEqual(again, { ...first, replayed: true });
  assert.deepEqual(
    rows().map((row) => ({ ...row })),
    [{ id: "k", amount: 1250 }],
  );
  assert.equal(state.carried, 2);
  const [, replayed] = events;
  assert.deepEqual([events[0]?.type, replayed?.type], ["operation.settled", "operation.replayed"]);
  const messages = await store.messages((events[0] as { id: string }).id as never);
  assert.equal(messages.kind === "ok" && messages.value.length, 1);
});

test("the same key with another payload is refused, though its plan was made (S3)", async (t) => {
  const { open, rows } = await shop(t);
  await declare(open, place).run(call);
  const other = await declare(open, place).run({ ...call, input: { cartId: "c1", amount: 5 } });
  assert.equal(other.kind, "key-reused");
  assert.equal(rows().length, 1);
});

test("fifty duplicates at once, in two houses: one row, one outcome", async (t) => {
  const { open, rows } = await shop(t);
  const houses = [0, 1].map(() =>
    nevertwiceOf(open).atomic("place", { input: Order, plan: place }),
  );
  const results = await Promise.all(
    Array.from({ length: 50 }, (_, i) => houses[i % 2]?.run({ ...call, waitMs: 2_000 })),
  );
  assert.deepEqual(new Set(results.map((result) => result?.kind)), new Set(["succeeded"]));
  assert.equal(
    results.filter((result) => result && "replayed" in result && !result.replayed).length,
    1,
  );
  assert.equal(rows().length, 1);
});

const nevertwiceOf = (open: Awaited<ReturnType<typeof shop>>["open"]) => open();

test("an answer that went astray is asked for again, and nothing is written twice (H6)", async (t) => {
  const { open, rows, state } = await shop(t);
  state.lost = 1;
  const result = await nevertwiceOf(open)
    .atomic("place", { input: Order, plan: place })
    .run({ ...call, waitMs: 2_000 });
  assert.equal(result.kind, "succeeded");
  assert.equal(rows().length, 1);
  state.lost = 1;
  const unknown = await declare(open, place).run({ ...call, key: "l" });
  assert.equal(unknown.kind, "store-unavailable");
  const later = await declare(open, place).run({ ...call, key: "l" });
  assert.deepEqual("body" in later && later.body, { orderId: "l", amount: 1250 });
  assert.equal(rows().length, 2);
});

test("a plan that fails is an outcome without writes; one that throws leaves the key free", async (t) => {
  const { open, rows, store, events } = await shop(t);
  const failing = await declare(open, (op) => {
    op.write(INSERT, [op.key, 1]);
    op.stage("receipt", 1);
    return fail({ reason: "closed" }, 409);
  }).run({ ...call, key: "f" });
  assert.deepEqual([failing.kind, "status" in failing && failing.status], ["failed", 409]);
  const thrown = await declare(open, () => {
    throw Object.assign(new Error("Gone."), { status: 410 });
  }).run({ ...call, key: "g" });
  assert.deepEqual([thrown.kind, "status" in thrown && thrown.status], ["failed", 410]);
  for (const plan of [
    () => {
      throw new Error("A bug.");
    },
    () => ok({}, 503),
    (op: PlanOp) => op.write("INSERT INTO nowhere VALUES (1)"),
    (op: PlanOp) => op.write(INSERT, ["k", null]),
    (op: PlanOp) => op.write("DELETE FROM orders; DELETE FROM orders"),
  ] as const) {
    const broken = await declare(open, plan).run(call);
    assert.equal(broken.kind, "retry-scheduled");
    assert.ok("error" in broken && broken.error instanceof Error);
  }
  assert.equal(rows().length, 0);
  const messages = await store.messages((events[0] as { id: string }).id as never);
  assert.deepEqual(messages.kind === "ok" && messages.value, []);
  assert.equal((await declare(open, place).run(call)).kind, "succeeded");
});

test("a plan that throws for a known key is answered from the record", async (t) => {
  const { open } = await shop(t);
  await declare(open, place).run(call);
  const result = await declare(open, () => {
    throw new Error("A bug of the next release.");
  }).run(call);
  assert.ok(result.kind === "succeeded" && result.replayed);
});

test("a plan says at once what is to be written", async (t) => {
  const { open, rows } = await shop(t);
  for (const plan of [
    async (op: PlanOp) => place(op, call.input),
    async () => Promise.reject(new Error("Nobody hears of it.")),
  ]) {
    const result = await declare(open, plan as Plan).run(call);
    assert.equal(result.kind, "retry-scheduled");
    assert.match(String("error" in result && result.error), /A plan says at once/);
  }
  assert.equal(rows().length, 0);
});

test("a plan runs inside of no other operation, and holds none (step-nested)", async (t) => {
  const { open } = await shop(t);
  const once = open();
  const inner = once.atomic("inner", { input: Order, plan: place });
  let nested: Promise<unknown> | undefined;
  await once
    .atomic("outer", {
      input: Order,
      plan: () => {
        nested = inner.run({ ...call, key: "inner" });
        nested.catch(() => undefined);
        return ok();
      },
    })
    .run(call);
  await assert.rejects(nested ?? Promise.resolve(), { code: "step-nested" });
});

test("in memory a statement is a row, or what the test makes of it", async () => {
  for (const [write, table] of [
    [undefined, "statements"],
    [
      (tx: MemoryTransaction, { values }: Statement) => tx.table("orders").put("k", values),
      "orders",
    ],
  ] as const) {
    const store = memoryStore(write ? { write } : {});
    const operation = nevertwice({ store }).atomic("place", { input: Order, plan: place });
    for (let i = 0; i < 2; i += 1) assert.equal((await operation.run(call)).kind, "succeeded");
    const statement = { text: INSERT, values: ["k", 1250] };
    assert.deepEqual(store.table(table).values(), [write ? statement.values : statement]);
    const failing = nevertwice({ store }).atomic("fail", {
      input: Order,
      plan: (op) => {
        op.write(INSERT, [op.key, 1]);
        return fail({}, 409);
      },
    });
    assert.equal((await failing.run({ ...call, key: "f" })).kind, "failed");
    assert.equal(store.table(table).values().length, 1);
  }
});

test("a store without tables carries plans that write nothing", async () => {
  const { carryOut: _, ...bare } = memoryStore();
  const once = nevertwice({ store: bare, waitMs: 0 });
  const quiet = once.atomic("quiet", {
    input: Order,
    plan: (op, order) => {
      op.stage("receipt", order);
      return ok({ amount: order.amount });
    },
  });
  const first = await quiet.run(call);
  assert.deepEqual("body" in first && first.body, { amount: 1250 });
  const again = await quiet.run(call);
  assert.ok(again.kind === "succeeded" && again.replayed);
  const writing = once.atomic("writing", { input: Order, plan: place as never });
  await assert.rejects(writing.run({ ...call, key: "w" }), { code: "capability-missing" });
  const broken = once.atomic("broken", { input: Order, plan: () => assert.fail("A bug.") });
  assert.equal((await broken.run({ ...call, key: "b" })).kind, "retry-scheduled");
});

test("an operation has a handler or a plan, and joins with a handler alone", async () => {
  const once = nevertwice({ store: memoryStore() });
  const plan = () => ok();
  const both = { input: Order, plan, handler: plan } as never;
  assert.throws(() => once.atomic("both", both), { code: "option-invalid" });
  assert.throws(() => once.atomic("neither", { input: Order } as never), {
    code: "option-invalid",
  });
  const joining = nevertwice({ store: { ...memoryStore(), join: async () => assert.fail() } });
  await assert.rejects(joining.join({}).atomic("joined", { input: Order, plan } as never, call), {
    code: "option-invalid",
  });
});
