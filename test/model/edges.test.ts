import assert from "node:assert/strict";
import { test } from "node:test";
import { decide } from "../../src/model/decide.ts";
import { isNevertwiceError } from "../../src/model/errors.ts";
import { decodeRecipe, fingerprint } from "../../src/model/fingerprint.ts";
import { canonicalJson, encodeJson } from "../../src/model/json.ts";
import { businessKey, checkKey, parseKey, uuidTime } from "../../src/model/key.ts";
import { checkHeader, fail, isResult, ok, toOutcome } from "../../src/model/outcome.ts";
import { begunStep, runningRecord } from "./examples.ts";

const malformed = (error: unknown): boolean => isNevertwiceError(error, "key-malformed");
const invalid = (error: unknown): boolean => isNevertwiceError(error, "option-invalid");

test("two keys in one header are no key, however they are written", () => {
  for (const header of ["a,b", "a, b", '"a","b"', "a,"])
    assert.throws(() => parseKey(header), malformed, header);
});

test("a key that only looks like text is malformed", () => {
  for (const key of [123, 1n, true, ["key_1"], { toString: () => "key_1" }, null, undefined])
    assert.throws(() => checkKey(key), malformed);
  assert.equal(checkKey("123"), "123");
});

test("a quoted key is not looked for in a header of more than 1,020 characters", () => {
  const padded = (length: number): string => `"key_1";p=${"x".repeat(length - 10)}`;
  assert.equal(padded(1_020).length, 1_020);
  assert.equal(parseKey(padded(1_020)), "key_1");
  assert.throws(() => parseKey(padded(1_021)), malformed);
});

test("a UUID inside a longer key is no time", () => {
  const uuid = "01890a5d-ac96-774b-bcce-b302099a8057";
  assert.equal(uuidTime(uuid), 0x01890a5dac96);
  for (const key of [`x${uuid}`, `${uuid}x`, ` ${uuid}`, `${uuid}\n`])
    assert.equal(uuidTime(key), undefined);
});

test("the texts of a business key stand as they are, and its parts between them", () => {
  assert.equal(businessKey`refund:${"a:b"}:${7}:end`, "refund:a%3Ab:7:end");
  assert.equal(businessKey`alone`, "alone");
});

test("a declared field is looked for in objects alone", () => {
  const print = (field: string, json: unknown): string => {
    const recipe = { version: 1, operation: "checkout", fields: [field] };
    return Buffer.from(fingerprint("id", recipe, { json })).toString("hex");
  };
  const absent = print("name.length", {});
  for (const name of ["abc", null, undefined, 7, true])
    assert.equal(print("name.length", { name }), absent);
  assert.equal(print("name.length", null), absent);
  assert.notEqual(print("name.length", { name: { length: 3 } }), absent);
  assert.notEqual(print("list.1", { list: [1, 2] }), print("list.1", { list: [1, 3] }));
});

test("a recipe whose fields cannot be followed is unknown", () => {
  for (const fields of [[], ["a", 1], [1], "a", { 0: "a" }, null, [["a"]]])
    assert.equal(decodeRecipe(JSON.stringify([1, "checkout", fields])), undefined);
  for (const text of ["", "{", "[1", "1", '"checkout"', "[1,2]", '["1","checkout"]'])
    assert.equal(decodeRecipe(text), undefined, text);
});

const FLAWS: readonly (readonly [unknown, string])[] = [
  [new Date(0), " is a Date."],
  [() => 1, " is a function."],
  [Object.setPrototypeOf(() => 1, null), " is a function."],
  [1n, " is a bigint."],
  [Symbol("s"), " is a symbol."],
  [Number.NaN, " is NaN."],
  ["\ud800", " is not well-formed Unicode."],
  [{ "\ud800": 1 }, " has a name that is not well-formed Unicode."],
  [Object.create(Object.create(Object.create(null))), " is a special object."],
];

test("whoever gives what JSON cannot carry is told where it is and what it is", () => {
  for (const [value, flaw] of FLAWS) {
    const given = { list: [0, value] };
    const told = (root: string, code: "not-json" | "payload-ambiguous") => (error: unknown) =>
      isNevertwiceError(error, code) && error.detail === `${root}.list[1]${flaw}`;
    assert.throws(() => encodeJson(given), told("value", "not-json"), flaw);
    assert.throws(() => canonicalJson(given), told("payload", "payload-ambiguous"), flaw);
  }
});

