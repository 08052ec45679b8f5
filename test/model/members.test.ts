import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hasRepeatedMember } from "../../src/model/members.ts";
import { isRepeating } from "../fuzz/repeating.ts";
import { testProperty } from "../property.ts";

const space = fc.constantFrom("", "", "", " ", "\n\t");
const text = fc
  .oneof(fc.string({ unit: "grapheme" }), fc.constantFrom('":', '"a":1', "\\", '\\"', "a:b", "\\:"))
  .map((value) => JSON.stringify(value));
/** Names of few letters, which meet often, some of them spelled in two ways. */
const name = fc.constantFrom('"a"', '"\\u0061"', '"b"', '":"', '"\\""', '"__proto__"', '""', '"1"');
const { json } = fc.letrec<{ json: string }>((tie) => {
  const member = fc
    .tuple(space, name, space, space, tie("json"), space)
    .map(([a, key, b, c, value, d]) => `${a}${key}${b}:${c}${value}${d}`);
  return {
    json: fc.oneof(
      { depthSize: "small" },
      text,
      fc.constantFrom("1", "-0.5e3", "true", "null", "[]", "{ }"),
      fc.array(tie("json"), { maxLength: 4 }).map((items) => `[${items.join(",")}]`),
      fc.array(member, { maxLength: 4 }).map((members) => `{${members.join(",")}}`),
    ),
  };
});

testProperty(
  "a text with two members of one name in one object is told from every other",
  fc.property(json, (text) => {
    assert.equal(hasRepeatedMember(text, JSON.parse(text)), isRepeating(text), text);
  }),
);

testProperty(
  "what the engine writes names each member once",
  fc.property(fc.jsonValue({ stringUnit: "grapheme" }), fc.nat(2), (value, indent) => {
    const text = JSON.stringify(value, undefined, indent);
    assert.equal(hasRepeatedMember(text, JSON.parse(text)), false);
  }),
);

const MIB = 1_048_576;
const LONG = {
  backslashes: `{"a":":${"\\\\".repeat(MIB / 2)}"}`,
  quotes: `{"a":":${'\\"'.repeat(MIB / 2)}"}`,
  colons: `{"a":"${":".repeat(MIB)}"}`,
  spaces: `{"a":":"${" ".repeat(MIB)},"b"${" ".repeat(MIB)}:1}`,
  strings: `[":"${',""'.repeat(MIB / 4)}]`,
  deep: `${'{"":'.repeat(2_000)}":"${"}".repeat(2_000)}`,
  wide: `{${Array.from({ length: MIB / 16 }, (_, index) => `"${index}":":"`).join(",")}}`,
};

for (const [name, text] of Object.entries(LONG))
  test(`a mebibyte of ${name} is looked through in the time of a mebibyte`, () => {
    const value: unknown = JSON.parse(text);
    assert.equal(hasRepeatedMember(text, value), false);
    const begun = performance.now();
    hasRepeatedMember(text, value);
    assert.ok(performance.now() - begun < 1_000);
  });
