import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import {
  notExecuted,
  type OutgoingMessage,
  type RelayOptions,
  refused,
} from "../../../src/index.ts";
import { ground, type MemoryOnce } from "../inbox/ground.ts";

const HOUR_MS = 3_600_000;

type Staging = { key?: string; aggregate?: string };

/** Stages messages of the topic `mail`, one operation each. */
function stager(once: MemoryOnce): (text: string, staging?: Staging) => Promise<string> {
  const staged = once.atomic("stage", {
    input: z.object({ text: z.string(), staging: z.looseObject({}) }),
    handler: (op, { text, staging }) => {
      op.stage("mail", { text }, staging);
      return {};
    },
  });
  return async (text, staging = {}) => {
    const run = await staged.run({ scope: "a", key: `k-${text}`, input: { text, staging } });
    return run.kind;
  };
}

/** A receiver that does what it is told, and counts. */
function receiver(
  once: MemoryOnce,
  options: RelayOptions,
  ...fates: ("lose" | "refuse" | "gone")[]
) {
  const sent: OutgoingMessage[] = [];
  once.relay(
    "mail",
    async (message) => {
      sent.push(message);
      const fate = fates.shift();
      if (fate === "lose") throw new Error("No answer came.");
      if (fate === "refuse") return notExecuted("The connection was refused.");
      if (fate === "gone") return refused({ code: 410 });
      return { id: `m-${message.id}` };
    },
    options,
  );
  return sent;
}

async function stateOf({ store }: ReturnType<typeof ground>): Promise<string[]> {
  const list = await store.outbox.list({ topic: "mail", limit: 10 });
  return list.kind === "ok" ? list.value.map(({ state }) => state).reverse() : [];
}

test("a message leaves after its commit, once", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, {});
  await stager(once)("hello");
  for (let pass = 0; pass < 3; pass += 1) await once.worker.runOnce();
  assert.deepEqual(
    sent.map(({ payload }) => payload),
    [{ text: "hello" }],
  );
  assert.deepEqual(await stateOf(here), ["sent"]);
});

test("a send that proved to have done nothing is repeated, under the same id", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, {}, "refuse", "refuse");
  await stager(once)("hello");
  for (let pass = 0; pass < 4; pass += 1) {
    await once.worker.runOnce();
    here.advance(HOUR_MS);
  }
  assert.equal(sent.length, 3);
  assert.equal(new Set(sent.map(({ id }) => id)).size, 1);
  assert.deepEqual(await stateOf(here), ["sent"]);
});

test("a send without an answer is in doubt where the receiver forgets", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, {}, "lose");
  await stager(once)("hello");
  for (let pass = 0; pass < 3; pass += 1) {
    await once.worker.runOnce();
    here.advance(HOUR_MS);
  }
  assert.equal(sent.length, 1);
  assert.deepEqual(await stateOf(here), ["in_doubt"]);
});

test("a send without an answer is repeated only while the receiver recognises it", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, { dedupeMs: 24 * HOUR_MS }, ...Array<"lose">(50).fill("lose"));
  await stager(once)("hello");
  for (let pass = 0; pass < 40; pass += 1) {
    await once.worker.runOnce();
    here.advance(HOUR_MS);
  }
  assert.deepEqual(await stateOf(here), ["in_doubt"]);
  assert.ok(sent.length > 1 && sent.length <= 25, `${sent.length} sends`);
});

test("a process that dies while it sends leaves a doubt, not a second message", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, {});
  await stager(once)("hello");
  await here.store.outbox.claim({ topics: ["mail"], leaseMs: 1_000, limit: 1 });
  here.advance(1_001);
  await once.worker.runOnce();
  assert.deepEqual(sent, []);
  assert.deepEqual(await stateOf(here), ["in_doubt"]);
  const filter = { state: "in_doubt", limit: 10 } as const;
  await here.store.outbox.settle({
    filter,
    to: "waiting",
    by: "ann",
    reason: "lost",
    dryRun: false,
  });
  await once.worker.runOnce();
  assert.equal(sent.length, 1);
  assert.deepEqual(await stateOf(here), ["sent"]);
});

test("a receiver that is gone makes the message dead", async () => {
  const here = ground();
  const once = here.process();
  receiver(once, {}, "gone");
  await stager(once)("hello");
  await once.worker.runOnce();
  assert.deepEqual(await stateOf(here), ["dead"]);
});

test("messages of an aggregate leave in their order, others do not wait for them", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, {}, "refuse");
  const stage = stager(once);
  await stage("a1", { aggregate: "a" });
  await stage("a2", { aggregate: "a" });
  await stage("b1", { aggregate: "b" });
  for (let pass = 0; pass < 5; pass += 1) {
    await once.worker.runOnce();
    here.advance(HOUR_MS);
  }
  const texts = sent.map(({ payload }) => (payload as { readonly text: string }).text);
  assert.deepEqual(texts, ["a1", "b1", "a1", "a2"]);
});

test("a business key that is taken refuses the second message with its operation", async () => {
  const here = ground();
  const once = here.process();
  const sent = receiver(once, {});
  const stage = stager(once);
  assert.equal(await stage("one", { key: "receipt:1" }), "succeeded");
  assert.notEqual(await stage("two", { key: "receipt:1" }), "succeeded");
  await once.worker.runOnce();
  assert.equal(sent.length, 1);
});
