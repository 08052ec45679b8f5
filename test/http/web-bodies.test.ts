import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { protect, webhook } from "../../src/http/web.ts";
import { nevertwice } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";

const BYTES_MAX = 1_000;

/** A body that goes on for ever, and whether its sender was told that nobody reads it. */
function endless() {
  const told = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(new Uint8Array(100)),
    cancel() {
      told.cancelled = true;
    },
  });
  return { told, body };
}

function post(body: ReadableStream | string): Request {
  const headers = { "idempotency-key": "k1", "content-type": "application/json" };
  const streaming = { duplex: "half" } as object;
  return new Request("http://shop/orders", { method: "POST", headers, body, ...streaming });
}

const once = () => nevertwice({ store: memoryStore(), requestBytesMax: BYTES_MAX });
const scope = () => "acct_1";
const mine = { name: "orders", scope, afterCrash: "doubt" } as const;
const input = z.object({});
const declared = () =>
  once().operation("place", { input, handler: () => assert.fail("it ran") }) as never;
const fails = () => assert.fail("it ran");

const DOORS: Readonly<Record<string, () => (request: Request) => Promise<Response>>> = {
  "a wrapped handler": () => protect(once(), mine, fails),
  "a wrapped handler with a fingerprint": () =>
    protect(once(), { ...mine, fingerprint: async () => ({}) }, fails),
  "a declared operation": () => protect(declared(), { scope }),
  "a declared operation with an input of its own": () =>
    protect(declared(), { scope, input: () => ({}) }),
  "a webhook": () =>
    webhook(
      once(),
      {
        ...{ source: "acme", bytesMax: BYTES_MAX, acknowledgement: { status: 200 } },
        read: fails,
      } as never,
      {},
    ),
};

for (const [what, door] of Object.entries(DOORS))
  for (const cloned of [false, true])
    test(`${what} refuses a body that is too large and does not end${cloned ? ", of a request that was cloned" : ""}`, async () => {
      const { told, body } = endless();
      const request = post(body);
      const kept = cloned ? request.clone() : undefined;
      const answer = await door()(request);
      assert.equal(answer.status, 413);
      // A fingerprint of the application's own has a copy that is its own to read.
      if (what.includes("fingerprint")) return;
      await kept?.body?.cancel();
      assert.equal(told.cancelled, true, "its sender may stop");
    });

test("what a wrapped handler did not need to read is let go when its answer is replayed", async () => {
  const handler = protect(once(), mine, async (request) => new Response(await request.text()));
  const first = await handler(post("[1]"));
  const second = await handler(post("[1]"));
  assert.deepEqual([await first.text(), await second.text()], ["[1]", "[1]"]);
  assert.equal(second.headers.get("idempotent-replayed"), "true");
});
