import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, isNevertwiceError, ok } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { checkout, Order, provider, stage } from "./stage.ts";

const input = { cartId: "c1", amount: 1999 };
const call = { scope: "acct_1", key: "k1", input };
const id = recordId("own", "acct_1", "k1");

test("S3: the first call runs and is not a replay", async () => {
  const { process } = stage();
  const bank = provider();
  const result = await checkout(process(), bank).run(call);
  assert.equal(result.kind, "succeeded");
  assert.equal("replayed" in result && result.replayed, false);
  assert.equal(bank.charges.size, 1);
});

test("S3: what is refused before the claim leaves the key free", async () => {
  const { process, store } = stage();
  const operation = checkout(process(), provider());
  const bad = { ...call, input: { cartId: "c1", amount: -1 } };
  await assert.rejects(operation.run(bad), (error) => isNevertwiceError(error, "input-invalid"));
  const read = await store.read(id);
  assert.equal(read.kind === "ok" && read.value, undefined);
  assert.equal((await operation.run(call)).kind, "succeeded");
});

test("S4: a duplicate in another process is told in-progress, and replays once the run is over", async () => {
  const { process } = stage();
  let finish: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const options = { input: Order, handler: async () => held.then(() => ok({ done: true }, 201)) };
  const first = process().operation("slow", options).run(call);
  const other = process().operation("slow", options);
  const refused = await other.run(call);
  assert.equal(refused.kind, "in-progress");
  assert.equal("retry" in refused && refused.retry, "same-key");
  assert.ok("retryAfterMs" in refused && (refused.retryAfterMs ?? 0) > 0);
  const waiting = other.run({ ...call, waitMs: 5_000 });
  finish();
  assert.equal((await first).kind, "succeeded");
  const replay = await waiting;
  assert.equal("replayed" in replay && replay.replayed, true);
});

test("S5: a replay gives the same status and body, and runs nothing", async () => {
  const { process } = stage();
  const bank = provider();
  const first = await checkout(process(), bank).run(call);
  const second = await checkout(process(), bank).run(call);
  assert.deepEqual(second, { ...first, replayed: true });
  assert.equal(bank.sent, 1);
});

test("S6: a decline is stored and replayed, and a new try needs a new key", async () => {
  const { process } = stage();
  let asked = 0;
  const operation = process().operation("charge", {
    input: Order,
    handler: () => {
      asked += 1;
      return fail({ reason: "card_declined" }, 402);
    },
  });
  const first = await operation.run(call);
  assert.equal(first.kind, "failed");
  assert.deepEqual(await operation.run(call), { ...first, replayed: true });
  assert.equal(asked, 1);
  await operation.run({ ...call, key: "k2" });
  assert.equal(asked, 2);
});

test("S7: a throw is not stored; the next attempt continues after the recorded step", async () => {
  const { process, store, advance } = stage();
  let reserved = 0;
  let broken = true;
  const operation = process().operation("checkout", {
    input: Order,
    handler: async (op) => {
      await op.atomic("reserve", () => {
        reserved += 1;
      });
      if (broken) throw new Error("a bug");
      return ok({ attempt: op.attempt }, 201);
    },
  });
  const first = await operation.run(call);
  assert.equal(first.kind, "retry-scheduled");
  assert.equal("error" in first && (first.error as Error).message, "a bug");
  const read = await store.read(id);
  const record = read.kind === "ok" ? read.value?.record : undefined;
  assert.equal(record?.state, "waiting");
  assert.equal(record?.lastError, "Error: a bug");
  assert.equal(record?.attempts, 1);
  broken = false;
  advance(1_000);
  const second = await operation.run(call);
  assert.deepEqual("body" in second && second.body, { attempt: 2 });
  assert.equal(reserved, 1);
});

test("S7: a returned 5xx is not stored either, and passing statuses do not use attempts up", async () => {
  const { process, store, advance } = stage();
  let status = 503;
  const operation = process().operation("busy", { input: Order, handler: () => ok({}, status) });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  status = 429;
  for (let round = 0; round < 15; round += 1) {
    advance(1_000);
    assert.equal((await operation.run(call)).kind, "retry-scheduled");
  }
  status = 200;
  advance(1_000);
  assert.equal((await operation.run(call)).kind, "succeeded");
  const read = await store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.attempts, 2);
});

test("S8: a lost answer is in doubt, a resend with the same key settles it: one charge", async () => {
  for (const fault of ["lost-before", "lost-after"] as const) {
    const { process, advance } = stage();
    const bank = provider();
    bank.faults.push(fault);
    const operation = checkout(process(), bank);
    const first = await operation.run(call);
    assert.equal(first.kind, "in-doubt");
    assert.equal("retry" in first && first.retry, "same-key");
    advance(1_000);
    assert.equal((await operation.run(call)).kind, "succeeded");
    assert.equal(bank.charges.size, 1);
    assert.equal(bank.sent, 2);
  }
});

test("S12: another payload under the key is refused in every state and runs nothing", async () => {
  const { process, advance } = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  const operation = checkout(process(), bank);
  const other = { ...call, input: { cartId: "c1", amount: 1 } };
  assert.equal((await operation.run(call)).kind, "in-doubt");
  assert.equal((await operation.run(other)).kind, "key-reused");
  advance(1_000);
  await operation.run(call);
  const refused = await operation.run(other);
  assert.deepEqual(refused, { kind: "key-reused", retry: "never", retryAfterMs: undefined });
  assert.deepEqual([...bank.charges.values()], [1999]);
});

