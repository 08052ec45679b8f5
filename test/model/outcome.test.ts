import assert from "node:assert/strict";
import { validateHeaderName, validateHeaderValue } from "node:http";
import { test } from "node:test";
import fc from "fast-check";
import { isNevertwiceError } from "../../src/model/errors.ts";
import {
  checkHeader,
  fail,
  isResult,
  judgeStatus,
  ok,
  resultKind,
  toOutcome,
} from "../../src/model/outcome.ts";
import { testProperty } from "../property.ts";

const invalid = (error: unknown): boolean => isNevertwiceError(error, "option-invalid");
const letters = fc.string({ unit: fc.constantFrom(..."abc-_X9"), minLength: 1, maxLength: 12 });
const latin = fc.integer({ min: 0, max: 0x17f }).map((code) => String.fromCharCode(code));

testProperty(
  "a header that we accept is one that Node will send again, and a refused one is refused there",
  fc.property(
    fc.oneof(letters, fc.string({ unit: latin, maxLength: 6 })),
    fc.string({ unit: latin, maxLength: 20 }),
    (name, value) => {
      const lower = name.toLowerCase();
      const accepted = succeeds(() => checkHeader(lower, value));
      const sendable = succeeds(() => {
        validateHeaderName(lower);
        validateHeaderValue(lower, value);
      });
      assert.equal(accepted, sendable);
    },
  ),
);

test("a header's text ends with the last Latin character", () => {
  assert.deepEqual(checkHeader("x-note", "\u00ff"), ["x-note", "\u00ff"]);
  assert.throws(() => checkHeader("x-note", "\u0100"), invalid);
});

testProperty(
  "a header cannot smuggle another line",
  fc.property(letters, fc.constantFrom("\r\n", "\n", "\r", "\0"), letters, (before, cut, after) => {
    assert.throws(() => checkHeader("x-note", `${before}${cut}${after}`), invalid);
    assert.throws(() => checkHeader(`${before}${cut}${after}`.toLowerCase(), "1"), invalid);
  }),
);

testProperty(
  "a plain value is a success, byte for byte what JSON writes",
  fc.property(fc.jsonValue(), (body) => {
    const outcome = toOutcome(body);
    assert.deepEqual(outcome, toOutcome(ok(body)));
    assert.equal(outcome.kind, "succeeded");
    assert.equal(outcome.status, 200);
    assert.deepEqual(outcome.headers, [["content-type", "application/json"]]);
    assert.equal(Buffer.from(outcome.body).toString(), JSON.stringify(body));
  }),
);

testProperty(
  "an outcome's status is a whole number from 200 to 599",
  fc.property(fc.oneof(fc.integer({ min: -100, max: 1_000 }), fc.double()), (status) => {
    const fit = Number.isInteger(status) && status >= 200 && status <= 599;
    assert.equal(
      succeeds(() => ok({}, status)),
      fit,
    );
    assert.equal(
      succeeds(() => fail({}, status)),
      fit,
    );
  }),
);

testProperty(
  "a status is judged alike whoever spoke it",
  fc.property(fc.integer({ min: 200, max: 599 }), (status) => {
    const verdict = judgeStatus(status);
    if (status >= 500) assert.equal(verdict, "error");
    else if ([401, 403, 408, 425, 429].includes(status)) assert.equal(verdict, "passing");
    else assert.equal(verdict, status >= 400 ? "failed" : "succeeded");
  }),
);

test("nothing is 204, and its headers and reference are kept", () => {
  const outcome = toOutcome(ok(undefined, 200, { headers: { "X-A": "1" }, reference: "order_1" }));
  assert.equal(outcome.status, 204);
  assert.equal(outcome.body.length, 0);
  assert.deepEqual(outcome.headers, [["x-a", "1"]]);
  assert.equal(outcome.reference, "order_1");
  assert.ok(!("reference" in toOutcome(undefined)));
  assert.equal(toOutcome(ok(undefined, 201)).status, 201);
});

test("fail is a failure whatever its status, and keeps the content type that it was given", () => {
  const result = fail({ reason: "card_declined" }, 402, { headers: { "Content-Type": "text/x" } });
  assert.ok(isResult(result) && resultKind(result) === "failed");
  assert.deepEqual(toOutcome(result).headers, [["content-type", "text/x"]]);
  assert.equal(toOutcome(fail({}, 200)).kind, "failed");
  for (const value of [undefined, null, {}, { status: 200, body: 1 }, "ok"])
    assert.ok(!isResult(value));
});

test("a body that JSON would change is refused", () => {
  assert.throws(
    () => toOutcome({ at: new Date(0) }),
    (error) => isNevertwiceError(error, "not-json"),
  );
});

function succeeds(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

test("a reference that no store can keep does not cost the outcome that it belongs to", () => {
  for (const [given, kept] of [
    ["ch_1", "ch_1"],
    ["x".repeat(500), "x".repeat(500)],
    [42, "42"],
    ["x".repeat(501), undefined],
    ["", undefined],
    ["a\0b", undefined],
    ["\uD800", undefined],
    [{ id: 1 }, undefined],
  ] as const)
    assert.equal(toOutcome(ok({}, 201, { reference: given as string })).reference, kept);
});
