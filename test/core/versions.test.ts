import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { isNevertwiceError, ok } from "../../src/index.ts";
import {
  acquirer,
  call,
  evidenceOf,
  id,
  LATER_MS,
  LEASE_MS,
  named,
  type Process,
  quietClock,
  recordOf,
  type Scene,
  settleTurn,
  stateOf,
  word,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Bank = ReturnType<typeof acquirer>;
type Op = Parameters<Parameters<Process["operation"]>[1]["handler"]>[0];

/** The first version: one charge, whose answer was lost. */
async function begunByFirst(scene: Scene, bank: Bank): Promise<void> {
  bank.script.push("lost after");
  const first = scene.process().operation("pay", { input: Order, handler: handlerOf(bank) });
  assert.equal((await first.run(call)).kind, "in-doubt");
  scene.advance(LATER_MS);
}

const handlerOf = (bank: Bank) => async (op: Op) => {
  await op.external("charge", bank.effect());
  return ok({ version: 1 });
};

/** The second version has other steps, and knows the first or not. */
function second(scene: Scene, bank: Bank, previous: boolean) {
  const once = scene.process();
  const handler = async (op: Op) => {
    await op.external("authorise", bank.effect());
    return ok({ version: 2 });
  };
  const kept = previous ? { previous: { 1: { handler: handlerOf(bank) } } } : {};
  return { once, operation: once.operation("pay", { version: 2, input: Order, handler, ...kept }) };
}

test("a worker goes on with what was begun under a former name", async () => {
  const scene = stage();
  const bank = acquirer();
  await begunByFirst(scene, bank);
  const once = scene.process();
  once.operation("checkout", { input: Order, aliases: ["pay"], handler: handlerOf(bank) });
  assert.equal((await once.worker.runOnce()).recovery.settled, 1);
  assert.deepEqual([bank.keys.length, bank.charges.size], [2, 1], "under the key that was sent");
  const again = await once.lookup(named);
  assert.equal(again?.state, "succeeded");
});

test("a retry goes on with the handler of its version, and a new key with today's", async () => {
  const scene = stage();
  const bank = acquirer();
  await begunByFirst(scene, bank);
  const { operation } = second(scene, bank, true);
  const old = await operation.run(call);
  assert.deepEqual("body" in old && old.body, { version: 1 });
  assert.deepEqual([bank.keys.length, bank.charges.size], [2, 1]);
  const fresh = await operation.run({ ...call, key: "k2" });
  assert.deepEqual("body" in fresh && fresh.body, { version: 2 });
});

test("a worker finishes the operations of a previous version with its handler", async () => {
  const scene = stage();
  const bank = acquirer();
  await begunByFirst(scene, bank);
  const { once } = second(scene, bank, true);
  assert.equal((await once.worker.runOnce()).recovery.settled, 1);
  const { state, version, steps } = await recordOf(scene);
  assert.deepEqual([state, version, steps.map(({ name }) => name)], ["succeeded", 1, ["charge"]]);
});

test("H18: an unknown version is told as such, and its operation is left untouched", async () => {
  const scene = stage();
  const bank = acquirer();
  await begunByFirst(scene, bank);
  const before = await recordOf(scene);
  const { once, operation } = second(scene, bank, false);
  const refused = await operation.run(call);
  assert.deepEqual(
    [refused.kind, "retry" in refused && refused.retry],
    [...["version-unknown", "same-key"]],
  );
  assert.equal((await once.worker.runOnce()).recovery.found, 0);
  assert.deepEqual(await recordOf(scene), before);
  assert.equal(bank.keys.length, 1);
  const { operation: knowing } = second(scene, bank, true);
  assert.equal((await knowing.run(call)).kind, "succeeded");
});

test("H18: a wrapped handler does not do again what an operation of its name has begun", async () => {
  const scene = stage();
  const bank = acquirer();
  await begunByFirst(scene, bank);
  const before = await recordOf(scene);
  const once = scene.process();
  let ran = 0;
  const { door } = once.opaque("pay", { afterCrash: "rerun" });
  const end = await door.perform(
    { ...call, origin: "own", payload: { json: call.input } },
    async () => {
      ran += 1;
      return { status: 201, headers: [], body: Buffer.from("made") };
    },
  );
  assert.equal(end.kind === "refused" && end.code, "version-unknown");
  assert.equal((await once.worker.runOnce()).recovery.settled, 0);
  assert.deepEqual([ran, await recordOf(scene)], [0, before]);
});

test("H18: a state that a later release of the library has added is left to that release", async () => {
  const scene = stage();
  const bank = acquirer();
  await begunByFirst(scene, bank);
  const paused = <T extends { record: object }>(snapshot: T): T => ({
    ...snapshot,
    record: { ...snapshot.record, state: "paused" },
  });
  const store: Partial<Scene["store"]> = {
    async claim(request) {
      const answer = await scene.store.claim(request);
      if (answer.kind !== "ok" || answer.value.kind !== "found") return answer;
      const { snapshot } = answer.value;
      return { kind: "ok", value: { kind: "found", snapshot: paused(snapshot) } };
    },
    async due(request) {
      const answer = await scene.store.due(request);
      return answer.kind === "ok" ? { kind: "ok", value: answer.value.map(paused) } : answer;
    },
  };
  const once = scene.process({ store: { ...scene.store, ...store } });
  const operation = once.operation("pay", { input: Order, handler: handlerOf(bank) });
  assert.equal((await operation.run(call)).kind, "version-unknown");
  const { recovery } = await once.worker.runOnce();
  assert.deepEqual([recovery.found, recovery.settled, bank.keys.length], [1, 0, 1]);
});

test("H18: a newer version than the code's is unknown as well", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  await second(scene, bank, true).operation.run(call);
  scene.advance(LATER_MS);
  const old = scene.process().operation("pay", { input: Order, handler: handlerOf(bank) });
  assert.equal((await old.run(call)).kind, "version-unknown");
});

