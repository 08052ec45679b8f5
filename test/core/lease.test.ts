import assert from "node:assert/strict";
import { test } from "node:test";
import { type CurrentOperation, isNevertwiceError, ok } from "../../src/index.ts";
import { call, gate, id, LEASE_MS, type Scene, settleTurn } from "./acquirer.ts";
import { type HandClock, handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";

const BEAT_MS = LEASE_MS / 3;
const RUN_FOR_MS = 600_000;

type Renew = Scene["store"]["renew"];

/** A handler under way, the renewals of its claim by the process's clock, and what they answer. */
async function underWay(renew?: (scene: Scene) => Renew) {
  const scene = stage();
  const clock = handClock();
  const start = clock.monotonic();
  const renewals: number[] = [];
  const held = gate();
  let mine: CurrentOperation | undefined;
  const answer = renew?.(scene) ?? scene.store.renew;
  const store = {
    ...scene.store,
    renew: (...given: Parameters<Renew>) => {
      renewals.push(clock.monotonic() - start);
      return answer(...given);
    },
  };
  const operation = scene.process({ clock, store }).operation("pay", {
    input: Order,
    handler: async (op) => {
      mine = op;
      await held.passed;
      return ok();
    },
  });
  const result = operation.run(call);
  await settleTurn();
  if (mine === undefined) throw new Error("The handler did not begin.");
  return { scene, clock, renewals, op: mine, result, end: () => held.open() };
}

const unanswered: Renew = async () => ({ kind: "not-known", error: new Error("no answer") });
const isLost = (error: unknown): boolean => isNevertwiceError(error, "lease-lost");

const lossesOf = ({ events }: Scene) => events.filter(({ type }) => type === "lease.lost");

/** Both clocks go on together, in steps, as time does. */
async function passBoth(scene: Scene, clock: HandClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += BEAT_MS) {
    scene.advance(BEAT_MS);
    await clock.pass(BEAT_MS);
  }
}

test("a claim is renewed three times in each lease, and is not lost by the length of its run", async () => {
  const { scene, clock, renewals, op, end, result } = await underWay();
  await passBoth(scene, clock, 4 * LEASE_MS);
  assert.deepEqual(
    renewals,
    Array.from({ length: 12 }, (_, beat) => (beat + 1) * BEAT_MS),
  );
  assert.equal(op.signal.aborted, false);
  end();
  assert.equal((await result).kind, "succeeded");
});

test("an attempt ends after its longest time, however alive it is", async () => {
  const { scene, clock, renewals, op } = await underWay();
  await passBoth(scene, clock, RUN_FOR_MS - BEAT_MS);
  await clock.pass(BEAT_MS - 1);
  assert.equal(op.signal.aborted, false);
  await clock.pass(1);
  assert.equal(op.signal.aborted, true);
  assert.equal(renewals.at(-1), RUN_FOR_MS - BEAT_MS, "what has ended is not renewed");
});

test("a claim that no renewal proves is given up when it lapses, and not before", async () => {
  const { scene, clock, renewals, op } = await underWay(() => unanswered);
  await clock.pass(LEASE_MS - 1);
  assert.deepEqual([op.signal.aborted, lossesOf(scene)], [false, []]);
  await clock.pass(1);
  assert.equal(op.signal.aborted, true);
  assert.ok(isLost(op.signal.reason));
  assert.deepEqual(renewals, [BEAT_MS, 2 * BEAT_MS], "one that lapsed is not asked for again");
});

test("a renewal holds the claim for one lease from when it was sent", async () => {
  let answered = 0;
  const { clock, op } = await underWay(
    ({ store }) =>
      (...given) =>
        answered++ === 0 ? store.renew(...given) : unanswered(...given),
  );
  await clock.pass(BEAT_MS + LEASE_MS - 1);
  assert.equal(op.signal.aborted, false);
  await clock.pass(1);
  assert.equal(op.signal.aborted, true);
});

test("a renewal that is refused ends the run at once, and its client hears of the newer one", async () => {
  const { scene, clock, op, result, renewals } = await underWay();
  scene.advance(LEASE_MS + 1);
  const newer = scene.process().operation("pay", { input: Order, handler: () => ok({ newer: 1 }) });
  assert.equal((await newer.run(call)).kind, "succeeded");
  const signal = op.signal;
  await clock.pass(BEAT_MS);
  // The handler itself never ends.
  const told = await result;
  assert.deepEqual("body" in told && told.body, { newer: 1 });
  assert.ok(signal.aborted && isLost(signal.reason));
  assert.deepEqual(lossesOf(scene), [{ type: "lease.lost", id, name: "pay", fence: 1 }]);
  await clock.pass(LEASE_MS);
  assert.equal(renewals.length, 1, "a lost claim is not renewed");
  assert.equal(clock.pending, 0);
});

test("a signal that is first asked for after the loss is aborted, one before it is not", async () => {
  const early = await underWay();
  assert.equal(early.op.signal.aborted, false);
  early.end();
  const late = await underWay(() => async () => ({ kind: "ok", value: "stale" }));
  await late.clock.pass(BEAT_MS);
  assert.ok(late.op.signal.aborted && isLost(late.op.signal.reason));
});

test("who asks for the claim hears that it is held, that it is lost, or that nobody knows", async () => {
  const answers: ("ok" | "not-known" | "stale")[] = ["ok", "not-known", "ok", "stale"];
  const { scene, clock, op } = await underWay(({ store }) => async (...given) => {
    const next = answers.shift() ?? "ok";
    if (next === "not-known") return unanswered(...given);
    return next === "stale" ? { kind: "ok", value: "stale" } : store.renew(...given);
  });
  const { signal } = op;
  await op.assertOwner();
  await assert.rejects(op.assertOwner(), (error) => isNevertwiceError(error, "store-unavailable"));
  assert.deepEqual([signal.aborted, lossesOf(scene).length], [false, 0], "no answer is no loss");
  await op.assertOwner();
  await assert.rejects(op.assertOwner(), isLost);
  assert.deepEqual([signal.aborted, lossesOf(scene).length, clock.pending], [true, 1, 0]);
  await assert.rejects(op.assertOwner(), isLost);
  assert.equal(lossesOf(scene).length, 1, "a claim is lost once");
  assert.deepEqual(answers, [], "what is lost is not asked about");
});

test("an attempt that has ended leaves no timer, also with a renewal under way", async () => {
  const quick = await underWay();
  quick.end();
  assert.equal((await quick.result).kind, "succeeded");
  await quick.clock.pass(LEASE_MS);
  assert.deepEqual([quick.clock.pending, quick.renewals], [0, []]);
  for (const last of ["done", "stale"] as const) {
    const answer = gate<{ readonly kind: "ok"; readonly value: "done" | "stale" }>();
    const slow = await underWay(() => () => answer.passed);
    await slow.clock.pass(BEAT_MS);
    slow.end();
    assert.equal((await slow.result).kind, "succeeded");
    answer.open({ kind: "ok", value: last });
    await settleTurn();
    assert.equal(slow.clock.pending, 0);
    assert.deepEqual(lossesOf(slow.scene), [], "what has ended is not lost");
  }
});
