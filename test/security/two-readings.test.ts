import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import { test } from "node:test";
import express from "express";
import fastify, { type FastifyRequest } from "fastify";
import { Hono } from "hono";
import { protect as expressProtect } from "../../src/http/express.ts";
import { protect as fastifyProtect } from "../../src/http/fastify.ts";
import { protect as honoProtect } from "../../src/http/hono.ts";
import { protect } from "../../src/http/web.ts";
import { nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { stripeWebhook } from "../../src/webhooks/stripe.ts";
import { Order } from "../core/stage.ts";
import { listen } from "../http/listen.ts";
import { delivery } from "../webhooks/bench.ts";

const TWICE = '{"cartId":"c1","amount":5,"amount":500}';
const HEADERS = { "idempotency-key": "k1", "content-type": "application/json" };
const scope = (): string => "acct_1";
const read = (body: string): RequestInit => ({ method: "POST", headers: HEADERS, body });

function shop() {
  const paid: number[] = [];
  const once = nevertwice({ store: memoryStore(), namespace: "test", onEvent: () => undefined });
  const pay = once.operation("pay", {
    input: Order,
    handler: (_, { amount }) => ok({ paid: paid.push(amount) && amount }),
  });
  return { once, pay, paid };
}

async function refusesTwice(send: (init: RequestInit) => Promise<Response>, paid: number[]) {
  const refused = await send(read(TWICE));
  const problem = (await refused.json()) as { code: string; detail: string };
  assert.deepEqual([refused.status, problem.code], [400, "payload-ambiguous"]);
  assert.match(problem.detail, /names a member more than once/);
  assert.deepEqual(paid, []);
  assert.equal((await send(read('{"cartId":"c1","amount":5}'))).status, 200);
  assert.deepEqual(paid, [5]);
}

const wrap = { name: "orders", afterCrash: "doubt", scope } as const;

test("Request and Response: a body with two readings is refused, and leaves the key free", async () => {
  const { pay, paid } = shop();
  const declared = protect(pay, { scope });
  await refusesTwice((init) => declared(new Request("http://shop.example/pay", init)), paid);
  const other = shop();
  const wrapped = protect(other.once, wrap, async (request) => {
    const { amount } = (await request.json()) as Order;
    return Response.json({ paid: other.paid.push(amount) });
  });
  await refusesTwice((init) => wrapped(new Request("http://shop.example/pay", init)), other.paid);
});

test("Hono: a body with two readings is refused, and leaves the key free", async () => {
  const { pay, paid } = shop();
  const app = new Hono().post("/pay", honoProtect(pay, { scope }));
  await refusesTwice(async (init) => app.request("/pay", init), paid);
});

test("Express: a body that no parser has read is refused, and leaves the key free", async (t) => {
  for (const raw of [false, true]) {
    const { pay, paid } = shop();
    const app = express();
    if (raw) app.use(express.raw({ type: "application/json" }));
    app.post("/pay", expressProtect(pay, { scope }));
    const server = await listen(createServer(app));
    t.after(() => server.close());
    await refusesTwice((init) => fetch(`${server.url}/pay`, init), paid);
  }
});

test("Fastify: a body that is handed on as bytes is refused, and leaves the key free", async (t) => {
  const { pay, paid } = shop();
  const app = fastify();
  t.after(() => app.close());
  const asBytes = (_: FastifyRequest, body: unknown, done: (error: null, body: unknown) => void) =>
    done(null, body);
  app.removeContentTypeParser("application/json");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, asBytes);
  app.post("/pay", fastifyProtect(pay, { scope }) as never);
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  await refusesTwice((init) => fetch(`${url}/pay`, init), paid);
});

test("where a framework's parser has read, fingerprint and handler have its one reading", async (t) => {
  const { pay, paid } = shop();
  const app = express();
  app.use(express.json());
  app.post("/pay", expressProtect(pay, { scope }));
  const server = await listen(createServer(app));
  t.after(() => server.close());
  const send = (body: string) => fetch(`${server.url}/pay`, read(body));
  assert.equal((await send(TWICE)).status, 200);
  assert.equal(
    (await send('{"cartId":"c1","amount":500}')).headers.get("idempotent-replayed"),
    "true",
  );
  assert.equal((await send('{"cartId":"c1","amount":5}')).status, 422);
  assert.deepEqual(paid, [500]);
});

test("a signed webhook with two readings is taken, and the last member counts for all of it", async () => {
  const now = 1_800_000_000_000;
  const secret = "whsec_0123456789abcdefghijklmnop";
  const stamp = now / 1_000;
  const body = `{"id":"evt_1","id":"evt_2","object":"event","type":"a.b","type":"invoice.paid",
    "created":${stamp},"data":{"object":{"id":"in_1","id":"in_2","object":"invoice"}}}`;
  const v1 = createHmac("sha256", secret).update(`${stamp}.${body}`).digest("hex");
  const headers = { "stripe-signature": `t=${stamp},v1=${v1}` };
  const reading = await stripeWebhook({ secret }).read(delivery({ headers, body }), now);
  assert.ok(reading.kind === "events");
  const [event] = reading.events;
  assert.deepEqual([event?.key, event?.type], ["id:evt_2", "invoice.paid"]);
  assert.deepEqual(event?.object, { kind: "invoice", id: "in_2" });
  assert.deepEqual(event?.payload, JSON.parse(body));
});
