import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { once as next } from "node:events";
import { test } from "node:test";
import { z } from "zod";
import { nevertwice, type Once, type Report } from "../../src/index.ts";
import { type MemoryTransaction, memoryStore } from "../../src/stores/memory/store.ts";

/** One process without a listener, or with one. */
function client(onEvent?: (event: Report) => void): Once<MemoryTransaction, "async"> {
  const listening = onEvent === undefined ? {} : { onEvent };
  return nevertwice({ store: memoryStore(), waitMs: 0, ...listening });
}

const request = { scope: "acct_1", key: "k1", input: {} };

async function runTwice(once: Once<MemoryTransaction, "async">): Promise<void> {
  const made = once.operation("made", {
    input: z.object({}),
    handler: async () => ({ done: true }),
  });
  assert.equal((await made.run(request)).kind, "succeeded");
  assert.equal((await made.run(request)).kind, "succeeded");
}

const TYPES = ["operation.claimed", "operation.settled", "operation.replayed"];

test("a listener hears of a claim, its outcome and a replay", async () => {
  const heard: Report[] = [];
  await runTwice(client((event) => heard.push(event)));
  assert.deepEqual(
    heard.map(({ type }) => type),
    TYPES,
  );
});

test("a subscriber of the diagnostics channel hears the same where there is no listener", async () => {
  const heard: Report[] = [];
  const hear = (event: unknown): void => void heard.push(event as Report);
  subscribe("nevertwice", hear);
  try {
    await runTwice(client());
  } finally {
    unsubscribe("nevertwice", hear);
  }
  assert.deepEqual(
    heard.map(({ type }) => type),
    TYPES,
  );
});

test("an error of a handler that nobody listens for becomes a warning", async () => {
  const warned = next(process, "warning");
  const lost = client().operation("lost", {
    input: z.object({}),
    handler: async () => {
      throw new Error("no luck");
    },
  });
  assert.equal((await lost.run(request)).kind, "retry-scheduled");
  const [warning] = await warned;
  assert.equal(warning.code, "NEVERTWICE_ATTEMPT_FAILED");
  assert.match(warning.message, /"lost"/);
});
