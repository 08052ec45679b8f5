import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clock, systemClock } from "../../src/index.ts";
import { acquirer, call, pay, stepOf } from "./acquirer.ts";
import { stage } from "./stage.ts";

/** Clocks that stand still but for what a test moves them by. */
function still() {
  const start = { wall: systemClock.wall(), monotonic: 1_000_000 };
  const moved = { wall: 0, monotonic: 0 };
  const clock: Clock = {
    ...systemClock,
    wall: () => start.wall + moved.wall,
    monotonic: () => start.monotonic + moved.monotonic,
  };
  return { clock, moved };
}

/** How far each clock runs between the commit of a send and its first byte, and whether it goes. */
const PAUSES: readonly (readonly [wall: number, monotonic: number, leaves: boolean])[] = [
  [5_000, 5_000, true],
  [5_001, 5_000, false],
  [5_000, 5_001, false],
  [5_001, 4_500, false],
  [4_500, 5_001, false],
  [1_000, 0, true],
  [1_001, 0, false],
  [0, 1_000, true],
  [0, 1_001, false],
];

for (const [wall, monotonic, leaves] of PAUSES)
  test(`H5: after ${wall} ms by the wall and ${monotonic} ms by the other clock a send ${leaves ? "leaves" : "is dropped"}`, async () => {
    const scene = stage();
    const bank = acquirer();
    const { clock, moved } = still();
    const begin: typeof scene.store.begin = async (...given) => {
      const answer = await scene.store.begin(...given);
      Object.assign(moved, { wall, monotonic });
      return answer;
    };
    const operation = pay(
      scene.process({ store: { ...scene.store, begin }, clock }),
      bank.effect(),
    );
    const { kind } = await operation.run(call);
    assert.deepEqual([kind, bank.keys.length], leaves ? ["succeeded", 1] : ["retry-scheduled", 0]);
    const [sent] = (await stepOf(scene))?.effect?.sends ?? [];
    assert.equal(sent?.verdict, leaves ? "definite" : "not-executed");
    if (!leaves) assert.match(sent?.detail ?? "", /^the send was dropped in time: /);
  });
