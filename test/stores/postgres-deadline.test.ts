import assert from "node:assert/strict";
import { test } from "node:test";
import { deadlines } from "../../src/stores/postgres/deadline.ts";
import { DeadlineError } from "../../src/stores/postgres/errors.ts";
import { handClock } from "../core/hand-clock.ts";

const NEVER = new Promise<never>(() => {});

test("what is there in time is given, and an error as it is", async () => {
  const within = deadlines(handClock());
  assert.equal(await within("A statement", 100, Promise.resolve(7)), 7);
  const error = new Error("It failed.");
  await assert.rejects(within("A statement", 100, Promise.reject(error)), error);
});

test("a deadline passes at its time and not before, and says what was waited for", async () => {
  const clock = handClock();
  const within = deadlines(clock);
  const [early, late] = [
    outcome(within("COMMIT", 100, NEVER)),
    outcome(within("BEGIN", 200, NEVER)),
  ];
  await clock.pass(75);
  assert.deepEqual([early.error, late.error], [undefined, undefined]);
  await clock.pass(25);
  assert.ok(early.error instanceof DeadlineError);
  assert.equal(early.error.name, "DeadlineError");
  assert.equal(early.error.message, "COMMIT took longer than 100 ms.");
  assert.deepEqual([late.error], [undefined]);
  await clock.pass(100);
  assert.ok(late.error instanceof DeadlineError);
});

test("all deadlines share one timer, which runs only while something is waited for", async () => {
  const clock = handClock();
  const within = deadlines(clock);
  assert.equal(clock.pending, 0);
  const { promise, resolve } = Promise.withResolvers<number>();
  const waits = [within("one", 1_000, promise), within("two", 1_000, promise)];
  const refused = outcome(
    within(
      "three",
      1_000,
      promise.then(() => Promise.reject("no")),
    ),
  );
  assert.equal(clock.pending, 1);
  await clock.pass(60);
  assert.equal(clock.pending, 1);
  resolve(7);
  assert.deepEqual(await Promise.all(waits), [7, 7]);
  await clock.pass(25);
  assert.equal(refused.error, "no");
  assert.equal(clock.pending, 0);
  await clock.pass(5_000);
  const again = outcome(within("four", 50, NEVER));
  assert.equal(clock.pending, 1);
  await clock.pass(50);
  assert.ok(again.error instanceof DeadlineError);
  await clock.pass(25);
  assert.equal(clock.pending, 0);
});

interface Outcome {
  error: unknown;
}

/** What a promise was rejected with so far. */
function outcome(promise: Promise<unknown>): Outcome {
  const found: Outcome = { error: undefined };
  promise.catch((error: unknown) => {
    found.error = error;
  });
  return found;
}
