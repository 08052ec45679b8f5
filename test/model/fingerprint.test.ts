import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNevertwiceError } from "../../src/model/errors.ts";
import {
  decodeRecipe,
  encodeRecipe,
  fingerprint,
  type Payload,
  RECIPE_VERSION,
  type Recipe,
} from "../../src/model/fingerprint.ts";
import { canonicalJson } from "../../src/model/json.ts";
import { recordId } from "../../src/model/key.ts";
import { testProperty } from "../property.ts";

const ID = recordId("http", "acct_1", "k");
const WHOLE: Recipe = { version: RECIPE_VERSION, operation: "checkout" };
const name = fc.string({ minLength: 1, maxLength: 8 });
const json = fc.jsonValue({ maxDepth: 4 }).filter(isUnambiguous);

testProperty(
  "the order of members does not matter",
  fc.property(json, (value) => {
    assert.deepEqual(print({ json: reordered(value) }), print({ json: value }));
  }),
);

testProperty(
  "two payloads of different meaning have different fingerprints",
  fc.property(json, json, (a, b) => {
    const same = canonicalJson(a) === canonicalJson(b);
    assert.equal(print({ json: a }).toString() === print({ json: b }).toString(), same);
  }),
);

testProperty(
  "equal payloads look different under another id, operation or form",
  fc.property(json, name, (value, other) => {
    fc.pre(other !== WHOLE.operation);
    const text = Buffer.from(canonicalJson(value));
    const prints = [
      print({ json: value }),
      fingerprint(recordId("http", "acct_2", "k"), WHOLE, { json: value }),
      print({ json: value }, { ...WHOLE, operation: other }),
      print({ bytes: text }),
    ];
    assert.equal(new Set(prints.map(String)).size, prints.length);
  }),
);

testProperty(
  "only declared fields count, by dotted path",
  fc.property(json, json, fc.integer(), fc.integer(), (one, two, amount, other) => {
    const recipe = { ...WHOLE, fields: ["cart.amount", "currency"] };
    const first = { cart: { amount, note: one }, currency: "eur", trace: one };
    const second = { trace: two, currency: "eur", cart: { note: two, amount } };
    const third = { ...first, cart: { amount: other } };
    assert.deepEqual(print({ json: first }, recipe), print({ json: second }, recipe));
    assert.equal(
      print({ json: first }, recipe).toString() === print({ json: third }, recipe).toString(),
      amount === other,
    );
  }),
);

test("an absent field differs from null, and inherited ones are absent", () => {
  const recipe = { ...WHOLE, fields: ["a"] };
  const absent = print({ json: {} }, recipe);
  assert.notDeepEqual(print({ json: { a: null } }, recipe), absent);
  const inherited = { ...WHOLE, fields: ["toString"] };
  assert.deepEqual(print({ json: {} }, inherited), print({ json: { other: 1 } }, inherited));
});

test("a member called __proto__ counts like any other", () => {
  const hostile: unknown = JSON.parse('{"__proto__":{"amount":1}}');
  const other: unknown = JSON.parse('{"__proto__":{"amount":2}}');
  const recipe = { ...WHOLE, fields: ["__proto__"] };
  for (const followed of [WHOLE, recipe]) {
    assert.notDeepEqual(print({ json: hostile }, followed), print({ json: {} }, followed));
    assert.notDeepEqual(print({ json: hostile }, followed), print({ json: other }, followed));
  }
});

testProperty(
  "an integer beyond 2^53 is refused anywhere, because its text is ambiguous",
  fc.property(
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 80n }).map(Number),
    fc.boolean(),
    fc.array(fc.boolean(), { maxLength: 10 }),
    (large, negative, wraps) => {
      const number = negative ? -large : large;
      const value = wraps.reduce<unknown>(
        (inner, wrap) => (wrap ? [inner] : { in: inner }),
        number,
      );
      assert.throws(
        () => print({ json: value }),
        (error) => isNevertwiceError(error, "payload-ambiguous"),
      );
    },
  ),
);

testProperty(
  "a recipe is read back as it was written",
  fc.property(
    name,
    fc.option(fc.array(name, { minLength: 1 }), { nil: undefined }),
    (operation, fields) => {
      const recipe = { version: RECIPE_VERSION, operation, ...(fields ? { fields } : {}) };
      assert.deepEqual(decodeRecipe(encodeRecipe(recipe)), recipe);
    },
  ),
);

test("a recipe of a newer library is unknown instead of misread", () => {
  const newer = [
    [RECIPE_VERSION + 1, "checkout"],
    [RECIPE_VERSION, "checkout", "a"],
    [1],
    {},
    null,
  ];
  for (const text of newer.map((recipe) => JSON.stringify(recipe)))
    assert.equal(decodeRecipe(text), undefined);
});

test("an empty list of fields is refused: every payload would look the same", () => {
  assert.throws(
    () => print({ json: {} }, { ...WHOLE, fields: [] }),
    (error) => isNevertwiceError(error, "option-invalid"),
  );
});

function print(payload: Payload, recipe: Recipe = WHOLE): Buffer {
  return Buffer.from(fingerprint(ID, recipe, payload));
}

function isUnambiguous(value: unknown): boolean {
  try {
    canonicalJson(value);
    return true;
  } catch {
    return false;
  }
}

/** The same value with the members of every object in reverse. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([member, item]) => [member, reordered(item)]);
  return Object.fromEntries(members.reverse());
}
