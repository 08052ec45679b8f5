import assert from "node:assert/strict";
import { test } from "node:test";
import { protect } from "../../src/http/web.ts";
import { nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { Order } from "../core/stage.ts";

const OWN = "private, max-age=60";
const scope = (): string => "acct_1";
const wrap = { name: "orders", afterCrash: "doubt", scope } as const;

function house() {
  return nevertwice({ store: memoryStore(), namespace: "test", onEvent: () => undefined });
}

/** What the first answer and the replay say of caches. */
async function saidOfCaches(handler: (request: Request) => Promise<Response>) {
  const post = () =>
    handler(
      new Request("http://shop.example/pay", {
        method: "POST",
        headers: { "idempotency-key": "k1", "content-type": "application/json" },
        body: JSON.stringify({ cartId: "c1", amount: 5 }),
      }),
    );
  const answers = [await post(), await post()];
  assert.equal(answers[1]?.headers.get("idempotent-replayed"), "true");
  return answers.map(({ headers }) => headers.get("cache-control"));
}

const answer = () => Response.json({}, { headers: { "cache-control": OWN, etag: '"1"' } });
const declared = (headers: Record<string, string>) =>
  house().operation("pay", { input: Order, handler: () => ok({}, 200, { headers }) });

test("a replay is for no cache, although its headers could let one keep it", async () => {
  const headers = { etag: '"1"', "content-location": "/pay", expires: "0" };
  assert.deepEqual(await saidOfCaches(protect(declared(headers), { scope })), [null, "no-store"]);
});

test("what a handler says of caches is for its first answer, unless the mount keeps it", async () => {
  const left = protect(house(), wrap, answer);
  assert.deepEqual(await saidOfCaches(left), [OWN, "no-store"]);
  const kept = protect(house(), { ...wrap, headers: ["Cache-Control"] }, answer);
  assert.deepEqual(await saidOfCaches(kept), [OWN, OWN]);
});

test("what an outcome says of caches is part of it", async () => {
  const own = protect(declared({ "Cache-Control": OWN }), { scope });
  assert.deepEqual(await saidOfCaches(own), [OWN, OWN]);
});