test("whoever nests too deep or counts too far is told the limit", () => {
  const deep = Array.from({ length: 65 }).reduce<unknown>((inner) => [inner], 1);
  assert.throws(() => encodeJson(deep), /is nested more than 64 levels deep/);
  assert.throws(() => canonicalJson([2 ** 53]), /payload\[0\] is an integer beyond 2\^53/);
  assert.equal(encodeJson(2 ** 53).length, 16);
});

test("many members are put in order like few, and numbers by their text", () => {
  const names = Array.from({ length: 40 }, (_, index) => `m${index}`);
  for (const count of [2, 15, 16, 17, 40]) {
    const some = names.slice(0, count);
    const text = `{${some
      .toSorted()
      .map((name) => `"${name}":1`)
      .join(",")}}`;
    assert.equal(canonicalJson(Object.fromEntries(some.map((name) => [name, 1]))), text);
  }
  assert.equal(canonicalJson({ 9: 1, 10: 2, b: 3 }), '{"10":2,"9":1,"b":3}');
});

test("the last status that an outcome can have is 599, the first 200", () => {
  for (const status of [200, 599]) assert.equal(ok({}, status).status, status);
  for (const status of [199, 600, 200.5]) assert.throws(() => fail({}, status), invalid);
});

test("a body has the content type of JSON, unless a header names another", () => {
  const json = ["content-type", "application/json"];
  assert.deepEqual(toOutcome(ok(1, 200, { headers: { "x-a": "1" } })).headers, [
    json,
    ["x-a", "1"],
  ]);
  assert.throws(() => checkHeader("x a", "1"), invalid);
});

test("a result of another copy of the library is a result", () => {
  const copy = { [Symbol.for("nevertwice.result")]: "failed", status: 402, body: 1, headers: {} };
  assert.ok(isResult(copy));
  assert.equal(toOutcome(copy).kind, "failed");
});

const CLAIM = { type: "claim", payload: "same", attemptId: "attempt_1" } as const;
const RULES = { now: 0, attemptsMax: 10, afterCrash: "doubt" } as const;

test("the first claim of a wrapped handler is recognised as our own, a take-over is not", () => {
  const opaque = runningRecord({ form: "opaque" });
  assert.deepEqual(decide(opaque, { ...CLAIM, ...RULES }), { kind: "own" });
  assert.notEqual(decide({ ...opaque, fence: 2 }, { ...CLAIM, ...RULES }).kind, "own");
  const resumed = runningRecord({ fence: 2 });
  assert.deepEqual(decide(resumed, { ...CLAIM, ...RULES }), { kind: "own" });
});

test("a final record whose outcome cannot be read is refused, not run", () => {
  for (const state of ["succeeded", "failed"] as const) {
    const refused = { kind: "refuse", code: "key-expired" };
    assert.deepEqual(decide(runningRecord({ state }), { ...CLAIM, ...RULES }), refused);
  }
});

test("a wrapped handler's step without any effect is nobody's word", () => {
  const { effect: _, ...bare } = { ...begunStep({}), name: "handler" };
  const opaque = runningRecord({ form: "opaque", steps: [bare], leaseUntil: 0 });
  const next = { kind: "park", doubt: "effect-unknown" };
  const other = { ...CLAIM, ...RULES, attemptId: "attempt_2" };
  assert.deepEqual(decide(opaque, other), { kind: "take-over", next });
});

test("an operation succeeds over an effect that stands, and does not fail over it", () => {
  const value = new Uint8Array(0);
  const steps = [{ ...begunStep({}), result: { kind: "succeeded", value } } as const];
  const settle = (kind: "succeeded" | "failed") =>
    decide(runningRecord({ steps }), { type: "settle", kind });
  assert.deepEqual(settle("succeeded"), { kind: "settle" });
  assert.deepEqual(settle("failed"), { kind: "refuse", code: "effect-uncompensated" });
});