test("a previous version reads the stored input by its own schema", async () => {
  const scene = stage();
  const Old = z.object({
    cartId: z.string(),
    amount: z.number().transform((cents) => `${cents} ct`),
  });
  const seen: unknown[] = [];
  const note = (_op: unknown, input: unknown) => {
    seen.push(input);
    if (seen.length === 1) throw new Error("first attempt");
    return ok();
  };
  await scene.process().operation("pay", { input: Old, handler: note }).run(call);
  scene.advance(LATER_MS);
  const today = scene.process().operation("pay", {
    version: 2,
    input: z.object({ cartId: z.string(), amount: z.number() }),
    previous: { 1: { input: Old, handler: note } },
    handler: () => ok({ version: 2 }),
  });
  assert.equal((await today.run(call)).kind, "succeeded");
  assert.deepEqual(seen, [seen[0], { cartId: "c1", amount: "1999 ct" }]);
});

test("`previous` has versions before today's only", () => {
  const once = stage().process();
  const handler = () => ok();
  const previous = { 2: { handler } };
  assert.throws(
    () => once.operation("pay", { version: 2, input: Order, handler, previous }),
    (error) => isNevertwiceError(error, "option-invalid"),
  );
});

/** How the code of a live operation was changed under it, without a new version. */
const CHANGES: Readonly<Record<string, (op: Op, bank: Bank) => Promise<void>>> = {
  "a renamed step": async (op, bank) => {
    await op.external("debit", bank.effect());
  },
  "a removed step": async () => undefined,
  "a step before the recorded one": async (op, bank) => {
    await op.external("authorise", bank.effect());
    await op.external("charge", bank.effect());
  },
  "an atomic step before the recorded one": async (op, bank) => {
    await op.atomic("reserve", () => 1);
    await op.external("charge", bank.effect());
  },
  "other arguments": async (op, bank) => {
    await op.external("charge", bank.effect({ input: { amount: 5 } }));
  },
  "another form": async (op) => {
    await op.atomic("charge", () => 1);
  },
  "a step that has no key any more": async (op, bank) => {
    await op.external("charge", bank.effect({ keyed: false }));
  },
};

for (const lost of [true, false]) {
  for (const [what, changed] of Object.entries(CHANGES)) {
    const begun = lost ? "begun" : "recorded";
    test(`H12: ${what} under a ${begun} charge parks, until the handler is mended and resumed`, async () => {
      const scene = stage();
      const bank = acquirer(lost ? ["lost after"] : []);
      let crash = true;
      const build = (steps: (op: Op) => Promise<void>) => {
        const once = scene.process();
        const handler = async (op: Op) => {
          await steps(op);
          if (crash) throw new Error("crash");
          return op.settle(() => ok({ paid: true }));
        };
        return { once, operation: once.operation("pay", { input: Order, handler }) };
      };
      const right = async (op: Op) => void (await op.external("charge", bank.effect()));
      await build(right).operation.run(call);
      crash = false;
      scene.advance(LATER_MS);
      const broken = build((op) => changed(op, bank)).operation;
      const refused = await broken.run(call);
      assert.ok("error" in refused && isNevertwiceError(refused.error, "definition-changed"));
      assert.equal(await stateOf(scene), "in_doubt: definition-changed");
      assert.equal(bank.keys.length, 1);
      scene.advance(LATER_MS);
      assert.equal((await broken.run(call)).kind, "in-doubt", "no attempt is wasted on it");
      const { once, operation } = build(right);
      assert.equal(await once.resume(named, word), "reopened");
      assert.equal((await operation.run(call)).kind, "succeeded");
      assert.equal(bank.charges.size, 1);
      assert.equal((await evidenceOf(scene))[0]?.by, "ann");
    });
  }
}

test("H12: a new step after the recorded ones is no change that anyone has to notice", async () => {
  const scene = stage();
  const bank = acquirer();
  let crash = true;
  const build = (steps: (op: Op) => Promise<unknown>) =>
    scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        await op.external("charge", bank.effect());
        await steps(op);
        if (crash) throw new Error("crash");
        return ok();
      },
    });
  await build(async () => undefined).run(call);
  crash = false;
  scene.advance(LATER_MS);
  const longer = build((op) => op.external("mail", { send: () => ({ sent: true }) }));
  assert.equal((await longer.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});

test("H12: steps that run side by side are met in any order after a crash", async () => {
  const scene = stage();
  const sent: string[] = [];
  let hang = true;
  const build = (names: readonly string[]) =>
    scene.process({ clock: quietClock }).operation("pay", {
      input: Order,
      handler: async (op) => {
        const steps = names.map((name) =>
          op.external(name, {
            send: async () => {
              sent.push(name);
              if (name === "b" && hang) await new Promise(() => undefined);
              return { name };
            },
          }),
        );
        await Promise.all(steps);
        return ok();
      },
    });
  void build(["a", "b"]).run(call);
  await settleTurn();
  hang = false;
  scene.advance(LEASE_MS + 1);
  assert.equal((await build(["c", "b", "a"]).run(call)).kind, "succeeded");
  assert.deepEqual(sent.toSorted(), ["a", "b", "b", "c"]);
  assert.equal((await scene.store.read(id)).kind, "ok");
});
