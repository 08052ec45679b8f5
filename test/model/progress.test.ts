import assert from "node:assert/strict";
import { test } from "node:test";
import { moveOf } from "../../src/model/progress.ts";

const PROGRESS = {
  order: ["created", "authorized", "failed", "captured"],
  also: [["failed", "authorized"] as const],
};

test("the first state that comes is the first, wherever in the order it is", () => {
  for (const state of PROGRESS.order) assert.equal(moveOf(PROGRESS, undefined, state), "first");
});

test("an object moves on to every later state, and never back", () => {
  assert.equal(moveOf(PROGRESS, "created", "captured"), "forward");
  assert.equal(moveOf(PROGRESS, "created", "authorized"), "forward");
  assert.equal(moveOf(PROGRESS, "captured", "created"), "behind");
  assert.equal(moveOf(PROGRESS, "captured", "failed"), "behind");
});

test("the same state again is neither", () => {
  for (const state of PROGRESS.order) assert.equal(moveOf(PROGRESS, state, state), "same");
});

test("a step back is one forward only if it is declared, in that direction between those two", () => {
  assert.equal(moveOf(PROGRESS, "failed", "authorized"), "forward");
  assert.equal(moveOf(PROGRESS, "failed", "created"), "behind");
  assert.equal(moveOf(PROGRESS, "captured", "authorized"), "behind");
  assert.equal(moveOf({ order: PROGRESS.order }, "failed", "authorized"), "behind");
});

test("a state that nobody named is not guessed, and one renamed away keeps nobody back", () => {
  for (const from of [undefined, "created", "refunded"])
    assert.equal(moveOf(PROGRESS, from, "refunded"), "unknown");
  assert.equal(moveOf(PROGRESS, "pending", "created"), "forward");
});
