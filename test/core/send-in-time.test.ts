import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "../../src/index.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  LATER_MS,
  LEASE_MS,
  pay,
  type Scene,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

/** The two clocks of a process, each ahead by its own number of milliseconds. */
interface Ahead {
  wall: number;
  monotonic: number;
}

function clockOf(ahead: Ahead): Clock {
  return {
    ...systemClock,
    wall: () => systemClock.wall() + ahead.wall,
    monotonic: () => systemClock.monotonic() + ahead.monotonic,
  };
}

/** A process that is stopped once, between the commit of its send and its first byte. */
function paused(scene: Scene, jump: Ahead, effect: ChargeEffect) {
  const ahead = { wall: 0, monotonic: 0 };
  let left = 1;
  const begin = async (...given: Parameters<Scene["store"]["begin"]>) => {
    const answer = await scene.store.begin(...given);
    if (left-- > 0) Object.assign(ahead, jump);
    return answer;
  };
  return pay(scene.process({ store: { ...scene.store, begin }, clock: clockOf(ahead) }), effect);
}

const JUMPS: Readonly<Record<string, Ahead>> = {
  "both clocks ran on": { wall: 6_000, monotonic: 6_000 },
  "the wall clock was set forward": { wall: 2_000, monotonic: 0 },
  "the wall clock was set back": { wall: -2_000, monotonic: 0 },
  "the monotonic clock alone ran on": { wall: 0, monotonic: 2_000 },
  "the monotonic clock stood still": { wall: 6_000, monotonic: 0 },
};

for (const [what, jump] of Object.entries(JUMPS)) {
  test(`H5: a send that wakes late is dropped as not executed: ${what}`, async () => {
    const scene = stage();
    const bank = acquirer();
    const operation = paused(scene, jump, bank.effect());
    assert.equal((await operation.run(call)).kind, "retry-scheduled");
    assert.equal(bank.keys.length, 0);
    assert.equal(await stateOf(scene), "waiting");
    assert.equal((await stepOf(scene))?.result?.kind, "not-executed");
    scene.advance(LATER_MS);
    assert.equal((await operation.run(call)).kind, "succeeded");
    assert.deepEqual([bank.charges.size, bank.keys.length], [1, 1]);
  });
}

test("H5: a short pause, and a clock that is wrong all along, drop nothing", async () => {
  const slow = stage();
  const bank = acquirer();
  const jump = { wall: 900, monotonic: 900 };
  assert.equal((await paused(slow, jump, bank.effect()).run(call)).kind, "succeeded");
  const wrong = stage();
  const clock = clockOf({ wall: -10_000_000, monotonic: 10_000_000 });
  const operation = pay(wrong.process({ clock }), bank.effect());
  assert.equal((await operation.run(call)).kind, "succeeded");
});

test("H5: an effect says itself how long its send may take to leave", async () => {
  const jump = { wall: 8_000, monotonic: 8_000 };
  const patient = stage();
  const bank = acquirer();
  const given = { sendByMs: 10_000 };
  assert.equal((await paused(patient, jump, bank.effect(given)).run(call)).kind, "succeeded");
  const hasty = stage();
  const short = { wall: 500, monotonic: 500 };
  const effect = bank.effect({ sendByMs: 400 });
  assert.equal((await paused(hasty, short, effect).run(call)).kind, "retry-scheduled");
});

test("H5: an adapter that was slow before its first byte drops the send by itself", async () => {
  const scene = stage();
  const bank = acquirer();
  const ahead = { wall: 0, monotonic: 0 };
  let slow = true;
  const effect = bank.effect({
    async send(sent) {
      if (slow) Object.assign(ahead, { wall: 6_000, monotonic: 6_000 });
      slow = false;
      sent.checkTime();
      return bank.send(sent);
    },
  });
  const operation = pay(scene.process({ clock: clockOf(ahead) }), effect);
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.equal(bank.keys.length, 0);
  scene.advance(LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
});

test("H5: a dropped send does not lower the doubt that an earlier one left", async () => {
  const scene = stage();
  const bank = acquirer(["lost after"]);
  await pay(scene.process(), bank.effect()).run(call);
  scene.advance(LATER_MS);
  const jump = { wall: 6_000, monotonic: 6_000 };
  assert.equal((await paused(scene, jump, bank.effect()).run(call)).kind, "in-doubt");
  assert.equal((await stepOf(scene))?.result, undefined);
  assert.equal(bank.keys.length, 1);
});

test("H5: a claim that is lost while its send is committed sends nothing", async () => {
  const scene = stage();
  const bank = acquirer();
  const lost = Promise.withResolvers<void>();
  const events = (event: { type: string }): void => {
    if (event.type === "lease.lost") lost.resolve();
  };
  const late = { leaseMs: 100, waitMs: 0, onEvent: events };
  const begin = async (...given: Parameters<Scene["store"]["begin"]>) => {
    const answer = await scene.store.begin(...given);
    scene.advance(LEASE_MS + 1);
    const owner = pay(scene.process(), bank.effect());
    assert.equal((await owner.run(call)).kind, "succeeded");
    await lost.promise;
    return answer;
  };
  const zombie = pay(scene.process({ ...late, store: { ...scene.store, begin } }), bank.effect());
  const stale = await zombie.run(call);
  assert.ok(stale.kind === "succeeded" && stale.replayed);
  assert.equal(bank.keys.length, 1);
});
