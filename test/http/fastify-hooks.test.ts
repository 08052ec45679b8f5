import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";
import fastify, { type FastifyInstance, type RouteHandler } from "fastify";
import { protect } from "../../src/http/fastify.ts";
import { ok } from "../../src/index.ts";
import { Order, type Stage, stage } from "../core/stage.ts";
import { until } from "./case.ts";
import { begin } from "./wire.ts";

const headers = { "idempotency-key": "key-1", "content-type": "application/json" };
const payload = JSON.stringify({ cartId: "c1", amount: 1999 });
const request = { method: "POST", url: "/orders", headers, payload } as const;

/** An application with one wrapped route, `before` what is registered ahead of the protection. */
function appWith(
  handler: RouteHandler,
  before: (app: FastifyInstance) => void = () => undefined,
): FastifyInstance & { readonly stage: Stage } {
  const set = stage();
  const app = fastify();
  before(app);
  const scope = (): string => "acct_1";
  app.register(protect(set.process(), { name: "orders", scope, afterCrash: "doubt" }));
  app.post("/orders", handler);
  return Object.assign(app, { stage: set });
}

const WAYS_ROUND: Readonly<Record<string, RouteHandler>> = {
  "a hijack": (_request, reply) => {
    reply.hijack();
    reply.raw.end("past everybody");
  },
  "a hijack whose error is caught": (_request, reply) => {
    try {
      reply.hijack();
    } catch {
      reply.raw.end("past everybody");
    }
  },
  "raw writes": async (_request, reply) => {
    reply.raw.writeHead(200, { "x-raw": "yes" });
    reply.raw.write("past ");
    reply.raw.end("everybody");
  },
};

for (const [way, handler] of Object.entries(WAYS_ROUND)) {
  test(`S21: ${way} reaches no client and leaves the operation in doubt`, async () => {
    let runs = 0;
    const app = appWith((request, reply) => {
      runs += 1;
      return handler.call(app, request, reply);
    });
    for (let round = 0; round < 2; round += 1) {
      const answer = await app.inject(request);
      assert.equal(answer.statusCode, 503);
      assert.equal(answer.json().code, "in-doubt");
      assert.equal(answer.headers["x-raw"], undefined);
    }
    assert.equal(runs, 1);
    const failed = app.stage.events.find((event) => event.type === "attempt.failed");
    assert.match(
      String(failed?.type === "attempt.failed" && failed.error),
      /replayed byte for byte/,
    );
    await app.close();
  });
}

test("S18: an async handler that returns nothing settles although its client is gone", async () => {
  const gate = Promise.withResolvers<void>();
  let runs = 0;
  const app = appWith(async (_request, reply) => {
    runs += 1;
    await gate.promise;
    reply.code(204);
  });
  let closed = false;
  app.addHook("onRequest", async (request) => {
    request.raw.socket.once("close", () => {
      closed = true;
    });
  });
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const gone = begin(`${url}/orders`, { headers, body: payload });
  gone.answer.catch(() => undefined);
  await until(() => runs === 1);
  gone.disconnect();
  await until(() => closed);
  gate.resolve();
  await until(() => app.stage.events.some(({ type }) => type === "operation.settled"));
  const retry = await app.inject(request);
  assert.deepEqual([retry.statusCode, retry.headers["idempotent-replayed"]], [204, "true"]);
  assert.equal(runs, 1);
  await app.close();
});

test("S21: the source of a refused event stream is told that nobody listens", async () => {
  const stream = new Readable({ read: () => undefined });
  const app = appWith((_request, reply) => {
    reply.type("text/event-stream").send(stream);
  });
  assert.equal((await app.inject(request)).json().code, "in-doubt");
  assert.equal(stream.destroyed, true);
  await app.close();
});

test("F: a web response is replayed with its status, headers and bytes", async () => {
  const app = appWith(async (_request, reply) =>
    reply.send(new Response("made", { status: 202, headers: { location: "/orders/1" } })),
  );
  const first = await app.inject(request);
  const second = await app.inject(request);
  for (const answer of [first, second]) {
    assert.deepEqual([answer.statusCode, answer.body], [202, "made"]);
    assert.equal(answer.headers.location, "/orders/1");
  }
  assert.equal(second.headers["idempotent-replayed"], "true");
  await app.close();
});

