import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ERRORS,
  type ErrorCode,
  isNevertwiceError,
  NevertwiceError,
} from "../../src/model/errors.ts";

const CODES = Object.keys(ERRORS) as ErrorCode[];

test("an error carries the status and the way out of its row in the table", () => {
  for (const code of CODES) {
    const error = new NevertwiceError(code);
    const { status, retry, title } = ERRORS[code];
    const { name, message, detail } = error;
    assert.deepEqual(
      { name, message, detail },
      { name: "NevertwiceError", message: title, detail: undefined },
    );
    assert.deepEqual([error.code, error.status, error.retry], [code, status, retry]);
  }
});

test("what exactly was wrong follows the title, and the cause is kept", () => {
  const cause = new Error("the store is away");
  const error = new NevertwiceError("not-json", "Its place.", { cause });
  assert.equal(error.message, `${ERRORS["not-json"].title} Its place.`);
  assert.equal(error.detail, "Its place.");
  assert.equal(error.cause, cause);
});

test("an error is known by its brand and its code, also one of another copy of the library", () => {
  const error = new NevertwiceError("in-doubt");
  assert.ok(isNevertwiceError(error) && isNevertwiceError(error, "in-doubt"));
  assert.ok(!isNevertwiceError(error, "in-progress"));
  const brand = Symbol.for("nevertwice.error");
  const copy = Object.assign(new Error("another copy"), { [brand]: true, code: "in-doubt" });
  assert.ok(isNevertwiceError(copy) && isNevertwiceError(copy, "in-doubt"));
  assert.ok(
    isNevertwiceError({ [brand]: true }) && !isNevertwiceError({ [brand]: true }, "in-doubt"),
  );
  for (const other of [
    undefined,
    null,
    "in-doubt",
    1,
    () => {},
    new Error("in-doubt"),
    { code: "in-doubt" },
  ])
    assert.ok(!isNevertwiceError(other) && !isNevertwiceError(other, "in-doubt"));
});

test("the brand is not copied with an error's members, so that no copy passes for one", () => {
  assert.ok(!isNevertwiceError({ ...new NevertwiceError("in-doubt") }));
});

test("every row of the table says what may be done, and says it in a sentence", () => {
  for (const code of CODES) {
    const { status, retry, title } = ERRORS[code];
    assert.ok(["same-key", "new-key", "never"].includes(retry), code);
    assert.ok(Number.isInteger(status) && status >= 400 && status <= 599, code);
    assert.match(title, /^[A-Z][^\n]*\.$/, code);
  }
});
