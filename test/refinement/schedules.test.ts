import assert from "node:assert/strict";
import { test } from "node:test";
import { type Point, schedules } from "./schedules.ts";

const AT_ONCE = { began: 1, ended: 9 };
const told = (points: readonly Point[]): string =>
  points.map(({ call, edge }) => ({ whole: "", begin: "<", end: ">" })[edge] + call).join(" ");
const all = (...given: Parameters<typeof schedules>): string[] =>
  [...schedules(...given)].map(told);

test("calls at one time are tried in every order", () => {
  assert.deepEqual(
    all([AT_ONCE, AT_ONCE], () => false),
    ["0 1", "1 0"],
  );
  assert.equal(all([AT_ONCE, AT_ONCE, AT_ONCE], () => false).length, 6);
});

test("what ended before another one began comes before it", () => {
  const ran = [
    { began: 3, ended: 4 },
    { began: 1, ended: 2 },
  ];
  assert.deepEqual(
    all(ran, () => true),
    ["1 0"],
  );
});

test("others come between the beginning and the end of a long call, after the simple orders", () => {
  assert.deepEqual(
    all([AT_ONCE, AT_ONCE], (call) => call === 0),
    ["0 1", "1 0", "<0 1 >0"],
  );
});

test("two long calls may each end inside of the other", () => {
  const both = all([AT_ONCE, AT_ONCE], () => true);
  assert.deepEqual(both.slice(0, 2), ["0 1", "1 0"]);
  assert.deepEqual(
    new Set(both.slice(2)),
    new Set(["<0 1 >0", "<1 0 >1", "<0 <1 >0 >1", "<1 <0 >1 >0"]),
  );
});

test("nobody comes between the ends of a long call who began after it ended", () => {
  const ran = [
    { began: 1, ended: 2 },
    { began: 3, ended: 4 },
  ];
  assert.deepEqual(
    all(ran, () => true),
    ["0 1"],
  );
});
