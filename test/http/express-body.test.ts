import assert from "node:assert/strict";
import { request } from "node:http";
import { createRequire } from "node:module";
import { test } from "node:test";
import express, { type RequestHandler } from "express";
import { protect } from "../../src/http/express.ts";
import { isNevertwiceError } from "../../src/index.ts";
import { assertProblem, assertReplay, ORDER } from "./case.ts";
import { accountOf, type ExpressPackage, serve } from "./express-server.ts";
import { jsonOf, type Received, type Sending, send } from "./wire.ts";
import { ACCOUNT, build, type House, REQUEST_BYTES_MAX } from "./wiring.ts";

const express4 = createRequire(import.meta.url)("express4") as ExpressPackage;
const PACKS = { "Express 5": express, "Express 4": express4 };
const OPTIONS = { name: "orders", afterCrash: "doubt", scope: accountOf } as const;
const JSON_TYPE = "application/json";
const KEYED = { "idempotency-key": "key-1", [ACCOUNT]: "acct_1" };
const JSON_HEADERS = { ...KEYED, "content-type": JSON_TYPE };

interface Bench {
  readonly house: House;
  readonly url: string;
  post(path: string, body: Sending["body"], type?: string, key?: string): Promise<Received>;
}

type Mount = (app: express.Express, house: House) => void;

async function on(
  pack: ExpressPackage,
  mount: Mount,
  play: (bench: Bench) => Promise<void>,
): Promise<void> {
  const house = build();
  const app = pack();
  mount(app, house);
  const server = await serve(app, house);
  const post: Bench["post"] = (path, body, type = JSON_TYPE, key = "key-1") => {
    const headers = { "content-type": type, "idempotency-key": key, [ACCOUNT]: "acct_1" };
    return send(server.url + path, { headers, ...(body === undefined ? {} : { body }) });
  };
  try {
    await play({ house, post, url: server.url });
  } finally {
    await server.close();
  }
}

function answer(house: House): RequestHandler {
  return (_request, response) => void response.json({ run: house.run("handler") });
}

const ORDER_TEXT = JSON.stringify(ORDER);
const REORDERED = JSON.stringify({ amount: ORDER.amount, cartId: ORDER.cartId }, null, 2);

for (const [name, pack] of Object.entries(PACKS)) {
  test(`${name}: a declared operation reads the body itself if no parser has`, () =>
    on(
      pack,
      (app, house) => {
        app.use(pack.urlencoded()).post("/checkout", protect(house.checkout, OPTIONS));
      },
      async ({ post, house }) => {
        const first = await post("/checkout", ORDER_TEXT);
        assert.equal(first.status, 201);
        assertReplay(first, await post("/checkout", REORDERED));
        assertProblem(await post("/checkout", '{"cartId":', JSON_TYPE, "b"), "input-invalid");
        assertProblem(await post("/checkout", undefined, JSON_TYPE, "b"), "input-invalid");
        assertProblem(await post("/checkout", "cartId=1", "text/csv", "b"), "input-invalid");
        assert.equal(house.runs("checkout"), 1);
      },
    ));

  test(`${name}: H25: a wrapped handler's body that nothing has parsed is an error`, () =>
    on(
      pack,
      (app, house) => {
        app.use(protect(house.once, OPTIONS), pack.json(), answer(house));
      },
      async ({ post, house }) => {
        const refused = await post("/orders", ORDER_TEXT);
        assert.equal(refused.status, 500);
        assert.ok(isNevertwiceError(house.errors[0], "body-unparsed"));
        assert.match(house.errors[0].message, /Mount the body parser before/);
        assert.equal(house.runs("handler"), 0);
        assert.equal((await post("/orders", undefined)).status, 200);
      },
    ));

  test(`${name}: H25: a type that the parser does not know is unparsed, not empty`, () =>
    on(
      pack,
      (app, house) => {
        app.use(pack.json(), protect(house.once, OPTIONS), answer(house));
      },
      async ({ post, house }) => {
        assert.equal((await post("/orders", "a,b", "text/csv")).status, 500);
        assert.ok(isNevertwiceError(house.errors[0], "body-unparsed"));
        assert.equal(house.runs("handler"), 0);
      },
    ));

  for (const parser of ["raw", "text"] as const) {
    test(`${name}: a body that express.${parser}() has left is compared`, () =>
      on(
        pack,
        (app, house) => {
          app.use(pack[parser]({ type: "*/*" }), protect(house.once, OPTIONS), answer(house));
        },
        async ({ post, house }) => {
          const first = await post("/orders", ORDER_TEXT);
          assertReplay(first, await post("/orders", REORDERED));
          assertProblem(await post("/orders", '{"cartId":"cart_2"}'), "key-reused");
          const text = await post("/orders", "a,b", "text/csv", "key-2");
          assertReplay(text, await post("/orders", "a,b", "text/csv", "key-2"));
          assertProblem(await post("/orders", "a,c", "text/csv", "key-2"), "key-reused");
          assert.equal(house.runs("handler"), 2);
        },
      ));
  }

  test(`${name}: a JSON string is no object, although it holds the text of one`, () =>
    on(
      pack,
      (app, house) => {
        app.use(pack.json({ strict: false }), protect(house.once, OPTIONS), answer(house));
      },
      async ({ post, house }) => {
        const string = JSON.stringify(ORDER_TEXT);
        const first = await post("/orders", string);
        assertReplay(first, await post("/orders", string));
        assertProblem(await post("/orders", ORDER_TEXT), "key-reused");
        assert.equal((await post("/orders", ORDER_TEXT, JSON_TYPE, "key-2")).status, 200);
        assertProblem(await post("/orders", string, JSON_TYPE, "key-2"), "key-reused");
        assert.equal(house.runs("handler"), 2);
      },
    ));

  test(`${name}: a form is compared by its fields`, () =>
    on(
      pack,
      (app, house) => {
        const parser = pack.urlencoded({ extended: false });
        app.use(parser, protect(house.once, OPTIONS), answer(house));
      },
      async ({ post }) => {
        const type = "application/x-www-form-urlencoded";
        const first = await post("/orders", "a=1&b=2", type);
        assertReplay(first, await post("/orders", "b=2&a=%31", type));
        assertProblem(await post("/orders", "a=1&b=3", type), "key-reused");
      },
    ));
}

