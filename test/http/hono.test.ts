import { once as event } from "node:events";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { serve } from "@hono/node-server";
import { type Context, type Handler, Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { stream, streamSSE } from "hono/streaming";
import { protect } from "../../src/http/hono.ts";
import { currentOperation } from "../../src/index.ts";
import { type Handlers, HEADERS, streamedText } from "./handlers.ts";
import { httpSuite, type Server } from "./suite.ts";
import { ACCOUNT, RESPONSE_BYTES_MAX, type Wiring } from "./wiring.ts";

function accountOf(c: Context): string | undefined {
  return c.req.header(ACCOUNT);
}

function handlersOf(wiring: Wiring): Handlers<Handler> {
  const { run } = wiring;
  const answer =
    (name: string, status: 201 | 402 | 403 | 404 | 500, more: object = {}): Handler =>
    (c) =>
      c.json({ run: run(name), ...more }, status);
  const value =
    (name: string, json: number | boolean | null): Handler =>
    (c) => {
      run(name);
      return c.json(json);
    };
  return {
    json: answer("json", 201, { name: "Zoë" }),
    text: (c) => c.text(`Zoë, run ${run("text")}`),
    empty204: (c) => {
      run("empty204");
      return c.body(null, 204);
    },
    empty200: (c) => {
      run("empty200");
      return c.body(null);
    },
    zero: value("zero", 0),
    no: value("no", false),
    nothing: value("nothing", null),
    binary: (c) => {
      run("binary");
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      return c.body(bytes, 200, { "content-type": "application/octet-stream" });
    },
    ended: () => new Response(`run ${run("ended")}`, { status: 202 }),
    streamed: (c) => {
      const text = Buffer.from(streamedText(run("streamed")));
      c.header("content-type", "text/plain");
      return stream(c, async (writer) => {
        for (const end of [700, 1_401, text.length])
          await writer.write(text.subarray(end === 700 ? 0 : end === 1_401 ? 700 : 1_401, end));
      });
    },
    headers: (c) => {
      const count = run("headers");
      for (const [name, text] of Object.entries(HEADERS)) c.header(name, text);
      c.header("set-cookie", `a=${count}`);
      c.header("set-cookie", `b=${count}`, { append: true });
      return c.json({ run: count }, 201);
    },
    declined: answer("declined", 402, { reason: "card_declined" }),
    missing: answer("missing", 404),
    thrown: () => {
      run("thrown");
      throw new Error("no luck");
    },
    gone: () => {
      run("gone");
      throw new HTTPException(410, { message: "gone" });
    },
    broken: answer("broken", 500),
    limited: (c) => c.json({ run: run("limited") }, 429, { "retry-after": "7" }),
    unauthorised: (c) =>
      c.json({ run: run("unauthorised") }, 401, { "www-authenticate": "Bearer" }),
    forbidden: answer("forbidden", 403),
    slow: async (c) => {
      const count = run("slow");
      await wiring.gate;
      return c.json({ run: count }, 201);
    },
    echo: async (c) => {
      run("echo");
      return c.json(await c.req.json());
    },
    current: async (c) => {
      run("current");
      await event(Readable.from(["a turn of the loop"]), "readable");
      const { name, scope, key, attempt } = currentOperation();
      return c.json({ name, scope, key, attempt });
    },
    large: (c) => {
      run("large");
      return c.text("x".repeat(RESPONSE_BYTES_MAX + 1));
    },
    endless: (c) => {
      run("endless");
      return stream(c, async (writer) => {
        while (!writer.aborted) await writer.write("x".repeat(1_000));
      });
    },
    events: (c) => {
      run("events");
      return streamSSE(c, async (writer) => {
        await writer.writeSSE({ data: "1" });
        await new Promise<void>((resolve) => writer.onAbort(resolve));
      });
    },
  };
}

async function open(wiring: Wiring): Promise<Server> {
  const app = new Hono();
  app.onError((error, c) => {
    wiring.report(error);
    if (error instanceof HTTPException) return error.getResponse();
    return c.text("Internal Server Error", 500);
  });
  const { link } = wiring;
  app.post("/checkout", protect(wiring.checkout, { scope: accountOf, link }));
  app.post("/rename", protect(wiring.rename, { scope: accountOf }));
  for (const { path, options } of wiring.mounts) {
    app.use(`${path}/*`, protect(wiring.once, { ...options, scope: accountOf }));
    for (const [name, handler] of Object.entries(handlersOf(wiring)))
      app.all(`${path}/${name}`, handler);
  }
  const server = serve({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" });
  await event(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ("closeAllConnections" in server) server.closeAllConnections();
      }),
  };
}

httpSuite("hono", open);
