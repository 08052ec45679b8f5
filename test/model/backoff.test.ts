import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BACKOFF_DEFAULT, backoffMs } from "../../src/model/backoff.ts";
import { testProperty } from "../property.ts";

const fraction = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const backoff = fc.record({
  baseMs: fc.integer({ min: 1, max: 10_000 }),
  capMs: fc.integer({ min: 1, max: 10_000_000 }),
});

testProperty(
  "a wait lies between half of its ceiling and the cap",
  fc.property(fc.integer({ min: 1, max: 1_000_000 }), fraction, backoff, (attempt, draw, rule) => {
    const wait = backoffMs(attempt, draw, rule);
    assert.ok(Number.isInteger(wait));
    assert.ok(wait <= rule.capMs);
    assert.ok(wait >= Math.floor(Math.min(rule.baseMs, rule.capMs) / 2));
  }),
);

testProperty(
  "with the same draw a later attempt never waits less",
  fc.property(fc.integer({ min: 1, max: 60 }), fraction, backoff, (attempt, draw, rule) => {
    assert.ok(backoffMs(attempt + 1, draw, rule) >= backoffMs(attempt, draw, rule));
  }),
);

test("the defaults double from 200 ms to a minute", () => {
  const ceilings = [1, 2, 3, 9, 10, 50].map((attempt) => backoffMs(attempt, 1));
  assert.deepEqual(ceilings, [200, 400, 800, 51_200, 60_000, 60_000]);
  assert.equal(backoffMs(1, 0), BACKOFF_DEFAULT.baseMs / 2);
});
