import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { spawnSync } from "node:child_process";
import { mock, test } from "node:test";
import { systemClock } from "../../src/model/clock.ts";

/** Runs `play` while time stands still on both clocks, but for what it ticks. */
function standing(play: (tick: (ms: number) => void) => void): void {
  mock.timers.enable({ apis: ["setTimeout"] });
  let now = 5_000_000;
  const clock = mock.method(performance, "now", () => now);
  try {
    play((ms) => {
      // In steps, so that what fires finds the time that it was to fire at.
      for (let step = Math.max(1, ms / 2_000), left = ms; left > 0; left -= step) {
        now += Math.min(step, left);
        mock.timers.tick(Math.min(step, left));
      }
    });
  } finally {
    clock.mock.restore();
    mock.timers.reset();
  }
}

for (const ms of [1_000, 5_000, 9_999.5, 600_000]) {
  test(`a deadline of ${ms} ms fires once, in time, and not if it was taken back`, () => {
    standing((tick) => {
      const fired: string[] = [];
      systemClock.timer(ms, () => fired.push("first"));
      const cancel = systemClock.timer(ms, () => fired.push("taken back"));
      systemClock.timer(ms, () => fired.push("third"));
      cancel();
      tick(ms - 500);
      assert.deepEqual(fired, []);
      tick(500 + ms / 100 + 2);
      assert.deepEqual(fired, ["first", "third"]);
      cancel();
      tick(2 * ms);
      assert.deepEqual(fired, ["first", "third"]);
    });
  });
}

test("a deadline set or taken back while others fire is as good as any", () => {
  standing((tick) => {
    const fired: string[] = [];
    const cancels: (() => void)[] = [];
    systemClock.timer(2_000, () => {
      fired.push("first");
      for (const cancel of cancels) cancel();
      systemClock.timer(2_000, () => fired.push("later"));
    });
    cancels.push(systemClock.timer(2_000, () => fired.push("taken back")));
    tick(2_050);
    assert.deepEqual(fired, ["first"]);
    tick(4_100);
    assert.deepEqual(fired, ["first", "later"]);
  });
});

test("a shared deadline fires outside of the context of whoever set the first one", () => {
  const context = new AsyncLocalStorage<string>();
  standing((tick) => {
    const seen: unknown[] = [];
    context.run("a request", () => systemClock.timer(3_000, () => seen.push(context.getStore())));
    tick(3_100);
    assert.deepEqual(seen, [undefined]);
  });
});

function exitOf(play: string): { stdout: string; status: number | null } {
  const clock = new URL("../../src/model/clock.ts", import.meta.url).href;
  const script = `import { systemClock } from ${JSON.stringify(clock)};\n${play}`;
  const args = ["--input-type=module", "--eval", script];
  const { stdout, status } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 60_000,
  });
  return { stdout, status };
}

test("a process stays for a deadline that is due, and not for one that was taken back", () => {
  const play = `
    systemClock.timer(3_600_000, () => {})();
    const cancel = systemClock.timer(1_000, () => {});
    systemClock.timer(1_000, () => console.log("due"));
    cancel();`;
  assert.deepEqual(exitOf(play), { stdout: "due\n", status: 0 });
});
