import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "../../src/index.ts";
import { CLOCK_MARGIN_MS } from "../../src/model/clock.ts";
import type { StepEffect } from "../../src/model/step.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  findingsOf,
  HOUR_MS,
  LATER_MS,
  pay,
  recordOf,
  type Scene,
  stateOf,
  stepOf,
} from "./acquirer.ts";
import { stage } from "./stage.ts";
import { finding, findingEffect, watched } from "./watched.ts";

/** A process whose monotonic clock stands still, so that the claim's time is its time. */
function atRest(wall?: number): Clock {
  return { ...systemClock, monotonic: () => 1_000_000, wall: () => wall ?? systemClock.wall() };
}

/** An attempt in which the database says exactly that time, and this process that one. */
async function attemptAt(scene: Scene, effect: ChargeEffect, now: number, wall?: number) {
  scene.advance(LATER_MS);
  const store = finding(scene, ({ record }) => ({ record, now }));
  return (await pay(scene.process({ store, clock: atRest(wall) }), effect).run(call)).kind;
}

for (const [early, sends] of [
  [1, 2],
  [0, 1],
] as const)
  test(`H3: a key is sent again until its memory's end less the margin, to the millisecond: ${early}`, async () => {
    const wrong = stage();
    const scene = stage();
    for (const one of [scene, wrong]) {
      const bank = acquirer(["lost after"]);
      await pay(one.process(), bank.effect()).run(call);
      const until = (await stepOf(one))?.effect?.replayUntil ?? 0;
      const limit = until - CLOCK_MARGIN_MS;
      // Either clock, the database's or the process's own, closes the deadline.
      const ends =
        one === scene
          ? await attemptAt(one, bank.effect(), limit - early)
          : await attemptAt(one, bank.effect(), limit - HOUR_MS, limit - early);
      assert.equal(bank.keys.length, sends);
      assert.equal(ends, sends === 2 ? "succeeded" : "in-doubt");
      const { dueAt } = await recordOf(one);
      // A process whose clock is wrong leaves the step to another; the deadline itself is final.
      if (sends === 1) assert.equal(dueAt === undefined, one === scene);
    }
  });

test("H3: a row without the end of the provider's memory is judged by what the effect declares", async () => {
  const keptForMs = 10 * HOUR_MS;
  const forget = ({ replayUntil: _, ...effect }: StepEffect): StepEffect => effect;
  for (const [options, afterMs, sends] of [
    [{ keptForMs }, keptForMs - CLOCK_MARGIN_MS - 60_000, 2],
    [{ keptForMs }, keptForMs - CLOCK_MARGIN_MS + 60_000, 1],
    [{}, 24 * HOUR_MS - CLOCK_MARGIN_MS - 60_000, 2],
    [{}, 24 * HOUR_MS - CLOCK_MARGIN_MS + 60_000, 1],
  ] as const) {
    const scene = stage();
    const bank = acquirer(["lost after"]);
    const effect = bank.effect(options);
    await pay(scene.process(), effect).run(call);
    scene.advance(afterMs);
    await pay(scene.process({ store: findingEffect(scene, forget) }), effect).run(call);
    assert.equal(bank.keys.length, sends, `${afterMs}`);
  }
});

test("a look-up is quiet from its last millisecond on, and not before", async () => {
  for (const [early, findings] of [
    [1, []],
    [0, ["look-up: not-found"]],
  ] as const) {
    const scene = stage();
    const quietMs = HOUR_MS;
    const effect = acquirer(["lost before"]).effect({
      lookUp: { quietMs, find: () => undefined },
      ways: ["look-up"],
    });
    await pay(scene.process(), effect).run(call);
    const sentAt = (await stepOf(scene))?.effect?.sends[0]?.sentAt ?? 0;
    await attemptAt(scene, effect, sentAt + quietMs - early);
    assert.deepEqual(await findingsOf(scene), findings);
  }
});

test("the quiet time of a look-up counts from the last send, not from one before it", async () => {
  const scene = stage();
  const bank = acquirer(["lost before", "lost before", "lost before", "lost before"]);
  const lookUp = { quietMs: 3 * LATER_MS, absenceProves: true, find: () => undefined };
  const operation = pay(scene.process(), bank.effect({ lookUp, ways: ["replay", "look-up"] }));
  for (let round = 0; round < 4; round += 1) {
    await operation.run(call);
    scene.advance(2 * LATER_MS);
  }
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size], [4, 1]);
  scene.advance(2 * LATER_MS);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, new Set(bank.keys).size], [5, 2]);
});

test("a look-up that had its turn already is not asked again in the same attempt", async () => {
  const scene = stage();
  let asked = 0;
  const find = () => {
    asked += 1;
    return undefined;
  };
  const bank = acquirer(["lost before", "frozen after"]);
  const operation = pay(
    scene.process(),
    bank.effect({ lookUp: { quietMs: 1_000, find }, ways: ["replay", "look-up"] }),
  );
  for (let round = 0; round < 2; round += 1) {
    await operation.run(call);
    scene.advance(LATER_MS);
  }
  assert.equal(asked, 0);
  await operation.run(call);
  assert.deepEqual([bank.keys.length, asked], [2, 1]);
});

test("a step that was looked for in vain is looked for again, at a time that is named", async () => {
  const scene = stage();
  const effect = acquirer(["lost after"]).effect({
    lookUp: { quietMs: 1_000, find: () => undefined },
    ways: ["look-up"],
  });
  await pay(scene.process(), effect).run(call);
  scene.advance(LATER_MS);
  await pay(scene.process(), effect).run(call);
  const { dueAt = Number.NaN, createdAt } = await recordOf(scene);
  assert.ok(dueAt > createdAt + LATER_MS && dueAt < createdAt + 3 * LATER_MS, `${dueAt}`);
  assert.equal(await stateOf(scene), "in_doubt: effect-unknown");
});

test("a look-up's evidence and its proof say what they are, and of which sends", async () => {
  const scene = stage();
  const { store, noted, recorded } = watched(scene);
  const lookUp = { quietMs: 1_000, absenceProves: true, find: () => undefined };
  const effect = acquirer(["lost before"]).effect({ lookUp, ways: ["look-up"] });
  await pay(scene.process(), effect).run(call);
  scene.advance(LATER_MS);
  await pay(scene.process({ store }), effect).run(call);
  assert.deepEqual(noted, [{ step: "charge", source: "look-up", finding: "not-found" }]);
  assert.deepEqual(recorded[0]?.end, {
    kind: "not-executed",
    proven: true,
    detail: "The look-up found nothing, which proves that nothing happened.",
    sends: 1,
  });
});
