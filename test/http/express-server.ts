import { createServer } from "node:http";
import { Readable } from "node:stream";
import type express from "express";
import type { Express, RequestHandler } from "express";
import { protect } from "../../src/http/express.ts";
import { currentOperation } from "../../src/index.ts";
import { type Handlers, HEADERS, streamedText } from "./handlers.ts";
import { listen } from "./listen.ts";
import type { Open, Server } from "./suite.ts";
import { ACCOUNT, RESPONSE_BYTES_MAX, type Wiring } from "./wiring.ts";

export type ExpressPackage = typeof express;

export function accountOf(request: express.Request): string | undefined {
  return request.get(ACCOUNT);
}

function handlersOf(wiring: Wiring): Handlers<RequestHandler> {
  const { run } = wiring;
  const answer = (name: string, status: number, headers = {}): RequestHandler => {
    return (_, response) =>
      void response
        .status(status)
        .set(headers)
        .json({ run: run(name) });
  };
  const value = (name: string, json: unknown): RequestHandler => {
    return (_, response) => {
      run(name);
      response.json(json);
    };
  };
  return {
    json: (_, response) => void response.status(201).json({ run: run("json"), name: "Zoë" }),
    text: (_, response) => void response.type("text").send(`Zoë, run ${run("text")}`),
    empty204: (_, response) => {
      run("empty204");
      response.sendStatus(204);
    },
    empty200: (_, response) => {
      run("empty200");
      response.end();
    },
    zero: value("zero", 0),
    no: value("no", false),
    nothing: value("nothing", null),
    binary: (_, response) => {
      run("binary");
      response.send(Buffer.from(Uint8Array.from({ length: 256 }, (_byte, index) => index)));
    },
    ended: (_, response) => {
      response.writeHead(202, { "content-type": "text/plain" });
      response.write("run ");
      response.end(String(run("ended")), "utf8", () => undefined);
    },
    streamed: (_, response) => {
      const bytes = Buffer.from(streamedText(run("streamed")));
      response.type("text");
      Readable.from([bytes.subarray(0, 1_001), bytes.subarray(1_001)]).pipe(response);
    },
    headers: (_, response) => {
      const count = run("headers");
      response.cookie("unset", "1").clearCookie("unset").removeHeader("set-cookie");
      response.append("set-cookie", `a=${count}`).append("set-cookie", `b=${count}`);
      response.status(201).set(HEADERS).json({ run: count });
    },
    declined: (_, response) => {
      response.status(402).json({ run: run("declined"), reason: "card_declined" });
    },
    missing: answer("missing", 404),
    thrown: () => {
      run("thrown");
      throw new Error("no luck");
    },
    gone: (_, __, next) => {
      run("gone");
      next(Object.assign(new Error("gone"), { status: 410 }));
    },
    broken: answer("broken", 500, { "set-cookie": "a=b" }),
    limited: answer("limited", 429, { "retry-after": "7" }),
    unauthorised: answer("unauthorised", 401, { "www-authenticate": "Bearer" }),
    forbidden: answer("forbidden", 403),
    slow: async (_, response) => {
      const count = run("slow");
      await wiring.gate;
      response.status(201).json({ run: count });
    },
    echo: (request, response) => {
      run("echo");
      response.json(request.body);
    },
    current: async (_, response) => {
      run("current");
      await wiring.once.lookup({ scope: "acct_1", key: "another" });
      const { name, scope, key, attempt } = currentOperation();
      response.json({ name, scope, key, attempt });
    },
    large: (_, response) => {
      run("large");
      response.send("x".repeat(RESPONSE_BYTES_MAX + 1));
    },
    endless: (_, response) => {
      run("endless");
      const read = function (this: Readable): void {
        this.push("more");
      };
      new Readable({ read }).pipe(response);
    },
    events: (_, response) => {
      run("events");
      response.writeHead(200, { "content-type": "text/event-stream; charset=utf-8" });
      response.write("data: 1\n\n");
    },
  };
}

/** How the handlers that exist already are mounted: behind middleware, or inside `protect`. */
export type Form = "middleware" | "wrapper";

/** Opens the suite's server on a version of Express. */
export function openExpress(pack: ExpressPackage, form: Form): Open {
  return (wiring) => {
    const app = pack().use(pack.json());
    const { once, checkout, rename, mounts, link } = wiring;
    app.post("/checkout", protect(checkout, { scope: accountOf, link }));
    app.post("/rename", protect(rename, { scope: accountOf }));
    const handlers = Object.entries(handlersOf(wiring)) as [string, RequestHandler][];
    for (const { path, options } of mounts) {
      const given = { ...options, scope: accountOf };
      if (form === "middleware") app.use(path, protect(once, given));
      for (const [name, handler] of handlers) {
        const route = form === "middleware" ? handler : protect(once, given, handler);
        app.all(`${path}/${name}`, route);
      }
    }
    return serve(app, wiring);
  };
}

/** With the error handler that an application has; it tells the suite what reached it. */
export function serve(app: Express, { report }: Pick<Wiring, "report">): Promise<Server> {
  const onError: express.ErrorRequestHandler = (error, _request, response, next) => {
    report(error);
    if (response.headersSent) return next(error);
    response.status(error.status ?? 500).json({ message: error.message });
  };
  return listen(createServer(app.use(onError)));
}
