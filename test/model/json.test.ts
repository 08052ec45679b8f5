import assert from "node:assert/strict";
import { test } from "node:test";
import canonicalize from "canonicalize";
import fc from "fast-check";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { canonicalJson, decodeJson, encodeJson, JSON_DEPTH_MAX } from "../../src/model/json.ts";
import { testProperty } from "../property.ts";

const notJson = (error: unknown): boolean => isNevertwiceError(error, "not-json");
const ambiguous = (error: unknown): boolean => isNevertwiceError(error, "payload-ambiguous");

/** A value wrapped in `levels` arrays or objects. */
function nested(value: unknown, levels: number, wrap: "array" | "object" = "array"): unknown {
  let outer = value;
  for (let level = 0; level < levels; level += 1)
    outer = wrap === "array" ? [outer] : { in: outer };
  return outer;
}

testProperty(
  "what is encoded is decoded as JSON reads it",
  fc.property(fc.jsonValue({ stringUnit: "grapheme" }), (value) => {
    assert.deepEqual(decodeJson(encodeJson(value)), JSON.parse(JSON.stringify(value)));
  }),
);

const NAMES = fc.oneof(
  fc.string({ unit: "grapheme" }),
  fc.nat(200).map(String),
  fc.constantFrom("__proto__", "constructor", "01", "1a", "-1", "\u20ac", "\ud83d\ude00", "\ufb33"),
);
const VALUES = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    fc.string({ unit: "grapheme" }),
    fc.double({ noNaN: true, min: -(2 ** 53) + 1, max: 2 ** 53 - 1 }),
    fc.constantFrom(true, false, null, undefined),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(NAMES, tie("value"), { maxKeys: 6 }),
  ),
})).value;

testProperty(
  "the canonical text is that of RFC 8785, whatever the members are called",
  fc.property(VALUES, (value) => {
    assert.equal(canonicalJson(value), canonicalize(value) ?? "");
  }),
);

testProperty(
  "a value that JSON would change or drop is refused at any depth, and its place is named",
  fc.property(
    fc.constantFrom<unknown>(
      new Date(0),
      new Map(),
      new Set(),
      1n,
      Symbol("s"),
      () => 1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      "half \ud800",
      new (class Money {})(),
      /x/,
      new Uint8Array(1),
    ),
    fc.nat({ max: 20 }),
    fc.constantFrom("array", "object"),
    (value, levels, wrap) => {
      const place = `value${(wrap === "array" ? "[0]" : ".in").repeat(levels)} is`;
      assert.throws(
        () => encodeJson(nested(value, levels, wrap)),
        (error) => notJson(error) && String(error).includes(place),
      );
      assert.throws(() => canonicalJson(nested(value, levels, wrap)), ambiguous);
    },
  ),
);

test("nothing is no bytes, and no bytes are nothing", () => {
  assert.equal(encodeJson(undefined).length, 0);
  assert.equal(decodeJson(new Uint8Array(0)), undefined);
});

test("nesting is read to its limit and refused beyond it", () => {
  for (const wrap of ["array", "object"] as const) {
    const deepest = nested(1, JSON_DEPTH_MAX, wrap);
    assert.deepEqual(decodeJson(encodeJson(deepest)), deepest);
    assert.equal(canonicalJson(deepest), JSON.stringify(deepest));
    assert.throws(() => encodeJson(nested(1, JSON_DEPTH_MAX + 1, wrap)), notJson);
    assert.throws(() => canonicalJson(nested(1, JSON_DEPTH_MAX + 1, wrap)), ambiguous);
    assert.throws(() => canonicalJson(nested(1, 100_000, wrap)), ambiguous);
  }
});

test("a circle is refused instead of overflowing the stack", () => {
  const circle: { self?: unknown } = {};
  circle.self = circle;
  assert.throws(() => encodeJson(circle), notJson);
  assert.throws(() => canonicalJson(circle), ambiguous);
});

test("objects without a prototype and of another realm are plain", () => {
  const bare: unknown = Object.assign(Object.create(null), { a: 1 });
  assert.deepEqual(decodeJson(encodeJson(bare)), { a: 1 });
});
