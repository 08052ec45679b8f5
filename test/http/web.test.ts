import { createAdaptorServer } from "@hono/node-server";
import { protect, type WebHandler } from "../../src/http/web.ts";
import { currentOperation } from "../../src/index.ts";
import { type Handlers, HEADERS, streamedText } from "./handlers.ts";
import { listen } from "./listen.ts";
import { httpSuite } from "./suite.ts";
import { ACCOUNT, RESPONSE_BYTES_MAX, type Wiring } from "./wiring.ts";

const ENCODER = new TextEncoder();

function handlersOf(wiring: Wiring): Handlers<WebHandler> {
  const answer = (name: string, status: number, headers: Record<string, string> = {}) => {
    return () => Response.json({ run: wiring.run(name) }, { status, headers });
  };
  const value = (name: string, json: unknown) => () => {
    wiring.run(name);
    return Response.json(json);
  };
  return {
    json: () => Response.json({ run: wiring.run("json"), name: "Zoë" }, { status: 201 }),
    text: () => new Response(`Zoë, run ${wiring.run("text")}`),
    empty204: () => {
      wiring.run("empty204");
      return new Response(null, { status: 204 });
    },
    empty200: () => {
      wiring.run("empty200");
      return new Response("");
    },
    zero: value("zero", 0),
    no: value("no", false),
    nothing: value("nothing", null),
    binary: () => {
      wiring.run("binary");
      const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
      return new Response(bytes, { headers: { "content-type": "application/octet-stream" } });
    },
    ended: () => new Response(ENCODER.encode(`run ${wiring.run("ended")}`), { status: 202 }),
    streamed: () => {
      const bytes = ENCODER.encode(streamedText(wiring.run("streamed")));
      const chunks = [bytes.subarray(0, 1_001), bytes.subarray(1_001)];
      return new Response(ReadableStream.from(chunks), {
        headers: { "content-type": "text/plain" },
      });
    },
    headers: () => {
      const run = wiring.run("headers");
      const headers = new Headers(HEADERS);
      headers.append("set-cookie", `a=${run}`);
      headers.append("set-cookie", `b=${run}`);
      return Response.json({ run }, { status: 201, headers });
    },
    declined: () => {
      const body = { run: wiring.run("declined"), reason: "card_declined" };
      return Response.json(body, { status: 402 });
    },
    missing: answer("missing", 404),
    thrown: () => {
      wiring.run("thrown");
      throw new Error("no luck");
    },
    gone: () => {
      wiring.run("gone");
      throw Object.assign(new Error("gone"), { status: 410 });
    },
    broken: answer("broken", 500, { "set-cookie": "a=b" }),
    limited: answer("limited", 429, { "retry-after": "7" }),
    unauthorised: answer("unauthorised", 401, { "www-authenticate": "Bearer" }),
    forbidden: answer("forbidden", 403),
    slow: async () => {
      const run = wiring.run("slow");
      await wiring.gate;
      return Response.json({ run }, { status: 201 });
    },
    echo: async (request) => {
      wiring.run("echo");
      return Response.json(await request.json());
    },
    current: async () => {
      wiring.run("current");
      await wiring.once.lookup({ scope: "acct_1", key: "another" });
      const { name, scope, key, attempt } = currentOperation();
      return Response.json({ name, scope, key, attempt });
    },
    large: () => {
      wiring.run("large");
      return new Response("x".repeat(RESPONSE_BYTES_MAX + 1));
    },
    endless: () => {
      wiring.run("endless");
      const pull = (controller: ReadableStreamDefaultController): void =>
        controller.enqueue(ENCODER.encode("more"));
      return new Response(new ReadableStream({ pull }));
    },
    events: () => {
      wiring.run("events");
      const start = (controller: ReadableStreamDefaultController): void =>
        controller.enqueue(ENCODER.encode("data: 1\n\n"));
      const headers = { "content-type": "text/event-stream; charset=utf-8" };
      return new Response(new ReadableStream({ start }), { headers });
    },
  };
}

function routesOf(wiring: Wiring): Map<string, WebHandler> {
  const scope = (request: Request): string | undefined => request.headers.get(ACCOUNT) ?? undefined;
  const { once, checkout, rename, mounts, link } = wiring;
  const handlers = new Map(Object.entries(handlersOf(wiring)));
  const routes = new Map<string, WebHandler>([
    ["/checkout", protect(checkout, { scope, link })],
    ["/rename", protect(rename, { scope })],
  ]);
  for (const { path, options } of mounts) {
    const route: WebHandler = (request) => {
      const handler = handlers.get(new URL(request.url).pathname.slice(path.length + 1));
      return handler ? handler(request) : new Response(null, { status: 404 });
    };
    const protectedRoute = protect(once, { ...options, scope }, route);
    for (const name of handlers.keys()) routes.set(`${path}/${name}`, protectedRoute);
  }
  return routes;
}

httpSuite(
  "web",
  (wiring) => {
    const routes = routesOf(wiring);
    const fetch = async (request: Request): Promise<Response> => {
      try {
        const route = routes.get(new URL(request.url).pathname);
        return (await route?.(request)) ?? new Response(null, { status: 404 });
      } catch (error) {
        wiring.report(error);
        return new Response(null, { status: 500 });
      }
    };
    return listen(createAdaptorServer({ fetch }));
  },
  { asynchronous: true },
);
