import assert from "node:assert/strict";
import { test } from "node:test";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { webhook } from "../../src/http/hono.ts";
import { listen } from "./listen.ts";
import { sign, webhookGround } from "./webhook-ground.ts";
import { type OpenWebhooks, webhookSuite } from "./webhook-suite.ts";

const open: OpenWebhooks = (mounts, ground) => {
  const app = new Hono();
  app.onError((error, c) => {
    ground.report(error);
    return c.text("Internal Server Error", 500);
  });
  app.all("/hooks", webhook(...mounts["/hooks"]));
  app.all("/plain", webhook(...mounts["/plain"]));
  app.use("/parsed", async (c, next) => {
    assert.ok(await c.req.raw.json());
    await next();
  });
  app.post("/parsed", webhook(...mounts["/parsed"]));
  app.use("/kept", async (c, next) => {
    assert.ok(await c.req.json());
    await next();
  });
  app.post("/kept", webhook(...mounts["/kept"]));
  app.post("/echo", async (c) => c.json(await c.req.json()));
  return listen(createAdaptorServer({ fetch: app.fetch }));
};

webhookSuite("hono", open, { separates: false, keeps: true });

test("hono: a form that middleware has parsed is not written anew", async () => {
  const { once, provider, report, errors, deliveries } = webhookGround();
  const app = new Hono();
  app.onError((error, c) => {
    report(error);
    return c.body(null, 500);
  });
  app.use(async (c, next) => {
    await c.req.formData();
    await next();
  });
  app.post("/hooks", webhook(once, provider("acquirer"), {}));
  const body = "a=1&b=%20";
  const headers = {
    "content-type": "application/x-www-form-urlencoded",
    "x-signature": sign(body),
  };
  assert.equal((await app.request("/hooks", { method: "POST", headers, body })).status, 500);
  assert.match(String(errors[0]), /Something parsed the webhook's body/);
  assert.deepEqual(deliveries, []);
});

test("hono: middleware can read the body after the webhook", async () => {
  const { once, provider } = webhookGround();
  const app = new Hono();
  let seen = "";
  app.use(async (c, next) => {
    await next();
    seen = await c.req.text();
  });
  app.post("/hooks", webhook(once, provider("acquirer"), {}));
  const headers = { "x-signature": sign("{}") };
  assert.equal((await app.request("/hooks", { method: "POST", headers, body: "{}" })).status, 202);
  assert.equal(seen, "{}");
});
