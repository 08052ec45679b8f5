import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { protect, webhook } from "../../src/http/express.ts";
import { nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { Order } from "../core/stage.ts";
import { assertReplay } from "./case.ts";
import { listen } from "./listen.ts";
import { jsonOf, type Received, send } from "./wire.ts";

const BYTES_MAX = 10_000;
const mine = { name: "orders", scope: () => "acct_1", afterCrash: "doubt" } as const;
const headers = { "idempotency-key": "k1" };

const house = () => nevertwice({ store: memoryStore(), requestBytesMax: BYTES_MAX });

const declared = () =>
  house().operation("place", { input: Order, handler: async () => ok({}, 201) });

async function serving(app: Express, play: (url: string) => Promise<void>): Promise<void> {
  const server = await listen(createServer(app));
  try {
    await play(server.url);
  } finally {
    await server.close();
  }
}

/** Posts to the application with one wrapped handler. */
async function twice(
  handler: RequestHandler,
  judge: (first: Received, again: Received) => void,
  before: RequestHandler = (_request, _response, next) => next(),
): Promise<void> {
  const app = express()
    .use(before)
    .post("/", protect(house(), mine, handler));
  await serving(app, async (url) => {
    const first = await send(url, { headers });
    judge(first, await send(url, { headers }));
  });
}

test("an answer with trailers is answered whole, without them", () =>
  twice((_request, response) => {
    response.setHeader("Trailer", "Content-MD5");
    response.write("a");
    response.addTrailers({ "Content-MD5": "x" });
    response.end("b");
  }, assertReplay));

test("a request that somebody else has begun to answer is left to them", async () => {
  const late: RequestHandler = (_request, response, next) => {
    response.writeHead(503);
    response.write("too ");
    next();
    setImmediate(() => setImmediate(() => response.end("late")));
  };
  const app = express()
    .use(late)
    .post("/", protect(declared(), { scope: () => "acct_1" }));
  const acknowledgement = { status: 200 };
  const read = () => ({ kind: "handshake", answer: acknowledgement });
  const provider = { source: "acme", bytesMax: BYTES_MAX, acknowledgement, read };
  app.post("/webhook", webhook(house(), provider as never, {}));
  await serving(app, async (url) => {
    const broken = { headers, body: "{oops" };
    for (const path of ["", "/webhook"]) {
      const { status, body } = await send(url + path, broken);
      assert.deepEqual([status, body.toString()], [503, "too late"]);
    }
  });
});

test("a body that is too large keeps no later request of its connection waiting", async () => {
  const app = express().post("/", protect(declared(), { scope: () => "acct_1" }));
  app.post("/next", (_request, response) => void response.end("next"));
  await serving(app, async (url) => {
    const socket = connect(Number(new URL(url).port), "127.0.0.1");
    const heard = new Promise<string>((resolve, reject) => {
      let text = "";
      socket.on("error", reject).on("data", (chunk) => {
        text += chunk.toString();
        if (text.includes("next")) resolve(text);
      });
    });
    const line = `${(4 * BYTES_MAX).toString(16)}\r\n${"x".repeat(4 * BYTES_MAX)}\r\n`;
    socket.write(
      "POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: k\r\ncontent-type: application/json\r\n",
    );
    socket.write(`transfer-encoding: chunked\r\n\r\n${line.repeat(50)}0\r\n\r\n`);
    socket.write("POST /next HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n");
    const text = await heard;
    assert.match(text, /^HTTP\/1.1 413 /);
    socket.destroy();
  });
});

test("the protection is refused inside of itself, and the refusal is no outcome", async () => {
  const errors: string[] = [];
  const refuse: ErrorRequestHandler = (error, _request, response, _next) => {
    errors.push(String(error));
    response.status(500).end();
  };
  const once = house();
  const middleware = protect(once, mine);
  const app = express().use("/api", middleware).use("/api/orders", middleware);
  app.post("/api/orders", (_request, response) => void response.end("placed")).use(refuse);
  await serving(app, async (url) => {
    const { status } = await send(`${url}/api/orders`, { headers });
    assert.equal(status, 503);
    assert.match(errors[0] ?? "", /mounted twice/);
    const stored = await once.lookup({ scope: "acct_1", key: "k1" });
    assert.equal(stored?.state, "in_doubt");
  });
});

test("an operation may be asked for again once its handler has ended", async () => {
  const once = house();
  const call = { scope: "acct_1", key: "k", input: { cartId: "c1", amount: 1 } };
  let later: Promise<unknown> | undefined;
  const operation = once.operation("place", {
    input: Order,
    handler: async () => {
      later ??= new Promise((resolve) => setImmediate(resolve)).then(() => operation.run(call));
      return ok({}, 201);
    },
  });
  await operation.run(call);
  const again = (await later) as Awaited<ReturnType<typeof operation.run>>;
  assert.ok(again.kind === "succeeded" && again.replayed);
  const inside = once.operation("inside", {
    input: Order,
    handler: async () => {
      await assert.rejects(inside.run({ ...call, key: "i" }), { code: "option-invalid" });
      return ok({}, 201);
    },
  });
  assert.equal((await inside.run({ ...call, key: "i" })).kind, "succeeded");
});

test("what the door itself throws reaches the application's error handler, and its client", async () => {
  const link = (key: string): string => `/operations/${decodeURIComponent(key)}`;
  const answers: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
    "/destroyed": (response) => response.destroy(),
    "/answered": (response) => response.end("placed"),
  };
  const once = house();
  const app = express();
  for (const [path, answer] of Object.entries(answers))
    app.post(
      path,
      protect(once, { ...mine, name: path.slice(1), link }, (_request, response) => {
        response.setHeader("x-handler", "1");
        answer(response);
      }),
    );
  app.use(((_error, _request, response, _next) => {
    response.status(500).end("ours");
  }) as ErrorRequestHandler);
  await serving(app, async (url) => {
    const wrong = { headers: { "idempotency-key": "100%" } };
    const destroyed = await send(`${url}/destroyed`, wrong);
    assert.deepEqual([destroyed.status, destroyed.body.toString()], [500, "ours"]);
    assert.equal(destroyed.headers["x-handler"], undefined);
    // An outcome needs no link.
    const other = { headers: { "idempotency-key": "200%" } };
    const answered = await send(`${url}/answered`, other);
    assert.deepEqual([answered.status, answered.body.toString()], [200, "placed"]);
  });
});

test("middleware that puts the end off gets a whole problem too", () =>
  twice(
    (_request, response) => void response.destroy(),
    (first, again) => {
      assert.equal(first.status, 503);
      assert.equal(jsonOf(first)["code"], "in-doubt");
      assert.equal(again.status, 503);
    },
    (_request, response, next) => {
      const { end } = response;
      response.end = ((...given: never[]) => {
        setImmediate(() => end.apply(response, given as never));
        return response;
      }) as never;
      next();
    },
  ));