test("S5: earlier hooks keep their headers, and change no replayed byte", async () => {
  let fails = false;
  const app = appWith(
    async (_request, reply) => {
      reply.header("x-order", "1").header("vary", "accept");
      if (fails) throw new Error("a bug");
      return { made: true };
    },
    (early) => {
      early.addHook("onRequest", async (_request, reply) => {
        reply.headers({ "access-control-allow-origin": "*", vary: "origin" });
      });
      early.addHook("onSend", async (_request, _reply, body) => `${body ?? ""}!`);
    },
  );
  const first = await app.inject(request);
  const second = await app.inject(request);
  assert.equal(first.body, '{"made":true}!');
  assert.deepEqual([second.body, second.headers.vary], [first.body, "origin"]);
  assert.equal(first.headers.vary, "accept");
  fails = true;
  const failed = await app.inject({
    ...request,
    headers: { ...headers, "idempotency-key": "key-2" },
  });
  assert.deepEqual([failed.statusCode, failed.headers["x-order"]], [503, undefined]);
  assert.equal(failed.headers.vary, "origin");
  for (const answer of [first, second, failed])
    assert.equal(answer.headers["access-control-allow-origin"], "*");
  await app.close();
});

test("S7: the answer of an error handler is judged by its status, its cause is told", async () => {
  let status = 500;
  const app = appWith(async () => {
    throw Object.assign(new Error("a bug"), { statusCode: 404 });
  });
  app.setErrorHandler((_error, _request, reply) => reply.code(status).send({ sorry: true }));
  assert.equal((await app.inject(request)).json().code, "in-doubt");
  const failed = app.stage.events.find((event) => event.type === "attempt.failed");
  assert.match(String(failed?.type === "attempt.failed" && failed.error), /a bug/);
  status = 409;
  const other = { ...request, headers: { ...headers, "idempotency-key": "key-2" } };
  assert.deepEqual((await app.inject(other)).json(), { sorry: true });
  assert.equal((await app.inject(other)).headers["idempotent-replayed"], "true");
  await app.close();
});

test("S3: what hooks and schemas refuse is not claimed, other routes are left alone", async () => {
  const set = stage();
  const app = fastify();
  let runs = 0;
  app.register(async (orders) => {
    orders.addHook("onRequest", async (request, reply) => {
      if (request.headers.authorization === undefined) return reply.code(401).send();
    });
    const scope = () => "acct_1";
    orders.register(protect(set.process(), { name: "orders", scope, afterCrash: "doubt" }));
    const body = { type: "object", required: ["amount"] };
    orders.post("/orders", { schema: { body } }, async () => ({ run: ++runs }));
  });
  app.post("/other", async () => ({ run: ++runs }));
  assert.equal((await app.inject(request)).statusCode, 401);
  const known = { ...headers, authorization: "Bearer 1" };
  const bad = await app.inject({ ...request, headers: known, payload: "{}" });
  assert.equal(bad.statusCode, 400);
  assert.equal(set.events.length, 0);
  assert.deepEqual((await app.inject({ ...request, headers: known })).json(), { run: 1 });
  assert.deepEqual((await app.inject({ ...request, url: "/other" })).json(), { run: 2 });
  assert.equal((await app.inject({ method: "POST", url: "/none" })).statusCode, 404);
  await app.close();
});

test("H25: a body that nothing has read is an error, and nothing runs", async () => {
  let runs = 0;
  const app = appWith(async () => ({ run: ++runs }));
  app.addContentTypeParser("text/csv", (_request, _stream, done) => done(null));
  app.addContentTypeParser("text/xml", (_request, stream, done) => done(null, stream));
  for (const type of ["text/csv", "text/xml"]) {
    const answer = await app.inject({ ...request, headers: { ...headers, "content-type": type } });
    assert.equal(answer.statusCode, 500);
    assert.match(answer.json().message, /Mount the body parser before/);
  }
  assert.equal(runs, 0);
  await app.close();
});

test("S3: a declared route takes its input from the whole request", async () => {
  const app = fastify();
  const pay = stage()
    .process()
    .operation("pay", {
      input: Order,
      handler: (_op, order) => ok({ paid: order.amount, cart: order.cartId }, 201),
    });
  app.post<{ Params: { cart: string }; Body: { amount: number } }>(
    "/carts/:cart/pay",
    protect(pay, {
      scope: (request) => request.headers.authorization,
      input: (request) => ({ cartId: request.params.cart, amount: request.body.amount }),
    }),
  );
  const send = (url: string) =>
    app.inject({ ...request, url, headers: { ...headers, authorization: "acct_1" } });
  assert.deepEqual((await send("/carts/c1/pay")).json(), { paid: 1999, cart: "c1" });
  assert.equal((await send("/carts/c2/pay")).json().code, "key-reused");
  await app.close();
});
