import assert from "node:assert/strict";
import { test } from "node:test";
import { declined, fail, isNevertwiceError, ok } from "../../src/index.ts";
import {
  acquirer,
  call,
  gate,
  HOUR_MS,
  LATER_MS,
  LEASE_MS,
  named,
  pay,
  quietClock,
  recordOf,
  settleTurn,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { checkout, Order, provider, stage } from "./stage.ts";

test("H3: a settle is refused while a parallel charge is under way, and the late success stays", async () => {
  const scene = stage();
  const late = gate<{ id: string }>();
  const refused: unknown[] = [];
  const operation = scene.process().operation("split", {
    input: Order,
    handler: async (op) => {
      const second = op.external("second", { send: () => late.passed });
      const first = await op.external("first", { send: () => declined({ code: "no" }) });
      assert.ok(first.declined);
      await settleTurn();
      const ended = await op
        .settle(() => fail({ reason: "declined" }, 402))
        .catch((error) => error);
      refused.push(ended);
      late.open({ id: "ch_2" });
      await second;
      refused.push(await op.settle(() => fail({}, 402)).catch((error: unknown) => error));
      return fail({ reason: "declined" }, 402);
    },
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.ok(isNevertwiceError(refused[0], "step-unfinished"));
  assert.ok(isNevertwiceError(refused[1], "effect-uncompensated"));
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
  assert.equal((await stepOf(scene, "second"))?.result?.kind, "succeeded");
});

test("H3: a handler that returns a failure at once still waits for the charge that it started", async () => {
  const scene = stage();
  const late = gate<{ id: string }>();
  const operation = scene.process().operation("split", {
    input: Order,
    handler: (op) => {
      void op.external("charge", { send: () => late.passed });
      return fail({ reason: "changed my mind" }, 409);
    },
  });
  const running = operation.run(call);
  await settleTurn();
  assert.equal(await stateOf(scene), "running");
  late.open({ id: "ch_1" });
  assert.equal((await running).kind, "in-doubt");
  assert.equal(await stateOf(scene), "in_doubt: settle-failed");
});

test("H3: a crash with one charge recorded and one begun ends with both, each charged once", async () => {
  const scene = stage();
  const [one, two] = [acquirer(), acquirer(["hangs after"])];
  const build = (options = {}) =>
    scene.process(options).operation("split", {
      input: Order,
      handler: async (op) => {
        const both = await Promise.all([
          op.external("first", one.effect()),
          op.external("second", two.effect()),
        ]);
        return ok(both.length);
      },
    });
  void build({ clock: quietClock }).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  assert.equal((await build().run(call)).kind, "succeeded");
  assert.deepEqual([one.keys.length, two.keys.length], [1, 2]);
  assert.deepEqual([one.charges.size, two.charges.size], [1, 1]);
});

test("S8: a resend carries the same request, whatever the process that sends it", async () => {
  const scene = stage();
  const bank = acquirer(["lost before"]);
  const effect = bank.effect({ input: { amount: 1999, currency: "eur" } });
  await pay(scene.process(), effect).run(call);
  const before = await stepOf(scene);
  scene.advance(LATER_MS);
  const reordered = bank.effect({ input: { currency: "eur", amount: 1999 } });
  assert.equal((await pay(scene.process(), reordered).run(call)).kind, "succeeded");
  const after = await stepOf(scene);
  assert.deepEqual(after?.effect?.request, before?.effect?.request);
  assert.equal(after?.begunAt, before?.begunAt);
  assert.equal(after?.effect?.replayUntil, (before?.begunAt ?? 0) + 24 * HOUR_MS);
});

test("S9: a crash after the commit of the send and before its first byte is resolved by its key", async () => {
  const scene = stage();
  const bank = acquirer();
  const begin = async (...given: Parameters<typeof scene.store.begin>) => {
    await scene.store.begin(...given);
    return new Promise<never>(() => undefined);
  };
  void pay(
    scene.process({ clock: quietClock, store: { ...scene.store, begin } }),
    bank.effect(),
  ).run(call);
  await settleTurn();
  assert.deepEqual([bank.keys.length, (await stepOf(scene))?.result], [0, undefined]);
  scene.advance(LEASE_MS + 1);
  assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "succeeded");
  const step = await stepOf(scene);
  assert.deepEqual([bank.keys, step?.effect?.sends.length], [[step?.effect?.providerKey], 2]);
});

test("S11: a result whose commit was lost is asked for again with the same key", async () => {
  const scene = stage();
  const bank = acquirer();
  const record = () => new Promise<never>(() => undefined);
  void pay(
    scene.process({ clock: quietClock, store: { ...scene.store, record } }),
    bank.effect(),
  ).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  assert.equal((await pay(scene.process(), bank.effect()).run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, bank.charges.size], [2, 1]);
});

test("S11: a begin whose answer was lost is found in the record, and sends once", async () => {
  const scene = stage();
  const bank = acquirer();
  let lost = true;
  const begin = async (...given: Parameters<typeof scene.store.begin>) => {
    const answer = await scene.store.begin(...given);
    if (!lost) return answer;
    lost = false;
    return { kind: "not-known", error: new Error("connection lost") } as const;
  };
  const operation = pay(scene.process({ store: { ...scene.store, begin } }), bank.effect());
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
  assert.equal((await stepOf(scene))?.effect?.sends.length, 1);
});

test("S23: a send that cannot be committed does not leave, and leaves no doubt", async () => {
  const scene = stage();
  const bank = acquirer();
  let down = true;
  const begin = async (...given: Parameters<typeof scene.store.begin>) =>
    down
      ? ({ kind: "not-applied", error: new Error("down"), again: false } as const)
      : scene.store.begin(...given);
  const operation = pay(scene.process({ store: { ...scene.store, begin } }), bank.effect());
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.deepEqual([bank.keys.length, (await recordOf(scene)).steps.length], [0, 0]);
  down = false;
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.keys.length, 1);
});

test("S19, H27: runOnce by cron resolves what frozen invocations left, as many as it is told", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("hang", "hang", "hang");
  for (const key of ["k1", "k2", "k3"])
    void checkout(scene.process({ clock: quietClock }), bank).run({ ...call, key });
  await settleTurn();
  assert.equal(bank.charges.size, 3);
  const cron = scene.process();
  checkout(cron, bank);
  assert.equal((await cron.worker.runOnce()).recovery.found, 0, "live leases are left alone");
  scene.advance(LEASE_MS + 1);
  const first = await cron.worker.runOnce({ limit: 2 });
  assert.deepEqual([first.recovery.found, first.recovery.settled], [2, 2]);
  const second = await cron.worker.runOnce({ limit: 2 });
  assert.deepEqual([second.recovery.found, second.recovery.settled], [1, 1]);
  assert.deepEqual([bank.charges.size, bank.sent], [3, 6]);
});

