import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, isNevertwiceError, NevertwiceError, ok } from "../../src/index.ts";
import { call, id, type Process, quietClock, type Scene, settleTurn } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];
type Handler = Parameters<Process["atomic"]>[1]["handler"];
type Op = Parameters<Handler>[0];

const rename = (once: Process, handler: (op: Op) => unknown) =>
  once.atomic("rename", { input: Order, handler: handler as Handler });

async function endOf(handler: (op: Op) => unknown, store: Partial<Store> = {}) {
  const scene = stage();
  const once = scene.process({ store: { ...scene.store, ...store } });
  const result = await rename(once, handler).run(call);
  const { events } = scene;
  return { scene, result, events, error: "error" in result ? result.error : undefined };
}

const insert = ({ tx }: Op) => tx.table("names").insert("n1", { name: "ann" });
const rows = ({ store }: Scene): number => store.table("names").values().length;

for (const [what, handler, kind, written] of [
  ["a value", () => ({ id: 7 }), "succeeded", 1],
  ["a promise", async () => ({ id: 7 }), "succeeded", 1],
  ["a failure", () => fail({ id: 7 }), "failed", 0],
  ["the promise of a failure", async () => fail({ id: 7 }), "failed", 0],
] as const)
  test(`one transaction ends with ${what}, and tells of it`, async () => {
    const { scene, result, events } = await endOf((op) => {
      insert(op);
      return handler();
    });
    assert.deepEqual([result.kind, "body" in result && result.body], [kind, { id: 7 }]);
    assert.equal(rows(scene), written);
    assert.deepEqual(events, [
      { type: "operation.settled", id, name: "rename", fence: 1, outcome: kind },
    ]);
  });

for (const throwing of [true, false])
  for (const [error, body] of [
    [Object.assign(new Error("Gone."), { status: 410 }), { error: "Gone." }],
    [{ status: 404 }, { error: "The operation failed." }],
  ] as const)
    test(`a 4xx that is ${throwing ? "thrown" : "rejected with"} is an outcome: ${body.error}`, async () => {
      const { scene, result } = await endOf((op) => {
        insert(op);
        if (throwing) throw error;
        return Promise.reject(error);
      });
      assert.deepEqual(
        [result.kind, "status" in result && result.status, "body" in result && result.body],
        ["failed", error.status, body],
      );
      assert.equal(rows(scene), 0);
    });

for (const [what, handler, message] of [
  [
    "an error",
    () => {
      throw new Error("a bug");
    },
    /a bug/,
  ],
  [
    "a 503",
    () => {
      throw Object.assign(new Error("busy"), { status: 503 });
    },
    /busy/,
  ],
  [
    "a 429",
    () => {
      throw Object.assign(new Error("slow"), { status: 429 });
    },
    /slow/,
  ],
  ["a returned 503", () => ok({}, 503), /returned the status 503/],
  ["a returned 401", () => ok({}, 401), /returned the status 401/],
] as const)
  test(`what is no outcome leaves nothing behind, and the same key may come again: ${what}`, async () => {
    const { scene, result, error, events } = await endOf((op) => {
      insert(op);
      return handler();
    });
    assert.ok(result.kind === "retry-scheduled");
    assert.equal(result.retryAfterMs, 1_000);
    assert.match(String(error), message);
    assert.deepEqual(events, [{ type: "attempt.failed", id, name: "rename", fence: 1, error }]);
    assert.equal(rows(scene), 0);
    const again = await rename(scene.process(), () => ok("now")).run(call);
    assert.ok(again.kind === "succeeded" && !again.replayed);
  });

const gone = new Error("gone");

for (const [what, answer, kind] of [
  [
    "a commit that the user's own rules refuse",
    { kind: "not-applied", error: gone, again: false },
    "retry-scheduled",
  ],
  [
    "a commit that may be tried again",
    { kind: "not-applied", error: gone, again: true },
    "store-unavailable",
  ],
  ["a commit of which nothing is known", { kind: "not-known", error: gone }, "store-unavailable"],
  [
    "a refusal of our own",
    { kind: "not-applied", error: new NevertwiceError("capability-missing"), again: false },
    "store-unavailable",
  ],
  ["a claim that another one holds", { kind: "ok", value: { kind: "busy" } }, "in-progress"],
  ["a key from before the horizon", { kind: "ok", value: { kind: "key-too-old" } }, "key-too-old"],
] as const)
  test(`one transaction is told by what the store answers: ${what}`, async () => {
    const { result, error } = await endOf(() => ok(), { atomic: async () => answer as never });
    assert.equal(result.kind, kind);
    if ("error" in answer) assert.equal(error, answer.error);
    if (kind !== "key-too-old")
      assert.equal("retryAfterMs" in result && result.retryAfterMs, 1_000);
  });