test("S12: reordered JSON is the same payload; declared fields leave the others out", async () => {
  const { process } = stage();
  const once = process();
  const bank = provider();
  const whole = checkout(once, bank);
  await whole.run(call);
  const reordered = await whole.run({ ...call, input: { amount: 1999, cartId: "c1" } });
  assert.equal("replayed" in reordered && reordered.replayed, true);
  const some = once.operation("some", {
    input: Order,
    fingerprint: ["amount"],
    handler: () => ok(1),
  });
  await some.run({ ...call, key: "k2" });
  const volatile = await some.run({ ...call, key: "k2", input: { cartId: "other", amount: 1999 } });
  assert.equal(volatile.kind, "succeeded");
  const changed = await some.run({ ...call, key: "k2", input: { cartId: "c1", amount: 2 } });
  assert.equal(changed.kind, "key-reused");
});

test("S13: another scope with the same key and body is another operation and learns nothing", async () => {
  const { process } = stage();
  const bank = provider();
  const operation = checkout(process(), bank);
  const alice = await operation.run(call);
  const mallory = await operation.run({ ...call, scope: "acct_2" });
  assert.equal("replayed" in mallory && mallory.replayed, false);
  assert.notDeepEqual("body" in mallory && mallory.body, "body" in alice && alice.body);
  assert.equal(bank.charges.size, 2);
});

test("S14: the key of one operation on another is refused, unless keys are per operation", async () => {
  const { process } = stage();
  const once = process();
  await checkout(once, provider()).run(call);
  let ran = 0;
  const handler = () => {
    ran += 1;
    return ok(1);
  };
  const refund = once.operation("refund", { input: Order, handler });
  assert.equal((await refund.run(call)).kind, "key-reused");
  assert.equal(ran, 0);
  const apart = once.operation("capture", { input: Order, keysPer: "operation", handler });
  assert.equal((await apart.run(call)).kind, "succeeded");
  assert.equal(ran, 1);
});

test("S15: after pruning a late key is refused with outcome and reference, and never runs again", async () => {
  const { process, advance } = stage();
  const bank = provider();
  // Both clocks move together: the test's database only seems to be a week ahead.
  const once = process({ retention: { responseMs: 0 } });
  const operation = checkout(once, bank);
  await operation.run(call);
  advance(1_000);
  assert.deepEqual(await once.prune(), { kind: "pruned", responses: 1, tombstones: 0 });
  const late = await operation.run(call);
  assert.equal(late.kind, "key-expired");
  assert.equal("retry" in late && late.retry, "never");
  assert.equal(bank.sent, 1);
  assert.equal(
    (await operation.run({ ...call, input: { ...input, amount: 3 } })).kind,
    "key-reused",
  );
});

test("S15: a pruned failure may be tried again under a new key", async () => {
  const { process, advance } = stage();
  const once = process({ retention: { responseMs: 0 } });
  const operation = once.operation("fails", { input: Order, handler: () => fail({}, 402) });
  await operation.run(call);
  advance(1_000);
  await once.prune();
  const late = await operation.run(call);
  assert.equal(late.kind, "key-expired");
  assert.equal("retry" in late && late.retry, "new-key");
});

test("S16: a late duplicate of a finished operation is answered from its record, whatever came after", async () => {
  const { process, advance } = stage();
  const bank = provider();
  const operation = checkout(process(), bank);
  const first = await operation.run(call);
  advance(86_400_000);
  assert.deepEqual(await operation.run(call), { ...first, replayed: true });
  assert.equal(bank.sent, 1);
});

test("S20: a response over the limit stays deduplicated and is told as such", async () => {
  const { process } = stage();
  let ran = 0;
  const operation = process({ responseBytesMax: 100 }).operation("big", {
    input: Order,
    handler: () => {
      ran += 1;
      return ok({ text: "x".repeat(200) }, 201, { reference: "report_7" });
    },
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal((await operation.run(call)).kind, "response-not-replayable");
  assert.equal(ran, 1);
});

test("S24: nothing of a call that was refused outside is stored, so rate limits go before the claim", async () => {
  const { process, store } = stage();
  const operation = checkout(process(), provider());
  await assert.rejects(operation.run({ ...call, scope: "" }), /scope/);
  const listed = await store.list({ limit: 10 });
  assert.deepEqual(listed.kind === "ok" && listed.value, []);
});

test("S4: waiting duplicates are bounded: one too many is told in-progress at once", async () => {
  const { process } = stage();
  let finish: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const once = process({ waitMs: 60_000, waitersMax: 3 });
  const operation = once.operation("slow", {
    input: Order,
    handler: async () => held.then(() => ok(1)),
  });
  const first = operation.run(call);
  await new Promise(setImmediate);
  const waiting = [operation.run(call), operation.run(call), operation.run(call)];
  await new Promise(setImmediate);
  assert.equal((await operation.run(call)).kind, "in-progress");
  finish();
  const kinds = await Promise.all([first, ...waiting].map(async (end) => (await end).kind));
  assert.deepEqual(kinds, ["succeeded", "succeeded", "succeeded", "succeeded"]);
});