test("H27: a lease as short as the invocation lasts is taken over that much sooner", async () => {
  const scene = stage();
  const bank = acquirer(["hangs after"]);
  void pay(scene.process({ clock: quietClock, leaseMs: 5_000 }), bank.effect()).run(call);
  await settleTurn();
  scene.advance(5_001);
  const cron = scene.process();
  pay(cron, bank.effect());
  assert.equal((await cron.worker.runOnce()).recovery.settled, 1);
  assert.equal((await cron.lookup({ ...named }))?.state, "succeeded");
  assert.equal(bank.charges.size, 1);
});

test("S19: four workers at once take each abandoned operation over once, and send it once", async () => {
  const scene = stage();
  const bank = provider();
  const keys = Array.from({ length: 40 }, (_, index) => `k${index}`);
  bank.faults.push(...keys.map(() => "hang" as const));
  const dead = checkout(scene.process({ clock: quietClock }), bank);
  for (const key of keys) void dead.run({ ...call, key });
  await settleTurn();
  assert.equal(bank.charges.size, keys.length);
  scene.advance(LEASE_MS + 1);
  const workers = Array.from({ length: 4 }, () => scene.process());
  for (const once of workers) checkout(once, bank);
  const passes = await Promise.all(workers.map(({ worker }) => worker.runOnce({ limit: 40 })));
  const settled = passes.map(({ recovery }) => recovery.settled);
  assert.equal(
    settled.reduce((sum, count) => sum + count, 0),
    keys.length,
  );
  assert.deepEqual([bank.charges.size, bank.sent], [keys.length, 2 * keys.length]);
});
