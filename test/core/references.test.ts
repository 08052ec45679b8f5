import assert from "node:assert/strict";
import { test } from "node:test";
import { ok, type Target } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import {
  acquirer,
  call,
  evidenceOf,
  findingsOf,
  id,
  LATER_MS,
  pay,
  recordOf,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { Order, provider, stage } from "./stage.ts";

const TARGET: Target = { provider: "acme", kind: "charge", account: "a1", region: "eu" };

test("H13: another account, region, provider or kind between begin and replay parks, and sends nothing", async () => {
  const others: (Target | undefined)[] = [
    { ...TARGET, account: "a2" },
    { ...TARGET, region: "us" },
    { ...TARGET, provider: "other" },
    { ...TARGET, kind: "refund" },
    { provider: "acme", kind: "charge" },
    undefined,
  ];
  for (const other of others) {
    const scene = stage();
    const bank = acquirer(["lost after"]);
    await pay(scene.process(), bank.effect({ target: TARGET })).run(call);
    scene.advance(LATER_MS);
    const moved = bank.effect(other === undefined ? {} : { target: other });
    assert.equal((await pay(scene.process(), moved).run(call)).kind, "in-doubt");
    assert.equal(await stateOf(scene), "in_doubt: definition-changed");
    assert.equal(bank.keys.length, 1);
    scene.advance(LATER_MS);
    const once = scene.process();
    const back = pay(once, bank.effect({ target: TARGET }));
    assert.equal((await back.run(call)).kind, "in-doubt", "only a person lets it go on");
    const named = { scope: "acct_1", key: "k1", origin: "own" } as const;
    assert.equal(await once.resume(named, { by: "ann", reason: "moved back" }), "reopened");
    assert.equal((await back.run(call)).kind, "succeeded");
    assert.equal(bank.charges.size, 1);
  }
});

test("H13: whoever looks at a step that would go elsewhere is told both places", async () => {
  for (const [target, places] of [
    [
      { provider: "b", kind: "k" },
      "acme (charge, a1, eu), and would now go to b (k, the default account, no region)",
    ],
    [undefined, "acme (charge, a1, eu), and would now go to a provider without a name"],
  ] as const) {
    const scene = stage();
    const bank = acquirer(["lost after"]);
    await pay(scene.process(), bank.effect({ target: TARGET })).run(call);
    scene.advance(LATER_MS);
    await pay(scene.process(), bank.effect(target === undefined ? {} : { target })).run(call);
    const { lastError = "" } = await recordOf(scene);
    assert.ok(lastError.includes(`"charge" was sent to ${places}`), lastError);
  }
});

for (const [given, kept] of [
  [42, "42"],
  [42n, "42"],
  ["", undefined],
  ["a\0b", undefined],
  ["\uD800", undefined],
  ["x".repeat(501), undefined],
  [{ id: 1 }, undefined],
  [null, undefined],
] as const)
  test(`a result is kept, whatever its reference is: ${String(given).slice(0, 9)}`, async () => {
    const scene = stage();
    const bank = acquirer();
    for (const key of ["k1", "k2"]) {
      const effect = bank.effect({
        target: TARGET,
        reference: () => (key === "k1" ? given : `${kept}`) as never,
      });
      if (key === "k1" || kept === undefined)
        assert.equal((await pay(scene.process(), effect).run({ ...call, key })).kind, "succeeded");
    }
    const step = await stepOf(scene);
    assert.ok(step?.result?.kind === "succeeded");
    assert.equal(step.effect?.reference, kept);
  });

test("H13: an answer that is recorded is used wherever the code would send today", async () => {
  const scene = stage();
  const bank = acquirer();
  let crash = true;
  const build = (target: Target) =>
    scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        const charge = await op.external("charge", bank.effect({ target }));
        if (crash) throw new Error("crash");
        return ok(charge);
      },
    });
  await build(TARGET).run(call);
  crash = false;
  scene.advance(LATER_MS);
  assert.equal((await build({ ...TARGET, account: "a2" }).run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});

test("H13: the keys of two namespaces, scopes, origins, operations and steps differ", async () => {
  const bank = acquirer();
  const send = async (namespace: string, name: string, request: object, step = "charge") => {
    const once = stage().process({ namespace });
    const handler = async (op: { external: (of: string, effect: object) => unknown }) => {
      await op.external(step, bank.effect());
      return ok();
    };
    const operation = once.operation(name, { input: Order, handler: handler as never });
    await operation.run({ ...call, ...request });
  };
  await send("production", "pay", {});
  await send("staging", "pay", {});
  await send("production", "pay", { scope: "acct_2" });
  await send("production", "pay", { key: "k2" });
  await send("production", "pay", { origin: "http" });
  await send("production", "refund", {});
  await send("production", "pay", {}, "charge again");
  assert.equal(new Set(bank.keys).size, 7);
  await send("production", "pay", {});
  assert.equal(new Set(bank.keys).size, 7);
});

test("H19: steps of different kinds may have one reference: authorise and capture", async () => {
  const scene = stage();
  const effect = (kind: string) => ({
    target: { ...TARGET, kind },
    send: () => ({ id: "pi_1" }),
    reference: ({ id: made }: { id: string }) => made,
  });
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.external("authorise", effect("authorisation"));
      await op.external("capture", effect("capture"));
      return ok();
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual(await evidenceOf(scene), []);
  assert.equal((await stepOf(scene, "capture"))?.effect?.reference, "pi_1");
});

test("H19: two operations that claim one charge: both are recorded, and an alarm tells", async () => {
  const scene = stage();
  const send = async () => ({ id: "ch_1", status: "captured" });
  const operation = pay(scene.process(), acquirer().effect({ send, target: TARGET }));
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual(await evidenceOf(scene), []);
  assert.equal((await operation.run({ ...call, key: "k2" })).kind, "succeeded");
  const second = recordId("own", "acct_1", "k2");
  const told = scene.events.filter(({ type }) => type === "effect.duplicate");
  assert.deepEqual(
    told.map((event) => [
      event.id,
      "step" in event && event.step,
      "reference" in event && event.reference,
    ]),
    [[second, "charge", "ch_1"]],
  );
  const [alarm, ...rest] = await evidenceOf(scene, second);
  assert.deepEqual(
    [alarm?.source, alarm?.finding, alarm?.reference, rest],
    [...["alarm", "executed", "ch_1", []]],
  );
  assert.ok(alarm?.detail?.includes(id), "the alarm names the other operation");
  assert.deepEqual(await findingsOf(scene), []);
  assert.equal((await recordOf(scene, second)).state, "succeeded");
});

test("S11: one external step and a settle are three commits besides the user's own", async () => {
  const scene = stage();
  const commits: string[] = [];
  const reads = new Set(["read", "messages", "namespace", "evidence", "due", "list", "table"]);
  const store = new Proxy(scene.store, {
    get(of, name: string & keyof typeof scene.store) {
      const method = of[name];
      if (typeof method !== "function" || reads.has(name)) return method;
      return (...given: never[]) => {
        commits.push(name);
        return (method as (...given: never[]) => unknown)(...given);
      };
    },
  });
  const bank = provider();
  const operation = scene.process({ store }).operation("pay", {
    input: Order,
    handler: async (op, order) => {
      const charge = await op.external("charge", {
        send: ({ key }) => bank.charge(key, order.amount),
      });
      return op.settle((tx) => {
        tx.table("orders").insert("o1", {});
        return ok(charge, 201);
      });
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual(commits, ["claim", "begin", "record", "transact"]);
});
