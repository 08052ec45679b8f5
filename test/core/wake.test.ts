import assert from "node:assert/strict";
import { test } from "node:test";
import { createWake } from "../../src/core/wake.ts";
import { systemClock } from "../../src/index.ts";
import { settleTurn } from "./acquirer.ts";

/** A pause of a loop, of which a test sees how long it was to be and whether it is over. */
function pausing() {
  const asked: number[] = [];
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    asked.push(ms);
    return new Promise((resolve) => {
      if (signal?.aborted) resolve();
      signal?.addEventListener("abort", () => resolve());
    });
  };
  const wake = createWake({ ...systemClock, sleep });
  const stopper = new AbortController();
  const pause = () => {
    const self = { over: false };
    void wake.sleep(500, stopper.signal).then(() => {
      self.over = true;
    });
    return self;
  };
  return { wake, asked, pause, stopper };
}

test("a call ends the pause under way, and none after it", async () => {
  const { wake, asked, pause } = pausing();
  const first = pause();
  await settleTurn();
  assert.deepEqual([first.over, asked], [false, [500]]);
  wake.call();
  await settleTurn();
  assert.equal(first.over, true);
  const second = pause();
  await settleTurn();
  assert.deepEqual([second.over, asked], [false, [500, 500]]);
});

test("a call during a pass ends the next pause before it begins, and that one only", async () => {
  const { wake, asked, pause } = pausing();
  wake.call();
  wake.call();
  const first = pause();
  await settleTurn();
  assert.deepEqual([first.over, asked], [true, []]);
  const second = pause();
  await settleTurn();
  assert.deepEqual([second.over, asked], [false, [500]]);
});

test("a loop that is stopped does not finish its pause", async () => {
  const { pause, stopper } = pausing();
  const first = pause();
  await settleTurn();
  stopper.abort();
  await settleTurn();
  assert.equal(first.over, true);
});
