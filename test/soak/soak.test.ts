import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, type Soaked, soak, trendOf } from "./soak.ts";
import type { Sample } from "./soak-worker.ts";

const ROUNDS = 40;

/** A soaked process whose heap, handles and files were like this after each round. */
function soaked(change: (round: number) => Partial<Sample>): Soaked {
  const samples = Array.from({ length: ROUNDS }, (_, round) => ({
    ...{ operations: round * 1_000, ms: round, heapBytes: 1e7, bufferBytes: 1e6, rssBytes: 1e8 },
    ...{ resources: { Timeout: 1 + (round % 3) }, files: 24, turnMs: 1 },
    ...change(round),
  }));
  const counts = { operations: 1, first: 1, duplicates: 0, failed: 0, thrown: 0, succeeded: 1 };
  return { samples, total: 1, tally: { ...counts, sends: 0, pruned: 0, unanswered: 0, wrong: [] } };
}

test("a straight line is found, and its noise told", () => {
  const line = (noise: number) =>
    trendOf(Array.from({ length: 100 }, (_, x) => [x, 3 * x + 7 + (x % 2) * noise] as const));
  assert.deepEqual(line(0), { slope: 3, noise: 0 });
  const { slope, noise } = line(10);
  assert.ok(noise > 0 && Math.abs(slope - 3) < noise);
});

test("a soaked process that leaks is found, and one that is flat is not", () => {
  const noisy = (round: number): number => 1e7 + (round % 2) * 1_000;
  const brokenOf = (change: (round: number) => Partial<Sample>) => judge(soaked(change)).broken;
  assert.deepEqual(
    brokenOf((round) => ({ heapBytes: noisy(round) })),
    [],
  );
  assert.match(brokenOf((round) => ({ heapBytes: noisy(round) + round * 2_000 }))[0] ?? "", /heap/);
  assert.match(brokenOf((round) => ({ bufferBytes: round * 2_000 }))[0] ?? "", /Buffers/);
  assert.match(brokenOf((round) => ({ files: 24 + round }))[0] ?? "", /Files grew/);
  assert.match(brokenOf((round) => ({ resources: { Timeout: round } }))[0] ?? "", /Handles grew/);
  assert.match(judge({ ...soaked(() => ({})), total: 2 }).broken[0] ?? "", /1 succeeded, and 2/);
});

test("a small soak writes one row a success, and gives one answer a key", async () => {
  const { tally, total, samples } = await soak({
    ...{ store: "memory", operations: 4_000, rounds: 8, seed: 1 },
  });
  assert.deepEqual(tally.wrong, []);
  assert.equal(total, tally.succeeded);
  assert.equal(samples.length, 8);
  assert.equal(tally.operations, tally.first + tally.duplicates);
  for (const count of [tally.duplicates, tally.failed, tally.thrown, tally.sends, tally.pruned])
    assert.ok(count > 0, JSON.stringify(tally));
});
