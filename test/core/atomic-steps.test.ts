import assert from "node:assert/strict";
import { test } from "node:test";
import type { Write } from "../../src/core/settlement.ts";
import { isNevertwiceError, ok } from "../../src/index.ts";
import {
  call,
  id,
  LATER_MS,
  LEASE_MS,
  type Process,
  recordOf,
  type Scene,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";
import { finding } from "./watched.ts";

type Store = Scene["store"];
type Handler = Parameters<Process["operation"]>[1]["handler"];

const gone = { kind: "not-known", error: new Error("gone") } as const;
const ENCRYPTION = { current: "k", keys: { k: Uint8Array.from(Array(32).keys()) } };

const reserve = (once: Process, handler: Handler) =>
  once.operation("reserve", { input: Order, handler: handler as never });

const names = async (scene: Scene): Promise<string[]> =>
  (await recordOf(scene)).steps.map(({ name }) => name);

/** A store that answers nothing to the transactions of these numbers, which land or never come. */
function losing({ store }: Scene, lost: Readonly<Record<number, "landed" | "never">>): Store {
  let tries = 0;
  return {
    ...store,
    transact: async (holder, work) => {
      tries += 1;
      const { [tries]: what } = lost;
      if (what === undefined) return store.transact(holder, work);
      if (what === "landed") await store.transact(holder, work);
      return gone;
    },
  };
}

test("an atomic step whose answer is lost is found in the record, and runs once", async () => {
  const scene = stage();
  let runs = 0;
  const once = scene.process({ store: losing(scene, { 2: "landed" }) });
  const result = await reserve(once, async (op) => {
    await op.atomic("first", () => "of the first");
    const value = await op.atomic("second", (tx) => {
      runs += 1;
      tx.table("orders").insert("o1", {});
      return "of the second";
    });
    return ok(value);
  }).run(call);
  assert.deepEqual(["body" in result && result.body, runs], ["of the second", 1]);
  assert.equal(scene.store.table("orders").values().length, 1);
});

test("an atomic step that never came is not taken for one before it", async () => {
  const scene = stage();
  const once = scene.process({ store: losing(scene, { 2: "never" }) });
  await reserve(once, async (op) => {
    await op.atomic("first", () => 1);
    await op.atomic("second", () => 2);
    return ok();
  }).run(call);
  assert.deepEqual([await stateOf(scene), await names(scene)], ["succeeded", ["first", "second"]]);
});

test("what an atomic step gives is what was committed, also if its callback ran again", async () => {
  const scene = stage();
  let runs = 0;
  let reads = 0;
  const store: Store = {
    ...losing(scene, { 1: "landed" }),
    read: (of) => {
      reads += 1;
      return reads === 1 ? Promise.resolve(gone) : scene.store.read(of);
    },
  };
  const result = await reserve(scene.process({ store }), async (op) =>
    ok(
      await op.atomic("reserve", () => {
        runs += 1;
        return runs;
      }),
    ),
  ).run(call);
  assert.deepEqual(["body" in result && result.body, runs], [1, 2]);
});

test("an atomic step that a newer claim took is not taken for one's own", async () => {
  const scene = stage();
  const taken = (once: Process, heard: unknown[] = []) =>
    reserve(once, async (op) => {
      await op.atomic("reserve", () => 1).catch((error: unknown) => heard.push(error));
      throw new Error("crash");
    });
  let tries = 0;
  const transact: Store["transact"] = async (...given) => {
    tries += 1;
    if (tries > 1) return scene.store.transact(...given);
    scene.advance(LEASE_MS + 1);
    await taken(scene.process()).run(call);
    return gone;
  };
  const heard: unknown[] = [];
  await taken(scene.process({ store: { ...scene.store, transact } }), heard).run(call);
  assert.equal(heard.length, 1);
  assert.ok(isNevertwiceError(heard[0] as Error, "lease-lost"));
});

test("a step that commits is told of by its name", async () => {
  const scene = stage();
  await reserve(scene.process(), async (op) => ok(await op.atomic("reserve", () => 1))).run(call);
  assert.deepEqual(
    scene.events.filter(({ type }) => type.startsWith("step.")),
    [{ type: "step.recorded", id, name: "reserve", fence: 1, step: "reserve" }],
  );
});

test("inside a transaction no other step begins, nor another operation", async () => {
  const scene = stage();
  const once = scene.process();
  const heard: unknown[] = [];
  const hear = (error: unknown) => void heard.push(error);
  const inner = once.operation("inner", { input: Order, handler: () => ok() });
  const result = await reserve(once, async (op) => {
    await op.atomic("outer", async () => {
      await op.atomic("nested", () => 1).catch(hear);
      await op.external("charge", { send: () => 1 }).catch(hear);
      await op.settle(() => ok()).catch(hear);
      await inner.run({ ...call, key: "k2" }).catch(hear);
    });
    return ok();
  }).run(call);
  assert.deepEqual([result.kind, await names(scene)], ["succeeded", ["outer"]]);
  assert.equal(heard.length, 4);
  for (const error of heard) assert.ok(isNevertwiceError(error as Error, "step-nested"));
});

test("after its claim was lost a run begins no atomic step", async () => {
  const scene = stage();
  const begin: Store["begin"] = async () => ({ kind: "ok", value: "stale" });
  let runs = 0;
  const count = () => {
    runs += 1;
  };
  await reserve(scene.process({ store: { ...scene.store, begin } }), async (op) => {
    await op.external("charge", { send: () => 1 }).catch(() => undefined);
    await op.atomic("reserve", count).catch(() => undefined);
    await op.settle(count as never).catch(() => undefined);
    return ok();
  }).run(call);
  assert.deepEqual([runs, await names(scene)], [0, []]);
});

test("what a step or a settlement stages dies with its callback, however that ended", async () => {
  const left: Write[] = [];
  const error = new Error("a bug");
  await reserve(stage().process(), async (op) => {
    const ends = [() => 1, async () => 1, () => Promise.reject(error)];
    for (const [name, end] of ends.entries())
      await op
        .atomic(`s${name}`, (_, write) => {
          left.push(write);
          return end();
        })
        .catch(() => undefined);
    await op
      .atomic("thrown", (_, write) => {
        left.push(write);
        throw error;
      })
      .catch(() => undefined);
    return op.settle((_, write) => {
      left.push(write);
      return ok();
    });
  }).run(call);
  assert.equal(left.length, 5);
  for (const write of left)
    assert.throws(
      () => write.stage("mail", {}),
      (thrown) => isNevertwiceError(thrown, "operation-settled"),
    );
});

for (const kind of ["atomic", "external"] as const)
  test(`a recorded ${kind} step that cannot be read is a doubt, and is not taken again`, async () => {
    const scene = stage();
    let taken = 0;
    const take = () => {
      taken += 1;
      return { id: "ch_1" };
    };
    const build = (once: Process) =>
      reserve(once, async (op) => {
        await (kind === "atomic" ? op.atomic("one", take) : op.external("one", { send: take }));
        throw new Error("crash");
      });
    await build(scene.process({ encryption: ENCRYPTION })).run(call);
    scene.advance(LATER_MS);
    const { result } = (await stepOf(scene, "one")) ?? {};
    assert.ok(result !== undefined && result.kind !== "not-executed");
    const store = finding(scene, ({ record, now }) => {
      const value = result.value.map((byte) => byte ^ 1);
      const steps = record.steps.map((step) => ({ ...step, result: { ...result, value } }));
      return { record: { ...record, steps }, now };
    });
    await build(scene.process({ store, encryption: ENCRYPTION })).run(call);
    assert.deepEqual([await stateOf(scene), taken], ["in_doubt: unreadable", 1]);
  });
