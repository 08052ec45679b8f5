import assert from "node:assert/strict";
import { test } from "node:test";
import { Hono } from "hono";
import { protect as protectHono } from "../../src/http/hono.ts";
import { lookup } from "../../src/http/lookup.ts";
import { protect, type WebHandler } from "../../src/http/web.ts";
import { fail, nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { Order } from "../core/stage.ts";

const scope = () => "acct_1";
const mine = { name: "orders", scope, afterCrash: "doubt" } as const;
const body = JSON.stringify({ cartId: "c1", amount: 1250 });

function post(given: string | undefined = body, more: Record<string, string> = {}): Request {
  const headers = { "idempotency-key": "k1", "content-type": "application/json", ...more };
  return new Request("http://shop/orders", {
    method: "POST",
    headers,
    ...(given === undefined ? {} : { body: given }),
  });
}

const house = () => nevertwice({ store: memoryStore() });
const wrap = (handler: WebHandler) => protect(house(), mine, handler);

async function codeOf(answer: Response): Promise<unknown> {
  const problem = (await answer.json()) as Record<string, unknown>;
  return problem["code"];
}

test("a handler whose client does not wait may still read its request", async () => {
  const authenticated = Promise.withResolvers<void>();
  const POST = wrap(async (request) => {
    await authenticated.promise;
    return Response.json(await request.json(), { status: 201 });
  });
  const accepted = await POST(post(body, { prefer: "respond-async" }));
  assert.equal(accepted.status, 202);
  authenticated.resolve();
  const answer = await POST(post());
  assert.deepEqual([answer.status, await answer.text()], [201, body]);
});

test("a response that is none is told as such, every time", async () => {
  const POST = wrap(() => Response.error());
  for (let round = 0; round < 2; round += 1)
    assert.equal(await codeOf(await POST(post())), "in-doubt");
});

test("a fingerprint of nothing is refused before anything runs", async () => {
  const fingerprint = () => undefined;
  const handler = () => assert.fail("it ran");
  const place = house().operation("place", { input: Order, handler: handler as never });
  for (const POST of [
    protect(house(), { ...mine, fingerprint }, handler),
    protect(place, { scope, fingerprint }),
  ])
    await assert.rejects(POST(post()), { code: "option-invalid", message: /`fingerprint` gave/ });
});

test("an empty body is another payload than the JSON null", async () => {
  const app = new Hono().use("/orders", protectHono(house(), mine));
  app.post("/orders", (c) => c.text("placed", 201));
  const empty = new Request("http://shop/orders", {
    method: "POST",
    headers: { "idempotency-key": "k1" },
  });
  assert.equal((await app.request(empty)).status, 201);
  assert.equal(await codeOf(await app.request(post("null"))), "key-reused");
});

test("the headers of an outcome and of a problem stand over those of earlier middleware", async () => {
  const app = new Hono();
  app.use(async (c, next) => {
    c.header("cache-control", "public, max-age=60");
    c.header("content-language", "en");
    c.header("link", "</p>; rel=preload");
    await next();
  });
  app.use("/orders", protectHono(house(), { ...mine, link: (key) => `/operations/${key}` }));
  app.post("/orders", (c) => {
    c.header("content-language", "fr");
    return c.json({ placed: true }, 201);
  });
  const german = { headers: { "content-language": "de" } };
  const place = house().operation("place", {
    input: Order,
    handler: async (_op, { amount }) =>
      amount === 1 ? fail({}, 409, german) : ok({}, 201, german),
  });
  app.post("/declared", protectHono(place, { scope }));
  const [first, replay] = [await app.request(post()), await app.request(post())];
  for (const answer of [first, replay]) assert.equal(answer.headers.get("content-language"), "fr");
  assert.equal(replay.headers.get("cache-control"), "no-store");
  const refused = await app.request(post("{}"));
  assert.equal(refused.headers.get("cache-control"), "no-store");
  assert.equal(refused.headers.get("link"), '</operations/k1>; rel="status"');
  const declared = await app.request(new Request("http://shop/declared", post()));
  assert.equal(declared.headers.get("content-language"), "de");
});

test("a part of a file is replayed as the part that it was", async () => {
  const range = "bytes 0-2/9";
  const POST = wrap(
    () => new Response("abc", { status: 206, headers: { "content-range": range } }),
  );
  for (let round = 0; round < 2; round += 1) {
    const { status, headers } = await POST(post());
    assert.deepEqual([status, headers.get("content-range")], [206, range]);
  }
});

test("the look-up finds operations whose keys are their own", async () => {
  const once = house();
  const place = once.operation("place", {
    input: Order,
    keysPer: "operation",
    handler: async () => ok({}, 201),
  });
  assert.equal((await protect(place, { scope })(post())).status, 201);
  const GET = (operation: object) =>
    lookup(once, { scope, ...operation })(new Request("http://shop/operations/k1"));
  assert.equal((await GET({})).status, 404);
  assert.equal((await GET({ operation: "place" })).status, 200);
});
