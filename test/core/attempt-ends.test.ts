import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { statusOf } from "../../src/core/attempt.ts";
import { fail, isNevertwiceError, NevertwiceError, notExecuted, ok } from "../../src/index.ts";
import {
  call,
  gate,
  LATER_MS,
  LEASE_MS,
  type Process,
  recordOf,
  type Scene,
  settleTurn,
  stateOf,
} from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";

type Handler = Parameters<Process["operation"]>[1]["handler"];

const pay = (once: Process, handler: Handler) =>
  once.operation("pay", { input: Order, handler: handler as never });

/** What a first run of a handler comes to. */
async function endOf(handler: Handler, options: Parameters<Scene["process"]>[0] = {}) {
  const scene = stage();
  const result = await pay(scene.process(options), handler).run(call);
  const types = scene.events.map(({ type }) => type);
  return { scene, result, types, record: await recordOf(scene) };
}

const throwing = (error: unknown) => () => {
  throw error;
};

test("the status of an error is a number from 400 to 599, under either of its names", () => {
  const statuses = [
    ...[{ status: 400 }, { status: 599 }, { statusCode: 404 }, { status: 422, statusCode: 500 }],
    ...[{ status: 399 }, { status: 600 }, { statusCode: 200 }, { status: "404" }, {}],
    ...[null, undefined, "404", 404, new NevertwiceError("key-reused")],
  ].map(statusOf);
  assert.deepEqual(statuses.slice(0, 4), [400, 599, 404, 422]);
  assert.deepEqual(statuses.slice(4), Array(10).fill(undefined));
});

for (const [error, body, status] of [
  [Object.assign(new Error("Sold out."), { status: 409 }), { error: "Sold out." }, 409],
  [{ statusCode: 404 }, { error: "The operation failed." }, 404],
] as const)
  test(`a thrown ${status} is an outcome, and is replayed`, async () => {
    const { scene, result, types } = await endOf(throwing(error));
    assert.ok(result.kind === "failed");
    assert.deepEqual([result.status, result.body], [status, body]);
    assert.deepEqual(types, ["operation.claimed", "operation.settled"]);
    const again = await pay(scene.process(), () => ok()).run(call);
    assert.deepEqual(again, { ...result, replayed: true });
  });

test("a returned 429 is passed on and not kept; a thrown one frees the key as well", async () => {
  const returned = await endOf(() => ok({}, 429));
  assert.ok(returned.result.kind === "retry-scheduled");
  assert.match(String("error" in returned.result && returned.result.error), /answered 429/);
  assert.deepEqual(returned.types, ["operation.claimed"]);
  const error = Object.assign(new Error("Slow down."), { status: 429 });
  const thrown = await endOf(throwing(error));
  assert.deepEqual(thrown.result, {
    ...{ kind: "retry-scheduled", retry: "same-key", retryAfterMs: 0, error },
  });
  for (const { record } of [returned, thrown])
    assert.deepEqual([record.state, record.attempts], ["waiting", 0]);
  assert.equal(returned.record.lastError, undefined);
  assert.match(thrown.record.lastError ?? "", /Slow down/);
  assert.deepEqual(thrown.types, ["operation.claimed", "attempt.failed"]);
});

test("a returned 503 is an error of the attempt, and is told with its wait", async () => {
  const { result, types, record, scene } = await endOf(() => ok({}, 503));
  assert.equal(result.kind, "retry-scheduled");
  assert.match(String("error" in result && result.error), /returned the status 503/);
  assert.deepEqual(types, ["operation.claimed", "attempt.failed", "operation.waiting"]);
  assert.deepEqual([record.state, record.attempts], ["waiting", 1]);
  const told = scene.events.at(-1);
  assert.ok(told?.type === "operation.waiting" && "retryAfterMs" in result);
  assert.equal(told.dueInMs, result.retryAfterMs);
});

