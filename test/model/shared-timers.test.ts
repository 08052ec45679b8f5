import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CLOCK_MARGIN_MS, isoTime, systemClock } from "../../src/model/clock.ts";

/** The timers that keep this process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

test("many long deadlines are few timers, many short ones a timer each", () => {
  const before = timers();
  const cancels = Array.from({ length: 50 }, () => systemClock.timer(60_000, () => {}));
  // Those that were set together may fall on both sides of a border.
  assert.ok(timers() - before <= 2 && timers() > before);
  for (const cancel of cancels) cancel();
  assert.equal(timers(), before);
  const short = Array.from({ length: 50 }, () => systemClock.timer(999, () => {}));
  assert.equal(timers(), before + 50);
  for (const cancel of short) cancel();
  assert.equal(timers(), before);
  const edge = Array.from({ length: 50 }, () => systemClock.timer(1_000, () => {}));
  assert.ok(timers() - before < 50);
  for (const cancel of edge) cancel();
});

test("the process stays while one of those who share a timer waits, and no longer", () => {
  const before = timers();
  const cancels = Array.from({ length: 3 }, () => systemClock.timer(120_000, () => {}));
  for (const cancel of cancels.slice(1)) cancel();
  cancels[1]?.();
  assert.equal(timers(), before + 1);
  cancels[0]?.();
  assert.equal(timers(), before);
  const again = systemClock.timer(120_000, () => {});
  assert.equal(timers(), before + 1);
  again();
  again();
  assert.equal(timers(), before);
});

test("a short deadline fires after its time, and not once it was taken back", () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const fired: string[] = [];
    systemClock.timer(10, () => fired.push("first"));
    systemClock.timer(10, () => fired.push("taken back"))();
    mock.timers.tick(9);
    assert.deepEqual(fired, []);
    mock.timers.tick(1);
    assert.deepEqual(fired, ["first"]);
  } finally {
    mock.timers.reset();
  }
});

test("a sleep ends after its time, or at once when its signal aborts, and is taken back", async () => {
  const before = timers();
  const stop = new AbortController();
  const slept = systemClock.sleep(3_600_000, stop.signal);
  assert.equal(timers(), before + 1);
  stop.abort();
  await slept;
  assert.equal(timers(), before);
  await systemClock.sleep(3_600_000, stop.signal);
  assert.equal(timers(), before);
  const start = systemClock.monotonic();
  await systemClock.sleep(20);
  // A timer of Node may be a millisecond early by the other clock.
  assert.ok(systemClock.monotonic() - start >= 19);
});

test("a sleep that has ended holds its signal no longer", async () => {
  const removed: string[] = [];
  const stop = new AbortController();
  const { signal } = stop;
  const { removeEventListener } = signal;
  signal.removeEventListener = (...given: Parameters<typeof removeEventListener>) => {
    removed.push(given[0]);
    removeEventListener.apply(signal, given);
  };
  await systemClock.sleep(1, signal);
  assert.deepEqual(removed, ["abort"]);
});

test("a sleep of no time ends in this turn, behind the input that is there", async () => {
  const order: string[] = [];
  const timer = new Promise<void>((resolve) => {
    setTimeout(() => resolve(void order.push("timer")), 50);
  });
  await Promise.all([
    timer,
    systemClock.sleep(0).then(() => order.push("slept")),
    systemClock.sleep(-1).then(() => order.push("slept")),
    Promise.resolve().then(() => order.push("promise")),
  ]);
  assert.deepEqual(order, ["promise", "slept", "slept", "timer"]);
  const before = timers();
  const slept = systemClock.sleep(0);
  assert.equal(timers(), before);
  await slept;
});

test("the clocks are those of the process", () => {
  const [wall, monotonic] = [Date.now(), performance.now()];
  assert.ok(systemClock.wall() >= wall && systemClock.wall() - wall < 60_000);
  assert.ok(systemClock.monotonic() >= monotonic);
  assert.ok(systemClock.monotonic() - monotonic < 60_000);
  assert.equal(isoTime(1_234), "1970-01-01T00:00:01.234Z");
  assert.equal(CLOCK_MARGIN_MS, 300_000);
});
