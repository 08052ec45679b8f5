import assert from "node:assert/strict";
import { test } from "node:test";
import { isConstraint } from "../../src/core/compensate.ts";
import { declined, type Effect, fail, isNevertwiceError, ok } from "../../src/index.ts";
import { call, LATER_MS, type Process, stateOf, stepOf } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Op = Parameters<Parameters<Process["operation"]>[1]["handler"]>[0];

/** Refunds, each known by why it was made. */
function refunds() {
  const made: string[] = [];
  const of = (why: string): Effect<unknown, unknown> => ({
    input: { why },
    send: () => {
      made.push(why);
      return { refunded: true };
    },
  });
  return { made, of };
}

const charge = (op: Op, name = "charge") =>
  op.external(name, { send: () => ({ id: `ch_${name}` }) });

const isCode = (code: string) => (error: unknown) => isNevertwiceError(error, code as never);

test("H21: a step that never was is not taken back because another one stands", async () => {
  const scene = stage();
  const back = refunds();
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      await charge(op, "one");
      await assert.rejects(op.compensate("two", back.of("none")), isCode("step-not-standing"));
      return ok();
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual(back.made, []);
});

test("H21: a settled operation takes nothing back, and says that it is settled", async () => {
  const scene = stage();
  const back = refunds();
  const heard: unknown[] = [];
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      await charge(op);
      const result = await op.settle(() => ok());
      for (const name of ["charge", "none"])
        heard.push(await op.compensate(name, back.of("late")).catch((error: unknown) => error));
      return result;
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual(heard.map(isCode("operation-settled")), [true, true]);
  assert.deepEqual(back.made, []);
});

test("H3: what the handler itself took back is not taken back again by another rule", async () => {
  const scene = stage();
  const back = refunds();
  let crash = true;
  const build = () =>
    scene.process().operation("pay", {
      input: Order,
      compensations: { charge: () => back.of("declared") },
      handler: async (op) => {
        await charge(op);
        if (!crash) return fail({ reason: "sold out" }, 409);
        await op.compensate("charge", back.of("by hand"));
        throw new Error("crash after the refund");
      },
    });
  assert.equal((await build().run(call)).kind, "retry-scheduled");
  crash = false;
  scene.advance(LATER_MS);
  const result = await build().run(call);
  assert.deepEqual([result.kind, await stateOf(scene)], ["failed", "failed"]);
  assert.deepEqual(back.made, ["by hand"]);
});

test("H3: of three charges the one that was taken back by hand is left alone, newest first", async () => {
  const scene = stage();
  const back = refunds();
  const operation = scene.process().operation("pay", {
    input: Order,
    compensations: {
      one: () => back.of("one"),
      two: () => back.of("2"),
      three: () => back.of("3"),
    },
    handler: async (op) => {
      for (const name of ["one", "two", "three"]) await charge(op, name);
      await op.compensate("two", back.of("two by hand"));
      return fail({});
    },
  });
  assert.equal((await operation.run(call)).kind, "failed");
  assert.deepEqual(back.made, ["two by hand", "3", "one"]);
});

test("H3: what was begun to be taken back comes before what is newer", async () => {
  const scene = stage();
  const made: string[] = [];
  let lost = true;
  const back = (name: string): Effect<unknown, unknown> => ({
    input: { name },
    send: () => {
      if (lost) throw new Error("no answer");
      made.push(name);
      return {};
    },
  });
  const pay = () =>
    scene.process().operation("pay", {
      input: Order,
      compensations: { one: () => back("one"), two: () => back("two") },
      handler: async (op) => {
        for (const name of ["one", "two"]) await charge(op, name);
        if (lost) await op.compensate("one", back("one"));
        return fail({});
      },
    });
  await pay().run(call);
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
  lost = false;
  scene.advance(LATER_MS);
  assert.equal((await pay().run(call)).kind, "failed");
  assert.deepEqual(made, ["one", "two"]);
});

test("H4: a constraint without any effect takes nothing back and fails nothing for good", async () => {
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    compensations: { charge: () => refunds().of("none") },
    handler: (op) =>
      op.settle(() => {
        throw Object.assign(new Error("duplicate key"), { code: "23505" });
      }),
  });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.equal(await stateOf(scene), "waiting");
});

test("H3: a step named as every object's own members are has no declared way back", async () => {
  for (const name of ["constructor", "toString"]) {
    const scene = stage();
    const operation = scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        await charge(op, name);
        return fail({});
      },
    });
    const result = await operation.run(call);
    assert.equal(await stateOf(scene), "in_doubt: settle-failed");
    assert.match(String("error" in result && result.error), /effect-uncompensated/);
  }
});

test("H4: a client whose charge was taken back is told that nothing is left of it", async () => {
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    compensations: { charge: () => refunds().of("constraint") },
    handler: async (op) => {
      await charge(op);
      return op.settle(() => {
        throw Object.assign(new Error("duplicate key"), { code: "23505" });
      });
    },
  });
  const result = await operation.run(call);
  const error = "The operation could not be completed, and what it had done was taken back.";
  assert.deepEqual("body" in result && result.body, { error });
  assert.equal((await stepOf(scene))?.effect?.compensated, true);
});

test("H21: a declined compensation says which step it was for and what was answered", async () => {
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    handler: async (op) => {
      await charge(op);
      await op.compensate("charge", { send: () => declined({ code: "already_refunded" }) });
      return fail({});
    },
  });
  const result = await operation.run(call);
  assert.equal(await stateOf(scene), "in_doubt: compensation-failed");
  assert.match(String("error" in result && result.error), /"charge".*already_refunded/);
});

test("a refused row is told by its class alone, and nothing else is taken for one", () => {
  const coded = (code: unknown) => Object.assign(new Error("refused"), { code });
  const numbered = (errcode: unknown) => Object.assign(new Error("refused"), { errcode });
  for (const error of [
    ...["23000", "23502", "23505", "23P01"].map(coded),
    ...["SQLITE_CONSTRAINT", "SQLITE_CONSTRAINT_UNIQUE"].map(coded),
    ...[19, 2067, 1555].map(numbered),
  ])
    assert.equal(isConstraint(error), true, JSON.stringify(error));
  for (const error of [
    ...["40001", "53100", "123505", "235051", "2350", "23", "EXX_SQLITE_CONSTRAINT"].map(coded),
    ...[5, 13, 0x1300].map(numbered),
    ...[coded(23505), coded(undefined), null, undefined, "23505", 19, () => 19],
    Object.assign(() => undefined, { code: "23505" }),
  ])
    assert.equal(isConstraint(error), false, String(error));
});
