import assert from "node:assert/strict";
import { test } from "node:test";
import { retryOf, toRunResult } from "../../src/core/handle.ts";
import { refuse } from "../../src/core/performed.ts";
import { isNevertwiceError, ok, unwrap } from "../../src/index.ts";
import { call } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

const settled = {
  ...({ kind: "succeeded", status: 200, reference: undefined, replayed: false } as const),
  body: Buffer.from('"text"'),
};

for (const [headers, parsed] of [
  [[], true],
  [[["content-type", "application/json"]], true],
  [[["content-type", "application/problem+json"]], true],
  [[["x-kind", "text"]], true],
  [[["content-type", "text/plain"]], false],
  [
    [
      ["x-kind", "json"],
      ["content-type", "text/plain"],
    ],
    false,
  ],
] as const)
  test(`the body of an outcome is parsed unless its type is another: ${JSON.stringify(headers)}`, () => {
    const result = toRunResult({ ...settled, headers });
    assert.deepEqual("body" in result && result.body, parsed ? "text" : settled.body);
  });

test("an answer that speaks of the moment is a refusal, for the same key to be sent again", async () => {
  const operation = stage()
    .process()
    .operation("pay", { input: Order, handler: () => ok({}, 429) });
  const result = await operation.run(call);
  assert.ok(result.kind === "retry-scheduled");
  assert.deepEqual([result.retry, result.retryAfterMs], ["same-key", 0]);
  assert.match(String(result.error), /429/);
});

test("only a failed operation whose response is gone may be tried again under a new key", () => {
  const outcome = (kind: "succeeded" | "failed") => ({ kind, status: 200, reference: undefined });
  const expired = refuse("key-expired");
  assert.equal(retryOf({ ...expired, outcome: outcome("failed") }), "new-key");
  assert.equal(retryOf({ ...expired, outcome: outcome("succeeded") }), "never");
  assert.equal(retryOf(expired), "never");
  const other = refuse("response-not-replayable");
  assert.equal(retryOf({ ...other, outcome: outcome("failed") }), "never");
});

test("a refusal carries an error only where there is one", () => {
  assert.deepEqual(toRunResult(refuse("in-progress", 500)), {
    ...{ kind: "in-progress", retry: "same-key", retryAfterMs: 500 },
  });
  const error = new Error("gone");
  assert.deepEqual(toRunResult(refuse("store-unavailable", 1_000, error)), {
    ...{ kind: "store-unavailable", retry: "same-key", retryAfterMs: 1_000, error },
  });
});

test("for those who throw, an outcome is returned, failed or not, and a refusal thrown", async () => {
  const failed = { ...settled, kind: "failed", headers: [] } as const;
  const result = toRunResult(failed);
  assert.equal(unwrap(result), result);
  const error = new Error("gone");
  assert.throws(
    () => unwrap(toRunResult(refuse("store-unavailable", 1_000, error))),
    (thrown) => isNevertwiceError(thrown, "store-unavailable") && thrown.cause === error,
  );
});
