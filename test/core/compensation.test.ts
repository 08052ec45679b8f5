import assert from "node:assert/strict";
import { test } from "node:test";
import { declined, type Effect, fail, isNevertwiceError, ok } from "../../src/index.ts";
import {
  acquirer,
  type Charge,
  call,
  LATER_MS,
  LEASE_MS,
  type Process,
  quietClock,
  settleTurn,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

/** What is taken back, in order, and how the next takings back end. */
function refunds() {
  const taken: string[] = [];
  const script: ("lost" | "declined" | "hangs")[] = [];
  const of = (value: unknown): Effect<unknown, unknown> => ({
    input: value,
    send: async () => {
      const happening = script.shift();
      taken.push((value as Charge).id);
      if (happening === "declined") return declined({ code: "already_refunded" });
      if (happening === "hangs") return new Promise(() => undefined);
      if (happening === "lost") throw new Error("no answer");
      return { refunded: (value as Charge).id };
    },
  });
  return { taken, script, of };
}

const constraint = () =>
  Object.assign(new Error("duplicate key value violates a unique constraint"), { code: "23505" });

/** Two charges, then a settle that ends as `end` says. */
function twoCharges(
  once: Process,
  back: ReturnType<typeof refunds>,
  end: () => never,
  both = true,
) {
  const compensation = (value: never) => back.of(value);
  return once.operation("pay", {
    input: Order,
    compensations: both ? { one: compensation, two: compensation } : { one: compensation },
    handler: async (op) => {
      await op.external("one", { send: ({ key }) => ({ id: "ch_1", key }) });
      await op.external("two", { send: ({ key }) => ({ id: "ch_2", key }) });
      return op.settle(end);
    },
  });
}

test("H4: a settle that a constraint refuses after charges takes them back, and then fails", async () => {
  for (const error of [
    constraint(),
    Object.assign(new Error("UNIQUE"), { code: "SQLITE_CONSTRAINT_UNIQUE" }),
    Object.assign(new Error("UNIQUE"), { code: "ERR_SQLITE_ERROR", errcode: 2067 }),
  ]) {
    const scene = stage();
    const back = refunds();
    const operation = twoCharges(scene.process(), back, () => {
      throw error;
    });
    const result = await operation.run(call);
    assert.equal(result.kind, "failed");
    assert.deepEqual(back.taken, ["ch_2", "ch_1"], "the newest first");
    assert.equal((await stepOf(scene, "one"))?.effect?.compensated, true);
    assert.deepEqual(await operation.run(call), { ...result, replayed: true });
    assert.equal(back.taken.length, 2);
  }
});

test("H4: without a declared compensation for every effect nothing is taken back: settle-failed", async () => {
  const scene = stage();
  const back = refunds();
  const end = () => {
    throw constraint();
  };
  assert.equal((await twoCharges(scene.process(), back, end, false).run(call)).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
  assert.deepEqual(back.taken, []);
});

test("H4: what may pass is settled again and takes nothing back; only the last attempt does", async () => {
  const scene = stage();
  const back = refunds();
  const operation = twoCharges(scene.process({ attemptsMax: 3 }), back, () => {
    throw Object.assign(new Error("the disk is full"), { code: "53100" });
  });
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    assert.equal(await stateOf(scene), "in_doubt: settle-failed");
    assert.deepEqual(back.taken, []);
    scene.advance(LATER_MS);
  }
  assert.equal((await operation.run(call)).kind, "failed");
  assert.deepEqual(back.taken, ["ch_2", "ch_1"]);
});

test("H4: a serialization failure is settled again at once", async () => {
  const scene = stage();
  let failures = 2;
  const transact = (async (...given: Parameters<typeof scene.store.transact>) => {
    if (failures-- > 0)
      return { kind: "not-applied", error: new Error("40001"), again: true } as const;
    return scene.store.transact(...given);
  }) as typeof scene.store.transact;
  const bank = acquirer();
  const once = scene.process({ store: { ...scene.store, transact } });
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.external("charge", bank.effect());
      return op.settle(() => ok({ paid: true }));
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});

test("H3: fail() over standing charges takes them back where that is declared", async () => {
  const scene = stage();
  const back = refunds();
  const operation = scene.process().operation("pay", {
    input: Order,
    compensations: { charge: (value: never) => back.of(value) },
    handler: async (op) => {
      await op.external("charge", acquirer().effect());
      return fail({ reason: "sold out" }, 409);
    },
  });
  const result = await operation.run(call);
  assert.deepEqual(
    [result.kind, "body" in result && result.body],
    ["failed", { reason: "sold out" }],
  );
  assert.deepEqual(back.taken, ["ch_1"]);
});

test("H3: op.compensate lets the operation fail, and is taken once over all attempts", async () => {
  const scene = stage();
  const back = refunds();
  let crash = true;
  const build = () =>
    scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        const charge = await op.external("charge", acquirer().effect());
        if (charge.declined) return fail({});
        await op.compensate("charge", back.of(charge.value));
        if (crash) throw new Error("crash after the refund");
        return op.settle(() => fail({ reason: "sold out" }, 409));
      },
    });
  assert.equal((await build().run(call)).kind, "retry-scheduled");
  crash = false;
  scene.advance(LATER_MS);
  assert.equal((await build().run(call)).kind, "failed");
  assert.deepEqual(back.taken, ["ch_1"]);
});