test("the error of a status that is no outcome carries it", async () => {
  for (const status of [401, 503]) {
    const { error } = await endOf(() => ok({}, status));
    assert.equal((error as { status?: number }).status, status);
  }
});

test("what stages dies with its handler, however that ended", async () => {
  const left: Op[] = [];
  const error = new Error("a bug");
  for (const end of [() => ok(), async () => ok(), () => Promise.reject(error)])
    await endOf((op) => {
      left.push(op);
      return end();
    });
  await endOf((op) => {
    left.push(op);
    throw error;
  });
  assert.equal(left.length, 4);
  for (const { stage: late } of left)
    assert.throws(
      () => late("mail", {}),
      (thrown) => isNevertwiceError(thrown, "operation-settled"),
    );
});

test("a message of one transaction is named after it, and wakes its relay at once", async (t) => {
  const scene = stage();
  const claims: number[] = [];
  const outbox: Store["outbox"] = {
    ...scene.store.outbox,
    claim: (request) => {
      claims.push(request.limit);
      return scene.store.outbox.claim(request);
    },
  };
  const once = scene.process({ store: { ...scene.store, outbox }, clock: quietClock });
  const sent: string[] = [];
  once.relay("mail", ({ key }) => void sent.push(key));
  once.worker.start({ pollMs: 3_600_000 });
  t.after(() => once.worker.stop());
  await settleTurn();
  const before = claims.length;
  const stages = rename(once, (op) => {
    if (op.key === call.key) op.stage("mail", {});
    return ok();
  });
  await stages.run({ ...call, key: "silent" });
  await settleTurn();
  assert.equal(claims.length, before, "nothing was staged");
  await stages.run(call);
  await settleTurn();
  assert.deepEqual(sent, [`${id}:atomic:0`]);
  const woken = claims.length;
  const steps = once.operation("steps", {
    input: Order,
    handler: async (op, { amount }) => {
      await op.atomic("one", (_, write) => {
        if (amount === 1) write.stage("mail", {}, { key: "of a step" });
      });
      return op.settle((_, write) => {
        if (amount === 2) write.stage("mail", {}, { key: "of a settlement" });
        return ok();
      });
    },
  });
  const leftAfter: string[][] = [];
  for (const amount of [3, 1, 2]) {
    await steps.run({ ...call, key: `s${amount}`, input: { cartId: "c", amount } });
    await settleTurn();
    if (amount === 3) assert.equal(claims.length, woken, "nothing was staged");
    leftAfter.push(sent.slice(1));
  }
  assert.deepEqual(leftAfter, [[], ["of a step"], ["of a step", "of a settlement"]]);
});

/** A store that looks at what the core hands it, and does not wait for a promise. */
test("a store of synchronous callbacks gets values, and refuses a promise without harm", async () => {
  const scene = stage();
  const handed: unknown[] = [];
  const refuse = async (work: (tx: never) => unknown) => {
    handed.push(work({} as never));
    return { kind: "not-applied", error: gone, again: false } as const;
  };
  const store = {
    ...scene.store,
    atomic: (_: unknown, work: never) => refuse(work),
    transact: (_: unknown, work: never) => refuse(work),
  } as Store;
  const once = scene.process({ store });
  await rename(once, () => ok()).run(call);
  const late = async () => {
    throw new Error("late");
  };
  await rename(scene.process({ store }), late).run(call);
  // A member of that name makes a promise only if it can be called.
  const thenData = JSON.parse(`{"then":7}`);
  const steps = scene.process({ store }).operation("steps", {
    input: Order,
    handler: async (op) => {
      for (const [name, value] of Object.entries({ none: null, number: 7, data: thenData }))
        await op.atomic(name, () => value).catch(() => undefined);
      await op.atomic("late", late).catch(() => undefined);
      return ok();
    },
  });
  await steps.run({ ...call, key: "k2" });
  await settleTurn();
  const promises = handed.map((value) => value instanceof Promise);
  assert.deepEqual(promises, [false, true, false, false, false, true]);
  const [settled, , step] = handed as { settlement?: unknown; write?: { kind: string } }[];
  assert.ok(settled?.settlement !== undefined);
  assert.equal(step?.write?.kind, "record");
});
