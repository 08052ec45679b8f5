import assert from "node:assert/strict";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { test } from "node:test";
import fastify, { type FastifyInstance } from "fastify";
import { webhook } from "../../src/http/fastify.ts";
import { isNevertwiceError } from "../../src/index.ts";
import { ACKNOWLEDGED, sign, webhookGround } from "./webhook-ground.ts";
import { type OpenWebhooks, webhookSuite } from "./webhook-suite.ts";

const open: OpenWebhooks = async (mounts, ground) => {
  const app = fastify({ forceCloseConnections: true });
  app.setErrorHandler((error, _request, reply) => {
    ground.report(error);
    reply.send(error);
  });
  app.addContentTypeParser("text/plain", { parseAs: "string" }, (_request, text, done) =>
    done(null, `parsed ${text}`),
  );
  app.register(webhook(...mounts["/hooks"], { url: "/hooks" }));
  app.register(webhook(...mounts["/plain"], { url: "/plain" }));
  app.register(async (parsed) => {
    parsed.addHook("preParsing", async (_request, _reply, payload) => {
      for await (const chunk of payload) assert.ok(chunk);
      return payload;
    });
    parsed.register(webhook(...mounts["/parsed"], { url: "/parsed" }));
  });
  app.register(async (kept) => {
    kept.addHook("preValidation", async (request) => {
      request.body = await buffer(request.body as Readable);
    });
    kept.register(webhook(...mounts["/kept"], { url: "/kept" }));
  });
  app.post("/echo", async (request) => request.body);
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, close: () => app.close() };
};

webhookSuite("fastify", open, { separates: true, keeps: true });

test("fastify: a prefix comes before the route, and an injected request is taken too", async () => {
  const ground = webhookGround();
  const app: FastifyInstance = fastify();
  const provider = ground.provider("acquirer");
  app.register(webhook(ground.once, provider, {}, { url: "/acquirer" }), { prefix: "/hooks" });
  const headers = { "x-signature": sign("{}"), "content-type": "application/json" };
  const url = "/hooks/acquirer";
  const { statusCode, body } = await app.inject({ method: "POST", url, headers, body: "{}" });
  assert.deepEqual([statusCode, body], [ACKNOWLEDGED.status, ACKNOWLEDGED.body]);
  assert.equal(ground.deliveries[0]?.url, url);
  await app.close();
});

test("fastify: without a route there is no webhook", () => {
  const { once, provider } = webhookGround();
  assert.throws(
    () => webhook(once, provider("acquirer"), {}, { url: "hooks" }),
    (error) => isNevertwiceError(error, "option-invalid") && error.message.includes("`url`"),
  );
});
