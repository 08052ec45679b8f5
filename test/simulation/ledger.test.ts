import assert from "node:assert/strict";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { appendToLedger, sumLedger, tellLedger } from "./ledger.ts";

const LINE = { commit: "abc", seed: 1, histories: 10, faults: 4, violations: 0, seconds: 2.5 };

test("a ledger keeps each run, and sums them by commit", (context) => {
  const folder = mkdtempSync(join(tmpdir(), "ledger-"));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, "ledger.jsonl");
  assert.deepEqual(sumLedger(file), []);
  appendToLedger(file, LINE);
  appendToLedger(file, { ...LINE, seed: 11, violations: 1 });
  appendToLedger(file, { ...LINE, commit: "def+" });
  const [first, second, ...others] = sumLedger(file);
  assert.deepEqual(others, []);
  const sum = { runs: 2, histories: 20, faults: 8, violations: 1, seconds: 5 };
  assert.deepEqual(first, { commit: "abc", ...sum });
  assert.deepEqual([second?.commit, second?.runs, second?.histories], ["def+", 1, 10]);
  const told = tellLedger(sumLedger(file)).split("\n");
  assert.equal(told.length, 3);
  assert.match(told[2] ?? "", /^all +3 runs, 30 histories, 12 faults, 1 violations, 8 s$/);
  appendFileSync(file, '{"commit":"abc"}\n');
  assert.throws(() => sumLedger(file), /Line 4/);
});
