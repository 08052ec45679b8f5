import assert from "node:assert/strict";
import { test } from "node:test";
import { type Context, type Handler, Hono } from "hono";
import { cors } from "hono/cors";
import { protect } from "../../src/http/hono.ts";
import { ok } from "../../src/index.ts";
import { Order, stage } from "../core/stage.ts";

type Env = { Variables: { account: string } };

function accountOf(c: Context<Env>): string | undefined {
  return c.get("account");
}

async function codeOf(answer: Response): Promise<unknown> {
  const problem: unknown = await answer.json();
  return typeof problem === "object" && problem && "code" in problem ? problem.code : problem;
}

const headers = { "idempotency-key": "key-1", "content-type": "application/json", origin: "a" };
const body = JSON.stringify({ cartId: "c1", amount: 1999 });

/** An application with one wrapped route behind a login and `cors`. */
function appWith(handler: Handler<Env>): Hono<Env> {
  const app = new Hono<Env>();
  app.use(cors());
  app.use(async (c, next) => {
    c.set("account", "acct_1");
    await next();
  });
  app.onError((error, c) => c.json({ message: error.message }, 500));
  app.use(
    "/orders",
    protect(stage().process(), {
      name: "orders",
      scope: accountOf,
      afterCrash: "doubt",
    }),
  );
  app.post("/orders", handler);
  return app;
}

async function post(app: Hono<Env>, key = "key-1", payload = body): Promise<Response> {
  const init = { method: "POST", headers: { ...headers, "idempotency-key": key }, body: payload };
  return app.request("/orders", init);
}

/** The same application behind middleware that reads the body. */
function readBefore(app: Hono<Env>): Hono<Env> {
  const outer = new Hono<Env>();
  outer.use(async (c, next) => {
    await c.req.json();
    await next();
  });
  return outer.route("/", app);
}

test("H25: a handler may read the raw request, and middleware may have read the body", async () => {
  for (const one of [
    appWith(async (c) => c.json(await c.req.json())),
    appWith(async (c) => c.json(await c.req.raw.json())),
    readBefore(appWith(async (c) => c.json(await c.req.json()))),
  ]) {
    assert.deepEqual(await (await post(one)).json(), JSON.parse(body));
    assert.equal((await post(one)).headers.get("idempotent-replayed"), "true");
    assert.equal(await codeOf(await post(one, "key-1", "{}")), "key-reused");
  }
});

test("S5: outer headers are on every answer, a refused handler's are not", async () => {
  let fails = false;
  const app = appWith((c) => {
    c.header("x-order", "1");
    c.header("set-cookie", "a=b");
    if (fails) throw new Error("a bug");
    return c.json({ made: true });
  });
  const first = await post(app);
  const second = await post(app);
  assert.equal(first.headers.get("set-cookie"), "a=b");
  assert.equal(second.headers.get("set-cookie"), null);
  assert.equal(await second.text(), await first.text());
  fails = true;
  const failed = await post(app, "key-2");
  assert.deepEqual([failed.status, await codeOf(failed)], [503, "in-doubt"]);
  assert.deepEqual([failed.headers.get("x-order"), failed.headers.get("set-cookie")], [null, null]);
  for (const answer of [first, second, failed])
    assert.equal(answer.headers.get("access-control-allow-origin"), "*");
});

test("S21: the source of a refused event stream is told that nobody listens", async () => {
  let cancelled = false;
  const stream = new ReadableStream({
    cancel: () => {
      cancelled = true;
    },
  });
  const app = appWith((c) => c.body(stream, 200, { "content-type": "text/event-stream" }));
  assert.equal(await codeOf(await post(app)), "in-doubt");
  assert.equal(cancelled, true);
});

test("S7: a handler that answers nothing is in doubt", async () => {
  const app = appWith((() => undefined) as never);
  assert.equal(await codeOf(await post(app)), "in-doubt");
});

test("S3: a declared operation has the headers of outer middleware too", async () => {
  const app = new Hono<Env>();
  app.use(cors());
  const pay = stage()
    .process()
    .operation("pay", { input: Order, handler: (_op, order) => ok({ paid: order.amount }, 201) });
  app.post("/carts/:cart/pay", (c, next) => {
    c.set("account", "acct_1");
    return next();
  });
  app.post("/carts/:cart/pay", protect(pay, { scope: accountOf }));
  const answer = await app.request("/carts/c1/pay", { method: "POST", headers, body });
  assert.deepEqual([answer.status, await answer.json()], [201, { paid: 1999 }]);
  assert.equal(answer.headers.get("access-control-allow-origin"), "*");
});