test("a first attempt is told as a claim, a later one as a recovery", async () => {
  const { scene } = await endOf(throwing(new Error("once")));
  scene.advance(LATER_MS);
  scene.events.length = 0;
  assert.equal((await pay(scene.process(), () => ok()).run(call)).kind, "succeeded");
  assert.deepEqual(
    scene.events.map((event) => [event.type, "attempt" in event && event.attempt]),
    [
      ["operation.recovered", 2],
      ["operation.settled", false],
    ],
  );
});

test("a handler that outlives its claim ends nothing: its record stays as it is", async () => {
  const scene = stage();
  const clock = handClock();
  const renew = async () => ({ kind: "not-known", error: new Error("gone") }) as const;
  const held = gate();
  const operation = pay(scene.process({ clock, store: { ...scene.store, renew } }), async () => {
    await held.passed;
    return ok();
  });
  const running = operation.run(call);
  await settleTurn();
  const before = await recordOf(scene);
  await clock.pass(LEASE_MS);
  assert.equal((await running).kind, "in-progress");
  held.open();
  await settleTurn();
  assert.deepEqual(await recordOf(scene), before);
  assert.deepEqual(
    scene.events.map(({ type }) => type),
    ["operation.claimed", "lease.lost", "operation.stale"],
  );
});

test("H18: a stored input that the code no longer takes is changed code, and runs nothing", async () => {
  const { scene } = await endOf(throwing(new Error("once")));
  scene.advance(LATER_MS);
  let ran = false;
  const handler = () => {
    ran = true;
    return ok();
  };
  const once = scene.process();
  once.operation("pay", { input: z.object({ cartId: z.number() }), handler });
  await once.worker.runOnce();
  assert.deepEqual([await stateOf(scene), ran], ["in_doubt: definition-changed", false]);
});

test("H12: code that passes a taken step by may not end", async () => {
  const scene = stage();
  await pay(scene.process(), async (op) => {
    await op.atomic("reserve", () => 1);
    throw new Error("once");
  }).run(call);
  scene.advance(LATER_MS);
  const result = await pay(scene.process(), () => ok()).run(call);
  assert.equal(await stateOf(scene), "in_doubt: definition-changed");
  assert.match(String("error" in result && result.error), /"reserve"/);
  assert.equal("retryAfterMs" in result && result.retryAfterMs, 5_000);
  assert.equal(scene.events.at(-1)?.type, "operation.in-doubt");
});

/** A store that refuses every begin, so that nothing is sent. */
const unbegun = ({ store }: Scene) => ({
  ...store,
  begin: async () => ({ kind: "not-applied", error: new Error("full"), again: false }) as const,
});

for (const [what, end] of [
  ["an outcome", () => ok()],
  ["a thrown 404", throwing({ status: 404 })],
] as const)
  test(`a handler that catches its suspension changes nothing by ${what}`, async () => {
    const scene = stage();
    const sent: string[] = [];
    const operation = pay(scene.process({ store: unbegun(scene) }), async (op) => {
      const send = ({ key }: { readonly key: string }) => sent.push(key);
      const suspended = await op.external("charge", { send }).catch((error: unknown) => error);
      assert.ok(isNevertwiceError(suspended as Error, "operation-suspended"));
      assert.match(String((suspended as Error).cause), /full/);
      return end();
    });
    const result = await operation.run(call);
    assert.equal(result.kind, "retry-scheduled");
    assert.match(String("error" in result && result.error), /full/);
    assert.deepEqual([await stateOf(scene), sent], ["waiting", []]);
  });

