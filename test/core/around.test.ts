import assert from "node:assert/strict";
import { test } from "node:test";
import { type Around, withinAround } from "../../src/core/around.ts";
import { createSettings } from "../../src/core/settings.ts";
import type { Answer } from "../../src/store.ts";
import { gate, settleTurn } from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";

const settings = createSettings({ storeTimeoutMs: 1_000, runForMs: 10_000 });
const done = { kind: "ok", value: 7 } as const;

/** A call of the store by a clock of the test's, and what it was told to have come to. */
function calling(call: (around: Around) => Promise<Answer<number>>) {
  const clock = handClock();
  const ends: Answer<number>[] = [];
  const answer = withinAround({ clock, settings }, call).then((end) => {
    ends.push(end);
    return end;
  });
  const kinds = () => ends.map(({ kind }) => kind);
  return { clock, kinds, answer };
}

test("a call that is answered in time leaves no timer", async () => {
  const { clock, answer } = calling(async (around) => {
    await around(() => Promise.resolve());
    return done;
  });
  assert.deepEqual(await answer, done);
  await settleTurn();
  assert.equal(clock.pending, 0);
});

test("a store that does not come to the callback in its time is not known", async () => {
  const { clock, kinds, answer } = calling(() => new Promise(() => undefined));
  await clock.pass(999);
  assert.deepEqual(kinds(), []);
  await clock.pass(1);
  assert.deepEqual(kinds(), ["not-known"]);
  const end = await answer;
  assert.match(String("error" in end && end.error), /1000 ms/);
  assert.equal(clock.pending, 0);
});

for (const how of ["resolves", "rejects"] as const)
  test(`the store's time stands still while the callback runs, and begins anew: it ${how}`, async () => {
    const callback = gate();
    const { clock, kinds } = calling(async (around) => {
      await Promise.resolve(
        around(async () => {
          await callback.passed;
          if (how === "rejects") throw new Error("a bug");
        }),
      ).catch(() => undefined);
      return new Promise(() => undefined);
    });
    await clock.pass(900);
    await clock.pass(5_000);
    assert.deepEqual(kinds(), [], "the callback may take longer than the store");
    callback.open();
    await clock.pass(999);
    assert.deepEqual(kinds(), []);
    await clock.pass(1);
    assert.deepEqual(kinds(), ["not-known"]);
  });

for (const how of ["returns", "throws"] as const)
  test(`the store's time begins anew after a callback that ${how} at once`, async () => {
    const begun = gate();
    const values: unknown[] = [];
    const { clock, kinds } = calling(async (around) => {
      await begun.passed;
      try {
        const value = around(() => {
          if (how === "throws") throw new Error("a bug");
          return 7;
        });
        values.push(value);
      } catch (error) {
        values.push(String(error));
      }
      return new Promise(() => undefined);
    });
    await clock.pass(900);
    begun.open();
    await clock.pass(999);
    assert.deepEqual([kinds(), values], [[], [how === "throws" ? "Error: a bug" : 7]]);
    await clock.pass(1);
    assert.deepEqual(kinds(), ["not-known"]);
  });

test("callback and store together have the time of an attempt", async () => {
  const { clock, kinds } = calling(async (around) => {
    await around(() => new Promise(() => undefined));
    return done;
  });
  await clock.pass(9_999);
  assert.deepEqual(kinds(), []);
  await clock.pass(1);
  assert.deepEqual(kinds(), ["not-known"]);
});

test("a promise that the store refuses to wait for may be rejected without harm", async () => {
  const { answer } = calling(async (around) => {
    void around(() => Promise.reject(new Error("late")));
    return done;
  });
  assert.deepEqual(await answer, done);
  await settleTurn();
});
