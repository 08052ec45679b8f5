import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { TARGETS } from "../fuzz/targets.ts";
import { ROWS } from "./rows.ts";

const ROOT = join(import.meta.dirname, "..", "..");

test("every threat has a proof, or is told as open", () => {
  assert.equal(new Set(ROWS.map(({ threat }) => threat)).size, ROWS.length);
  for (const { threat, proofs, open } of ROWS)
    assert.ok(proofs.length > 0 || (open ?? "") !== "", threat);
});

for (const { threat, proofs } of ROWS)
  test(`the proofs against ${threat} are there`, () => {
    for (const [file, title] of proofs) {
      if (file === "test/fuzz/targets.ts")
        assert.ok(
          TARGETS.some(({ name }) => name === title),
          title,
        );
      else assert.ok(isTitled(readFileSync(join(ROOT, file), "utf8"), title), `${file}: ${title}`);
    }
  });

/** Whether a text of tests has one with that title, written out or after the name of a suite. */
function isTitled(text: string, title: string): boolean {
  return text.includes(JSON.stringify(title)) || text.includes(`: ${title}\``);
}
