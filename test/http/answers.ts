import assert from "node:assert/strict";
import { assertReplay, type Case, ORDER, type Scene } from "./case.ts";
import { type HandlerName, HEADERS, streamedText } from "./handlers.ts";
import { jsonOf, type Received } from "./wire.ts";
import { RESPONSE_BYTES_MAX } from "./wiring.ts";

interface Expected {
  readonly status: number;
  readonly body: string | Uint8Array;
  readonly type?: RegExp;
}

/** What each way to end a response must put on the wire, the first time and every time. */
const WAYS: Readonly<Partial<Record<HandlerName, Expected>>> = {
  json: { status: 201, body: '{"run":1,"name":"Zoë"}', type: /^application\/json/ },
  text: { status: 200, body: "Zoë, run 1", type: /^text\/plain/ },
  empty204: { status: 204, body: "" },
  empty200: { status: 200, body: "" },
  zero: { status: 200, body: "0", type: /^application\/json/ },
  no: { status: 200, body: "false", type: /^application\/json/ },
  nothing: { status: 200, body: "null", type: /^application\/json/ },
  binary: {
    status: 200,
    body: Uint8Array.from({ length: 256 }, (_, index) => index),
    type: /^application\/octet-stream/,
  },
  ended: { status: 202, body: "run 1" },
  streamed: { status: 200, body: streamedText(1), type: /^text\/plain/ },
  declined: { status: 402, body: '{"run":1,"reason":"card_declined"}' },
  missing: { status: 404, body: '{"run":1}' },
};

async function playWay(scene: Scene, name: HandlerName, expected: Expected): Promise<void> {
  const first = await scene.post(`/wrapped/${name}`, { json: ORDER });
  assert.equal(first.status, expected.status);
  assert.deepEqual(first.body, Buffer.from(expected.body as string));
  if (expected.type) assert.match(String(first.headers["content-type"]), expected.type);
  const second = await scene.post(`/wrapped/${name}`, { json: ORDER });
  assertReplay(first, second);
  assert.equal(scene.house.runs(name), 1);
}

const wayCases = Object.entries(WAYS).map(
  ([name, expected]): Case => ({
    title: `F: the answer of the handler "${name}" is replayed byte for byte`,
    needs: [name as HandlerName],
    run: (scene) => playWay(scene, name as HandlerName, expected),
  }),
);

async function playDeclared(
  scene: Scene,
  act: string,
  expected: { readonly status: number; readonly body: string },
): Promise<[Received, Received]> {
  const json = { ...ORDER, act };
  const first = await scene.post("/checkout", { json });
  assert.equal(first.status, expected.status);
  assert.equal(first.body.toString(), expected.body);
  const second = await scene.post("/checkout", { json });
  assertReplay(first, second);
  assert.equal(scene.house.runs("checkout"), 1);
  return [first, second];
}

const DECLARED = {
  order: { status: 201, body: '{"run":1,"name":"Zoë"}' },
  decline: { status: 402, body: '{"run":1,"reason":"card_declined"}' },
  zero: { status: 200, body: "0" },
  no: { status: 200, body: "false" },
  nothing: { status: 200, body: "null" },
  "empty-text": { status: 200, body: '""' },
  empty: { status: 204, body: "" },
};

const declaredCases = Object.entries(DECLARED).map(
  ([act, expected]): Case => ({
    title: `S5: a declared operation's outcome "${act}" is replayed byte for byte`,
    run: async (scene) => void (await playDeclared(scene, act, expected)),
  }),
);

const otherCases: readonly Case[] = [
  {
    title: "S5: an operation of one transaction is replayed byte for byte",
    async run({ post, house }) {
      const json = { id: "1", name: "Zoë" };
      const first = await post("/rename", { json });
      assert.equal(first.status, 200);
      assert.deepEqual(jsonOf(first), { run: 1, name: "Zoë" });
      assertReplay(first, await post("/rename", { json }));
      assert.equal(house.store.table("names").get("1"), "Zoë");
    },
  },
  {
    title: "S5: only the headers that belong to the outcome are replayed",
    needs: ["headers"],
    async run({ post }) {
      const first = await post("/wrapped/headers");
      assert.equal(first.status, 201);
      assert.deepEqual(first.headers["set-cookie"], ["a=1", "b=1"]);
      for (const [name, value] of Object.entries(HEADERS)) assert.equal(first.headers[name], value);
      const second = await post("/wrapped/headers");
      assertReplay(first, second);
      assert.equal(second.headers["x-order"], HEADERS["x-order"]);
      assert.equal(second.headers["x-private"], undefined);
    },
  },
  {
    title: "S5: a declared operation's cookie is given once, and its length is the body's own",
    async run(scene) {
      const [first, second] = await playDeclared(scene, "cookie", {
        status: 200,
        body: '{"run":1}',
      });
      assert.deepEqual(first.headers["set-cookie"], ["a=b"]);
      assert.equal(second.headers["x-order"], "1");
    },
  },
  {
    title: "S6: a 4xx that a handler threw is final, and replayed as it was sent",
    needs: ["gone"],
    async run({ post, house }) {
      const first = await post("/wrapped/gone", { json: ORDER });
      assert.equal(first.status, 410);
      assertReplay(first, await post("/wrapped/gone", { json: ORDER }));
      assert.equal(house.runs("gone"), 1);
    },
  },
  {
    title: "S20: a response too large to keep is given once, and its operation never runs again",
    needs: ["large"],
    async run({ post, house }) {
      const first = await post("/wrapped/large");
      assert.equal(first.status, 200);
      assert.equal(first.body.length, RESPONSE_BYTES_MAX + 1);
      const second = await post("/wrapped/large");
      assert.equal(second.status, 409);
      assert.equal(jsonOf(second)["code"], "response-not-replayable");
      assert.equal(jsonOf(second)["outcome"], "succeeded");
      assert.equal(house.runs("large"), 1);
    },
  },
  {
    title: "H25: a wrapped handler gets the body that its fingerprint was made of",
    needs: ["echo"],
    async run({ post }) {
      const first = await post("/wrapped/echo", { json: ORDER });
      assert.deepEqual(jsonOf(first), ORDER);
      const second = await post("/wrapped/echo", { json: { ...ORDER, amount: 1999 } });
      assert.equal(jsonOf(second)["code"], "key-reused");
    },
  },
  {
    title: "S3: currentOperation() tells a wrapped handler what it runs under",
    needs: ["current"],
    async run({ post }) {
      const answer = await post("/wrapped/current", { key: '"key 2"'.replace(" ", "-") });
      const expected = { name: "orders", scope: "acct_1", key: "key-2", attempt: 1 };
      assert.deepEqual(jsonOf(answer), expected);
    },
  },
];

export const answerCases: readonly Case[] = [...wayCases, ...declaredCases, ...otherCases];
