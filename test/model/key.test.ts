import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isNevertwiceError } from "../../src/model/errors.ts";
import {
  businessKey,
  checkKey,
  digest,
  KEY_LENGTH_MAX,
  type Origin,
  parseKey,
  recordId,
  uuidTime,
} from "../../src/model/key.ts";
import { testProperty } from "../property.ts";

const visible = fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code));
const key = fc.string({ unit: visible, minLength: 1, maxLength: KEY_LENGTH_MAX });
const bareKey = key.filter((text) => !text.startsWith('"') && !text.includes(","));
const blank = fc.constantFrom("", " ", "  ", "\t");
const text = fc.string({ unit: "binary", maxLength: 40 });
const malformed = (error: unknown): boolean => isNevertwiceError(error, "key-malformed");

function quoted(plain: string): string {
  return `"${plain.replaceAll(/[\\"]/g, "\\$&")}"`;
}

testProperty(
  "a quoted key is the key itself, whatever it holds",
  fc.property(key, blank, blank, (plain, before, after) => {
    assert.equal(parseKey(before + quoted(plain) + after), plain);
  }),
);

testProperty(
  "a bare key and its quoted spelling are the same key",
  fc.property(bareKey, blank, (plain, around) => {
    assert.equal(parseKey(around + plain + around), plain);
    assert.equal(parseKey(plain), parseKey(quoted(plain)));
  }),
);

testProperty(
  "any header gives a legal key or a refusal of ours",
  fc.property(
    fc.oneof(
      text,
      text.map((inner) => `"${inner}`),
      text.map(quoted),
    ),
    (header) => {
      try {
        assert.equal(checkKey(parseKey(header)), parseKey(header));
      } catch (error) {
        assert.ok(
          isNevertwiceError(error, "key-malformed") || isNevertwiceError(error, "key-required"),
        );
      }
    },
  ),
);

testProperty(
  "two header lines are no key",
  fc.property(bareKey, bareKey, (one, two) => {
    assert.throws(() => parseKey(`${one}, ${two}`), malformed);
    assert.throws(() => parseKey(`${quoted(one)}, ${quoted(two)}`), malformed);
  }),
);

test("a key has at most 255 characters in either spelling", () => {
  const longest = "k".repeat(KEY_LENGTH_MAX);
  assert.equal(parseKey(longest), longest);
  assert.equal(parseKey(quoted('"'.repeat(KEY_LENGTH_MAX))), '"'.repeat(KEY_LENGTH_MAX));
  assert.throws(() => parseKey(`${longest}k`), malformed);
  assert.throws(() => parseKey(quoted(`${longest}k`)), malformed);
  assert.throws(() => parseKey(`"${"k".repeat(100_000)}"`), malformed);
});

test("a missing or blank header asks for a key", () => {
  for (const header of [undefined, null, "", "  ", "\t"])
    assert.throws(
      () => parseKey(header),
      (error) => isNevertwiceError(error, "key-required"),
    );
});

test("a quoted key of another structured type, or with two items, is malformed", () => {
  for (const header of ['""', '"a', '"a"b', '"a";', '"é"', '"a b"', '"\\n"'])
    assert.throws(() => parseKey(header), malformed, header);
});

const part = fc.oneof(fc.string({ minLength: 1, maxLength: 20 }), fc.maxSafeInteger());

testProperty(
  "a business key keeps its parts apart",
  fc.property(part, part, part, part, (a, b, c, d) => {
    fc.pre(String(a) !== String(c) || String(b) !== String(d));
    assert.notEqual(businessKey`refund:${a}:${b}`, businessKey`refund:${c}:${d}`);
  }),
);

test("a business key is refused for a part that is missing or not whole", () => {
  for (const bad of ["", undefined, null, Number.NaN, 1.5, 2 ** 53, {}, true])
    assert.throws(() => businessKey`refund:${bad as string}`, malformed, String(bad));
  assert.equal(businessKey`refund:${"order 1"}:${2n}`, "refund:order%201:2");
});

testProperty(
  "moving a letter from scope to key makes another record id",
  fc.property(text, text, fc.nat(), (scope, own, cut) => {
    const whole = scope + own;
    const at = cut % (whole.length + 1);
    const [left, right] = [whole.slice(0, at), whole.slice(at)];
    const same = left === scope && right === own;
    // Halves of one character have the same bytes as any other half, so only whole text counts.
    fc.pre([scope, own, left, right].every((piece) => piece.isWellFormed()));
    assert.equal(recordId("own", scope, own) === recordId("own", left, right), same);
  }),
);

testProperty(
  "the record id tells origins and operations apart (H8)",
  fc.property(text, key, key, (scope, own, operation) => {
    const ids = [
      ...(["http", "own"] satisfies Origin[]).map((origin) => recordId(origin, scope, own)),
      ...(["http", "own"] satisfies Origin[]).map((origin) =>
        recordId(origin, scope, own, operation),
      ),
    ];
    assert.equal(new Set(ids).size, 4);
    assert.ok(ids.every((id) => /^[0-9a-f]{64}$/.test(id)));
  }),
);

testProperty(
  "a digest tells lists of parts apart by their lengths",
  fc.property(fc.array(key, { maxLength: 4 }), fc.array(key, { maxLength: 4 }), (a, b) => {
    const same = JSON.stringify(a) === JSON.stringify(b);
    assert.equal(digest(...a).equals(digest(...b)), same);
    assert.ok(!digest(...a, "").equals(digest(...a)));
  }),
);

testProperty(
  "a version 7 UUID carries its time, and no other UUID has one",
  fc.property(
    fc.nat({ max: 2 ** 31 }),
    fc.uuid({ version: 7 }),
    fc.uuid({ version: 4 }),
    (n, v7, v4) => {
      const time = n * 1_000 + 7;
      const hex = time.toString(16).padStart(12, "0");
      const made = `${hex.slice(0, 8)}-${hex.slice(8)}${v7.slice(13)}`;
      assert.equal(uuidTime(made), time);
      assert.equal(uuidTime(made.toUpperCase()), time);
      assert.equal(uuidTime(v4), undefined);
      assert.equal(uuidTime(`${made} `), undefined);
    },
  ),
);
