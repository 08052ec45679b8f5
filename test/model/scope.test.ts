import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { checkScope, SCOPE_LENGTH_MAX } from "../../src/model/scope.ts";
import { testProperty } from "../property.ts";

const refused = (error: unknown): boolean => isNevertwiceError(error, "scope-missing");
const separator = fc.constantFrom("", "_", ":", "-", "/", " ", "1", ".");
const word = fc.string({ unit: fc.constantFrom(..."abcxyz0189"), maxLength: 12 });

testProperty(
  "a scope made of a missing value is refused (H28)",
  fc.property(
    fc.constantFrom(undefined, null, Number.NaN, {}, [undefined, null].map(String).join(":")),
    word.chain((before) =>
      separator.map((mark) => (before === "" ? "" : `${before}${mark || "_"}`)),
    ),
    (missing, before) => {
      assert.throws(() => checkScope(`${before}${String(missing)}`), refused);
      assert.throws(() => checkScope(`${String(missing)}:${before}`), refused);
    },
  ),
);

testProperty(
  "a value that is no text is refused",
  fc.property(
    fc.anything().filter((value) => typeof value !== "string"),
    (value) => {
      assert.throws(() => checkScope(value), refused);
    },
  ),
);

testProperty(
  "an honest scope is given back unchanged",
  fc.property(fc.constantFrom("acct_", "org:", ""), word, (prefix, id) => {
    fc.pre(prefix + id !== "");
    assert.equal(checkScope(prefix + id), prefix + id);
  }),
);

test("a word that only contains null is honest", () => {
  for (const scope of ["annulled", "nullable", "Nantes", "undefinedness", "acct_nullify", "isnull"])
    assert.equal(checkScope(scope), scope);
});

test("an empty, over-long, broken or NUL-holding scope is refused", () => {
  for (const scope of ["", "s".repeat(SCOPE_LENGTH_MAX + 1), "a\ud800", "a\0b"])
    assert.throws(() => checkScope(scope), refused);
  assert.equal(checkScope("漢".repeat(SCOPE_LENGTH_MAX)).length, SCOPE_LENGTH_MAX);
});