test("a body beyond the limit is refused as it comes, and its client is told", () =>
  on(
    express,
    (app, house) => {
      app.use((request, response, next) => {
        // A logger reads the address of the connection when the response is done.
        response.on("finish", () => void (request.socket === null && house.report("no socket")));
        next();
      });
      app.post("/checkout", protect(house.checkout, OPTIONS));
    },
    async ({ post, house, url }) => {
      const body = "x".repeat(REQUEST_BYTES_MAX + 1);
      assertProblem(await post("/checkout", body), "body-too-large");
      assert.equal(await statusOfUnfinished(`${url}/checkout`, body), 413);
      assert.deepEqual(house.errors, []);
      assert.equal((await post("/checkout", ORDER_TEXT)).status, 201);
      assert.equal(house.runs("checkout"), 1);
    },
  ));

/** The status that a client is told while it still sends. */
function statusOfUnfinished(url: string, body: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method: "POST", headers: JSON_HEADERS, agent: false });
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      resolve(incoming.statusCode);
      outgoing.destroy();
    });
    outgoing.write(body);
  });
}

const BOUNDARY = "----boundary";
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`;

interface Uploaded {
  file?: string;
}

/** Reads an upload of one file, and leaves it where such parsers do. */
const parseUpload: RequestHandler = async (request, _response, next) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const [, content = ""] = Buffer.concat(chunks).toString("latin1").split("\r\n\r\n");
  request.body = { note: "a" };
  Object.assign(request, { file: content.split("\r\n")[0] });
  next();
};

function upload(content: string): string {
  const part = 'Content-Disposition: form-data; name="file"; filename="a.txt"';
  return `--${BOUNDARY}\r\n${part}\r\n\r\n${content}\r\n--${BOUNDARY}--\r\n`;
}

test("a parsed multipart body without a fingerprint is an error that names the option", () =>
  on(
    express,
    (app, house) => {
      app.use(parseUpload, protect(house.once, OPTIONS), answer(house));
    },
    async ({ post, house }) => {
      assert.equal((await post("/orders", upload("one"), MULTIPART)).status, 500);
      assert.ok(isNevertwiceError(house.errors[0], "option-invalid"));
      assert.match(house.errors[0].message, /fingerprint: \(request\) =>/);
      assert.equal(house.runs("handler"), 0);
    },
  ));

test("a parsed multipart body is compared by its fingerprint", () =>
  on(
    express,
    (app, house) => {
      const fingerprint = (request: express.Request & Uploaded): unknown => ({
        fields: { ...request.body },
        file: request.file ?? null,
      });
      const given = { ...OPTIONS, fingerprint };
      app.use(parseUpload, protect(house.once, given), answer(house));
    },
    async ({ post, house }) => {
      const first = await post("/orders", upload("one"), MULTIPART);
      assert.deepEqual(jsonOf(first), { run: 1 });
      assertReplay(first, await post("/orders", upload("one"), MULTIPART));
      assertProblem(await post("/orders", upload("two"), MULTIPART), "key-reused");
      assert.equal(house.runs("handler"), 1);
    },
  ));
