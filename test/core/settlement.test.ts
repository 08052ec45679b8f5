import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, ok, type Write } from "../../src/index.ts";
import { call } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Process = ReturnType<ReturnType<typeof stage>["process"]>;

const invalid = (error: unknown): boolean => isNevertwiceError(error, "option-invalid");

/** An operation that answers with what `answer` gives it, and stages what `staging` says. */
function answering(once: Process, answer: () => unknown, staging?: (write: Write) => void) {
  return once.operation("answer", {
    input: Order,
    handler: (op) =>
      op.settle((_, write) => {
        staging?.(write);
        return answer();
      }),
  });
}

test("a topic, a key and an aggregate have 1 to 255 characters", async () => {
  const seen: unknown[] = [];
  const longest = "x".repeat(255);
  const wrong: readonly (readonly [unknown, object?])[] = [
    ...[[""], [`${longest}x`], [undefined], [7], [["receipt"]], ["a\0b"], ["\uD800"]].map(
      ([topic]) => [topic] as const,
    ),
    ...["", `${longest}x`, 7, null].flatMap((name) => [
      ["receipt", { key: name }] as const,
      ["receipt", { aggregate: name }] as const,
    ]),
    ["nevertwice.arrived"],
  ];
  const scene = stage();
  const result = await answering(scene.process(), ok, (write) => {
    for (const [topic, options] of wrong)
      try {
        write.stage(topic as string, {}, options as object);
        seen.push([topic, options]);
      } catch (error) {
        if (!invalid(error)) seen.push(error);
      }
    write.stage(longest, {}, { key: longest, aggregate: longest });
    write.stage("receipt", {}, { key: "k" });
    write.arrived("order:1");
  }).run(call);
  assert.deepEqual(seen, [], "these were not refused");
  assert.equal(result.kind, "succeeded");
});

test("what is kept of a response goes up to its limit, a byte more is not replayable", async () => {
  const body = "x".repeat(98);
  for (const [responseBytesMax, kind] of [
    [100, "succeeded"],
    [99, "response-not-replayable"],
  ] as const) {
    const scene = stage();
    const run = () => answering(scene.process({ responseBytesMax }), () => ok(body, 201)).run(call);
    const first = await run();
    assert.deepEqual([first.kind, "body" in first && first.body], ["succeeded", body]);
    assert.equal((await run()).kind, kind);
  }
});

test("after its retention a response is expired, not called too large", async () => {
  const scene = stage();
  const once = scene.process({ retention: { responseMs: 0 } });
  await answering(once, () => ok({ id: 1 }, 201, { reference: "order_1" })).run(call);
  scene.advance(1_000);
  await once.prune();
  assert.equal((await answering(scene.process(), ok).run(call)).kind, "key-expired");
});

test("an outcome is judged by its status, and a `fail` is one whatever its status", async () => {
  for (const [status, kind] of [
    [200, "succeeded"],
    [399, "succeeded"],
    [404, "failed"],
    [422, "failed"],
  ] as const) {
    const scene = stage();
    const result = await answering(scene.process(), () => ok({}, status)).run(call);
    assert.deepEqual([result.kind, "status" in result && result.status], [kind, status]);
  }
});
