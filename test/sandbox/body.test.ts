import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readForm } from "../../src/sandbox/body.ts";
import { testProperty } from "../property.ts";

test("a form's names nest as brackets say", () => {
  const forms: [form: string, value: unknown][] = [
    ["", {}],
    ["a=1&b=", { a: "1", b: "" }],
    ["a[b]=1&a[c][d]=2", { a: { b: "1", c: { d: "2" } } }],
    ["a%5Bb%5D=x+y%26", { a: { b: "x y&" } }],
    ["a[0]=x&a[1]=y", { a: ["x", "y"] }],
    ["a[1]=y&a[0]=x", { a: ["x", "y"] }],
    ["a[]=x&a[]=y", { a: ["x", "y"] }],
    ["a[0][b]=1&a[1][b]=2", { a: [{ b: "1" }, { b: "2" }] }],
    ["a=1&a[b]=2", { a: { b: "2" } }],
    ["a[b]=2&a=1", { a: "1" }],
    ["a[b=1&]c=2&[d]=3", { "a[b": "1", "]c": "2", "[d]": "3" }],
    [`a${"[b]".repeat(9)}=1`, { [`a${"[b]".repeat(9)}`]: "1" }],
  ];
  for (const [form, value] of forms) assert.deepEqual(readForm(form), value, form);
});

test("a form cannot reach the prototype of objects", () => {
  const form = readForm(
    "__proto__[polluted]=1&a[__proto__][polluted]=1&constructor[prototype][polluted]=1",
  );
  assert.equal(({} as { polluted?: unknown }).polluted, undefined);
  assert.deepEqual(Object.keys(form), ["__proto__", "a", "constructor"]);
  assert.equal(Object.getPrototypeOf(form), Object.prototype);
});

/** The pairs of a nested value, as Stripe's SDKs send them. */
function pairs(name: string, value: unknown): [string, string][] {
  if (typeof value === "string") return [[name, value]];
  const entries = Object.entries(value as object);
  return entries.flatMap(([inner, member]) => pairs(`${name}[${inner}]`, member));
}

const name = fc.stringMatching(/^[a-z_]{1,5}$/);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.string({ unit: "grapheme", maxLength: 5 }),
    fc.array(tie("value"), { minLength: 1, maxLength: 12 }),
    fc.dictionary(name, tie("value"), { minKeys: 1, maxKeys: 3, noNullPrototype: true }),
  ),
}));

testProperty(
  "what was nested comes out as it went in",
  fc.property(fc.dictionary(name, value, { noNullPrototype: true }), (fields) => {
    const form = Object.entries(fields).flatMap(([first, inner]) => pairs(first, inner));
    assert.deepEqual(readForm(new URLSearchParams(form).toString()), fields);
  }),
);
