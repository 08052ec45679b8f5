import { once as event } from "node:events";
import { Readable } from "node:stream";
import fastify, { type FastifyReply, type FastifyRequest, type RouteHandler } from "fastify";
import { protect } from "../../src/http/fastify.ts";
import { currentOperation } from "../../src/index.ts";
import { type Handlers, HEADERS, streamedText } from "./handlers.ts";
import { httpSuite, type Server } from "./suite.ts";
import { ACCOUNT, RESPONSE_BYTES_MAX, type Wiring } from "./wiring.ts";

function accountOf(request: FastifyRequest): string | undefined {
  return request.headers[ACCOUNT]?.toString();
}

function handlersOf(wiring: Wiring): Handlers<RouteHandler> {
  const { run } = wiring;
  const answer =
    (name: string, status: number, more: object = {}): RouteHandler =>
    async (_request, reply) =>
      reply.code(status).send({ run: run(name), ...more });
  const value =
    (name: string, text: string): RouteHandler =>
    (_request, reply) => {
      run(name);
      reply.type("application/json").send(text);
    };
  const status =
    (name: string, code: number): RouteHandler =>
    async (_request, reply) => {
      run(name);
      reply.code(code);
    };
  return {
    json: answer("json", 201, { name: "Zoë" }),
    text: async () => `Zoë, run ${run("text")}`,
    empty204: status("empty204", 204),
    empty200: status("empty200", 200),
    zero: value("zero", "0"),
    no: value("no", "false"),
    nothing: value("nothing", "null"),
    binary: async () => {
      run("binary");
      return Uint8Array.from({ length: 256 }, (_, index) => index);
    },
    ended: (_request, reply) => {
      reply.code(202).send(`run ${run("ended")}`);
    },
    streamed: (_request, reply) => {
      const text = Buffer.from(streamedText(run("streamed")));
      const chunks = [text.subarray(0, 700), text.subarray(700, 1_401), text.subarray(1_401)];
      reply.type("text/plain").send(Readable.from(chunks));
    },
    headers: async (_request, reply) => {
      const count = run("headers");
      reply.header("set-cookie", `a=${count}`).header("set-cookie", `b=${count}`);
      return reply.code(201).headers(HEADERS).send({ run: count });
    },
    declined: answer("declined", 402, { reason: "card_declined" }),
    missing: answer("missing", 404),
    thrown: async () => {
      run("thrown");
      throw new Error("no luck");
    },
    gone: () => {
      run("gone");
      throw Object.assign(new Error("gone"), { statusCode: 410 });
    },
    broken: answer("broken", 500),
    limited: async (_request, reply) => {
      const count = run("limited");
      return reply.code(429).header("retry-after", "7").send({ run: count });
    },
    unauthorised: async (_request, reply) => {
      const count = run("unauthorised");
      return reply.code(401).header("www-authenticate", "Bearer").send({ run: count });
    },
    forbidden: answer("forbidden", 403),
    slow: async (_request, reply) => {
      const count = run("slow");
      await wiring.gate;
      return reply.code(201).send({ run: count });
    },
    echo: async (request) => {
      run("echo");
      return request.body;
    },
    current: async () => {
      run("current");
      await event(Readable.from(["a turn of the loop"]), "readable");
      const { name, scope, key, attempt } = currentOperation();
      return { name, scope, key, attempt };
    },
    large: async () => {
      run("large");
      return "x".repeat(RESPONSE_BYTES_MAX + 1);
    },
    endless: (_request, reply) => {
      run("endless");
      reply.type("text/plain").send(Readable.from(forever()));
    },
    events: (_request, reply) => {
      run("events");
      const stream = new Readable({ read: () => undefined });
      stream.push("data: 1\n\n");
      reply.type("text/event-stream").send(stream);
    },
  };
}

async function* forever(): AsyncGenerator<string> {
  for (;;) yield "x".repeat(1_000);
}

async function open(wiring: Wiring): Promise<Server> {
  const app = fastify({ forceCloseConnections: true });
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  app.setErrorHandler((error, _request: FastifyRequest, reply: FastifyReply) => {
    wiring.report(error);
    reply.send(error);
  });
  const { link } = wiring;
  app.post("/checkout", protect(wiring.checkout, { scope: accountOf, link }));
  app.post("/rename", protect(wiring.rename, { scope: accountOf }));
  for (const { path, options } of wiring.mounts) {
    app.register(async (mounted) => {
      mounted.register(protect(wiring.once, { ...options, scope: accountOf }));
      for (const [name, handler] of Object.entries(handlersOf(wiring)))
        mounted.all(`${path}/${name}`, handler as RouteHandler);
    });
  }
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  return { url, close: () => app.close() };
}

httpSuite("fastify", open);