test("H21: only what stands is compensated, and not before every step is resolved", async () => {
  const scene = stage();
  const errors: unknown[] = [];
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      const one = await op.external("one", { send: () => declined({ code: "no" }) });
      const refund = { send: () => 1 };
      errors.push(await op.compensate("one", refund).catch((error: unknown) => error));
      errors.push(await op.compensate("none", refund).catch((error: unknown) => error));
      await op.external("two", { send: () => 2 });
      const open = op.external("three", { send: () => new Promise((end) => setImmediate(end)) });
      await new Promise(setImmediate);
      errors.push(await op.compensate("two", refund).catch((error: unknown) => error));
      await open;
      return ok(one);
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.ok(isNevertwiceError(errors[0], "step-not-standing"));
  assert.ok(isNevertwiceError(errors[1], "step-not-standing"));
  assert.ok(isNevertwiceError(errors[2], "step-unfinished"));
});

test("H21: a step in doubt is resolved before another one's decline lets anything be taken back", async () => {
  const scene = stage();
  const bank = acquirer(["lost after", "limited"]);
  const back = refunds();
  const operation = scene.process().operation("pay", {
    input: Order,
    compensations: { charge: (value: never) => back.of(value) },
    handler: async (op) => {
      const [, second] = await Promise.all([
        op.external("charge", bank.effect()).catch(() => undefined),
        op.external("courier", { send: () => declined({ code: "no van" }) }),
      ]);
      return second.declined ? fail({ reason: "no van" }) : ok();
    },
  });
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
    assert.deepEqual(back.taken, []);
    scene.advance(LATER_MS);
  }
  assert.equal((await operation.run(call)).kind, "failed");
  assert.deepEqual([back.taken, bank.charges.size], [["ch_1"], 1]);
});

test("H21: a compensation in doubt keeps the operation in doubt, and goes on by itself with its key", async () => {
  const scene = stage();
  const back = refunds();
  back.script.push("lost");
  const operation = twoCharges(scene.process(), back, () => {
    throw constraint();
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
  assert.deepEqual(back.taken, ["ch_2"], "the older charge waits for the newer one");
  const before = await stepOf(scene, "compensate:two");
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "failed");
  assert.deepEqual(back.taken, ["ch_2", "ch_2", "ch_1"]);
  const after = await stepOf(scene, "compensate:two");
  assert.equal(after?.effect?.providerKey, before?.effect?.providerKey);
  assert.equal(after?.effect?.generation, 0);
});

test("H21: a crash between two compensations goes on with the other one", async () => {
  const scene = stage();
  const back = refunds();
  back.script.push(undefined as never, "hangs");
  const end = () => {
    throw constraint();
  };
  void twoCharges(scene.process({ clock: quietClock }), back, end).run(call);
  await settleTurn();
  assert.deepEqual(back.taken, ["ch_2", "ch_1"]);
  scene.advance(LEASE_MS + 1);
  // The constraint is gone; but what was taken back cannot be settled as paid.
  const other = twoCharges(scene.process(), back, (() => ok({ paid: true })) as never);
  assert.equal((await other.run(call)).kind, "failed");
  assert.deepEqual(back.taken, ["ch_2", "ch_1", "ch_1"]);
});

test("H21: a declined compensation parks the operation as compensation-failed", async () => {
  const scene = stage();
  const back = refunds();
  back.script.push("declined");
  const operation = twoCharges(scene.process(), back, () => {
    throw constraint();
  });
  for (let round = 0; round < 3; round += 1) {
    assert.equal((await operation.run(call)).kind, "in-doubt");
    assert.equal(await stateOf(scene), "in_doubt: compensation-failed");
    scene.advance(LATER_MS);
  }
  assert.deepEqual(back.taken, ["ch_2"]);
});

test("H21: once an effect was taken back, no new step is begun", async () => {
  const scene = stage();
  const back = refunds();
  back.script.push("hangs");
  let soldOut = true;
  const shipped: string[] = [];
  const build = () =>
    scene.process({ clock: quietClock }).operation("pay", {
      input: Order,
      compensations: { charge: (value: never) => back.of(value) },
      handler: async (op) => {
        await op.external("charge", acquirer().effect());
        if (soldOut) return fail({ reason: "sold out" }, 409);
        await op.external("ship", { send: () => shipped.push("parcel") });
        return op.settle(() => ok({ shipped: true }, 201));
      },
    });
  void build().run(call);
  await settleTurn();
  assert.deepEqual(back.taken, ["ch_1"]);
  soldOut = false;
  scene.advance(LEASE_MS + 1);
  const result = await build().run(call);
  assert.deepEqual(shipped, []);
  assert.equal(result.kind, "failed");
  assert.deepEqual(back.taken, ["ch_1", "ch_1"]);
});