test("after its last attempt an error takes nothing back that no settlement was refused for", async () => {
  const scene = stage();
  const refunded: string[] = [];
  const once = scene.process({ attemptsMax: 1 });
  const operation = once.operation("pay", {
    input: Order,
    compensations: { charge: () => ({ send: () => refunded.push("charge") }) },
    handler: async (op) => {
      await op.external("charge", { send: () => ({ id: "ch_1" }) });
      throw new Error("a bug");
    },
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.deepEqual([await stateOf(scene), refunded], ["in_doubt: attempts-exhausted", []]);
});

test("a way back that cannot even be made leaves a doubt, which says why", async () => {
  const scene = stage();
  const operation = scene.process().operation("pay", {
    input: Order,
    compensations: {
      charge: () => {
        throw new Error("No refund of this kind.");
      },
    },
    handler: async (op) => {
      await op.external("charge", { send: () => ({ id: "ch_1" }) });
      return fail({ reason: "sold out" });
    },
  });
  const result = await operation.run(call);
  assert.match(String("error" in result && result.error), /No refund of this kind/);
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
  assert.match((await recordOf(scene)).lastError ?? "", /No refund/);
});

/** An operation that an earlier attempt began to take back, by hand. */
async function begunBack(compensations: object) {
  const scene = stage();
  const back: string[] = [];
  const way = (name: string) => ({ send: () => void back.push(name) });
  const build = (handler: Handler) =>
    scene.process().operation("pay", {
      input: Order,
      compensations: compensations as never,
      handler: handler as never,
    });
  await build(async (op) => {
    for (const name of ["one", "two"]) await op.external(name, { send: () => ({ id: name }) });
    await op.compensate("one", way("one"));
    throw new Error("crash");
  }).run(call);
  scene.advance(LATER_MS);
  const meeting: Handler = async (op) => {
    for (const name of ["one", "two"]) await op.external(name, { send: () => ({ id: name }) });
    return ok({ paid: true });
  };
  return { scene, back, way, build, meeting };
}

test("H3: what an earlier attempt began to take back cannot succeed any more", async () => {
  const declared = { two: () => ({ send: () => undefined }) };
  const { scene, build, meeting } = await begunBack(declared);
  const result = await build(meeting).run(call);
  assert.deepEqual([result.kind, await stateOf(scene)], ["failed", "failed"]);
  assert.match(JSON.stringify("body" in result && result.body), /taken back/);
});

test("H3: without a declared way back of the rest a person is asked", async () => {
  const { scene, build, meeting } = await begunBack({});
  const result = await build(meeting).run(call);
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
  assert.match(String("error" in result && result.error), /effect-uncompensated/);
});

test("H3: taking back goes on in any order, and nothing else begins beside it", async () => {
  const { scene, back, way, build } = await begunBack({});
  const sent: string[] = [];
  const result = await build(async (op) => {
    for (const name of ["one", "two"]) await op.external(name, { send: () => ({ id: name }) });
    await assert.rejects(op.external("three", { send: () => sent.push("three") }), /take its/);
    await op.compensate("two", way("two"));
    await op.compensate("one", way("one"));
    return fail({ reason: "sold out" });
  }).run(call);
  assert.equal(result.kind, "failed");
  assert.deepEqual([await stateOf(scene), back, sent], ["failed", ["one", "two"], []]);
});

/** A first attempt of `one`, whose proof of nothing leaves it to be sent again. */
const refusing = (until: () => boolean) => ({
  send: () => {
    if (until()) throw new Error("no connection");
    return { id: "one" };
  },
  judge: () => notExecuted("ECONNREFUSED"),
});

test("H12: a step that proved to have done nothing may be sent again before others are met", async () => {
  const scene = stage();
  let attempt = 0;
  const operation = () =>
    pay(scene.process(), async (op) => {
      attempt += 1;
      const two = { send: () => ({ id: "two" }) };
      const one = () =>
        op.external(
          "one",
          refusing(() => attempt === 1),
        );
      if (attempt === 1) await Promise.all([op.external("two", two), one()]);
      await one();
      await op.external("two", two);
      return ok();
    });
  assert.equal((await operation().run(call)).kind, "retry-scheduled");
  scene.advance(LATER_MS);
  assert.equal((await operation().run(call)).kind, "succeeded");
});
