import assert from "node:assert/strict";
import { Agent, request as ask } from "node:http";
import { Readable } from "node:stream";
import { test } from "node:test";
import fastify, { type FastifyInstance } from "fastify";
import { protect } from "../../src/http/fastify.ts";
import { nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { Order } from "../core/stage.ts";

const mine = { name: "orders", scope: () => "acct_1", afterCrash: "doubt" } as const;
const headers = { "idempotency-key": "k1", "content-type": "application/json" };
const post = { method: "POST", url: "/orders", headers, payload: "{}" } as const;

/** An application whose routes stand behind the protection. */
function appWith(routes: (app: FastifyInstance) => void): FastifyInstance {
  const app = fastify();
  app.register(protect(nevertwice({ store: memoryStore() }), mine));
  app.register(async (inner) => routes(inner));
  return app;
}

test("a Trailer header is dropped with its trailers", async () => {
  const app = appWith((inner) =>
    inner.post("/orders", (_request, reply) => {
      reply.header("trailer", "x").send(Readable.from(["abc"]));
    }),
  );
  for (let round = 0; round < 2; round += 1) {
    const { statusCode, body } = await app.inject(post);
    assert.deepEqual([statusCode, body], [200, "abc"]);
  }
  await app.close();
});

test("a later hook that throws makes an error of 500, as it does without the protection", async () => {
  const app = appWith((inner) => {
    inner.addHook("onSend", async () => {
      throw new Error("The hook broke.");
    });
    inner.post("/orders", async () => ({ placed: true }));
  });
  for (let round = 0; round < 2; round += 1) assert.equal((await app.inject(post)).statusCode, 500);
  await app.close();
});

test("what is thrown after an answer leaves a doubt, and is no second answer", async (t) => {
  const app = appWith((inner) => {
    inner.post("/orders", async (_request, reply) => {
      reply.send({ placed: true });
      throw new Error("It came too late.");
    });
    inner.post("/next", async () => "next");
  });
  t.after(() => app.close());
  await app.listen({ port: 0, host: "127.0.0.1" });
  const address = app.server.address();
  const port = typeof address === "object" ? address?.port : undefined;
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const read = (path: string, key: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const options = { port, agent, path, method: "POST", headers: { "idempotency-key": key } };
      ask(options, (response) => {
        let text = `${response.statusCode} `;
        response.on("data", (chunk) => {
          text += String(chunk);
        });
        response.on("end", () => resolve(text));
      })
        .on("error", reject)
        .end();
    });
  assert.match(await read("/orders", "a"), /^503 .*"in-doubt"/);
  assert.equal(await read("/next", "b"), "200 next");
  assert.match(await read("/orders", "a"), /^503 .*"in-doubt"/);
  agent.destroy();
});

test("a raw reply that is destroyed leaves the operation in doubt, and nobody without an answer", async () => {
  const app = appWith((inner) =>
    inner.post("/orders", (_request, reply) => void reply.raw.destroy()),
  );
  for (let round = 0; round < 2; round += 1) {
    const answer = await app.inject(post);
    assert.equal(answer.json().code, "in-doubt");
  }
  await app.close();
});

test("a link of any characters is a header", async () => {
  const once = nevertwice({ store: memoryStore() });
  const place = once.operation("place", { input: Order, handler: async () => ok({}, 201) });
  const app = fastify();
  app.post("/orders", protect(place, { scope: () => "acct_1", link: () => "/пример\n<x>" }));
  const payload = (amount: number): string => JSON.stringify({ cartId: "c1", amount });
  assert.equal((await app.inject({ ...post, payload: payload(1) })).statusCode, 201);
  const refused = await app.inject({ ...post, payload: payload(2) });
  assert.equal(refused.json().code, "key-reused");
  assert.equal(
    refused.headers["link"],
    '</%D0%BF%D1%80%D0%B8%D0%BC%D0%B5%D1%80%0A%3Cx%3E>; rel="status"',
  );
  await app.close();
});
