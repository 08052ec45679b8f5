import assert from "node:assert/strict";
import { test } from "node:test";
import { systemRandom } from "../../src/model/random.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("bytes come in the length that was asked for, also beyond what is drawn at once", () => {
  for (const length of [1, 16, 4_095, 4_096, 4_097, 10_000, 3_000, 3_000])
    assert.equal(systemRandom.bytes(length).length, length);
});

test("nobody is given the bytes of another, however many are drawn", () => {
  const draws = Array.from({ length: 3_000 }, () => hex(systemRandom.bytes(16)));
  assert.equal(new Set(draws).size, draws.length);
  // Zeros would be what no generator has written.
  for (const drawn of draws) assert.notEqual(drawn, "00".repeat(16));
});

test("no byte is given twice within one draw of the generator", () => {
  const large = [systemRandom.bytes(4_096), systemRandom.bytes(4_096)].map(hex);
  assert.notEqual(large[0], large[1]);
  const text = Array.from({ length: 256 }, () => hex(systemRandom.bytes(16))).join("");
  const pieces = Array.from({ length: 512 }, (_, index) => text.slice(16 * index, 16 * index + 16));
  assert.equal(new Set(pieces).size, 512);
});

test("whoever writes over its bytes changes nobody else's", () => {
  const [first, second] = [systemRandom.bytes(8), systemRandom.bytes(8)];
  const before = hex(second);
  new Uint8Array(first.buffer).fill(0);
  assert.equal(hex(second), before);
});

test("a fraction is spread over 0 to below 1", () => {
  const draws = Array.from({ length: 2_000 }, () => systemRandom.fraction());
  assert.ok(draws.every((draw) => draw >= 0 && draw < 1));
  const mean = draws.reduce((sum, draw) => sum + draw, 0) / draws.length;
  // Seven standard deviations: a fair generator is not accused once in a billion runs.
  assert.ok(Math.abs(mean - 0.5) < 7 * Math.sqrt(1 / 12 / draws.length), String(mean));
  assert.ok(new Set(draws).size > 1_990);
});
