import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingMessage, request } from "node:http";
import { isNevertwiceError } from "../../src/index.ts";
import { assertProblem } from "./case.ts";
import { BYTES_MAX, sign } from "./webhook-ground.ts";
import type { WebhookCase } from "./webhook-suite.ts";
import { jsonOf } from "./wire.ts";

const BODIES: readonly (readonly [what: string, bytes: Uint8Array])[] = [
  ["an object with a space and an escape", Buffer.from('{ "a": "\\u00e9",\r\n "a": 1e2 }\n')],
  ["a byte order mark", Buffer.from("\ufeff{}")],
  ["what is no UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x00, 0xc3, 0x7d])],
  ["every byte", Uint8Array.from({ length: 256 }, (_, index) => index)],
  ["nothing", new Uint8Array(0)],
];

const TYPES = [
  "application/json",
  "application/x-www-form-urlencoded",
  "text/plain; charset=latin1",
  "multipart/form-data; boundary=b",
];

export const bodyCases: readonly WebhookCase[] = [
  ...BODIES.map(
    ([what, bytes]): WebhookCase => ({
      title: `${what} arrives byte for byte, whatever its type`,
      async run({ post, ground }) {
        for (const type of TYPES) {
          const received = await post("/hooks", bytes, { "content-type": type });
          assert.equal(received.status, 202);
          assert.deepEqual(Buffer.from(ground.deliveries.at(-1)?.body ?? []), Buffer.from(bytes));
        }
        assert.deepEqual([ground.deliveries.length, ground.errors], [TYPES.length, []]);
      },
    }),
  ),
  {
    title: "a body without a type, in chunks, arrives byte for byte",
    async run({ url, ground }) {
      const bytes = BODIES[2]?.[1] ?? new Uint8Array(0);
      const outgoing = begin(`${url}/hooks`, { "x-signature": sign(bytes) });
      outgoing.write(bytes.subarray(0, 2));
      outgoing.end(bytes.subarray(2));
      assert.equal((await answerOf(outgoing)).status, 202);
      assert.deepEqual(Buffer.from(ground.deliveries[0]?.body ?? []), bytes);
    },
  },
  {
    title: "another route keeps its JSON parser",
    async run({ post }) {
      assert.deepEqual(jsonOf(await post("/echo", '{"a":1}')), { a: 1 });
    },
  },
  {
    title: "a body that something has parsed is an error that says how to mend it",
    async run({ post, ground }) {
      assert.equal((await post("/parsed")).status, 500);
      const [error] = ground.errors;
      assert.ok(isNevertwiceError(error, "body-parsed"));
      assert.match(error.message, /before the body parser.*(?:above|leave|unread)/s);
      assert.deepEqual(ground.deliveries, []);
    },
  },
  {
    title: "bytes that were kept by whoever read the body are used, up to the limit",
    keeps: true,
    async run({ post, ground }) {
      const body = Buffer.from('{ "type":"made", "name":"Zoë" }');
      assert.equal((await post("/kept", body)).status, 202);
      assert.deepEqual(Buffer.from(ground.deliveries[0]?.body ?? []), body);
      assertProblem(await post("/kept", jsonOfLength(BYTES_MAX + 1)), "body-too-large");
    },
  },
  {
    title: "a body that is announced as too large is refused before it comes",
    async run({ url, ground }) {
      const headers = { "content-length": BYTES_MAX + 1, "content-type": "application/json" };
      const outgoing = begin(`${url}/hooks`, headers);
      outgoing.flushHeaders();
      assert.equal((await answerOf(outgoing)).status, 413);
      outgoing.destroy();
      assert.deepEqual(ground.deliveries, []);
      assert.deepEqual(ground.reports, [
        { type: "webhook.refused", source: "hooks", code: "body-too-large" },
      ]);
    },
  },
  {
    title: "a body that turns out too large is refused before its end",
    async run({ url, post, ground }) {
      const outgoing = begin(`${url}/hooks`, { "content-type": "application/json" });
      outgoing.write(Buffer.alloc(BYTES_MAX + 1));
      assert.equal((await answerOf(outgoing)).status, 413);
      outgoing.destroy();
      assert.deepEqual([ground.deliveries, ground.errors], [[], []]);
      assertProblem(await post("/hooks", jsonOfLength(BYTES_MAX + 1)), "body-too-large");
      assert.equal((await post("/hooks", jsonOfLength(BYTES_MAX))).status, 202);
    },
  },
];

function jsonOfLength(length: number): string {
  return JSON.stringify("x".repeat(length - 2));
}

/** A request whose body is not over. */
function begin(url: string, headers: Record<string, string | number>) {
  const outgoing = request(url, { method: "POST", agent: false, headers });
  outgoing.on("error", () => undefined);
  return outgoing;
}

async function answerOf(outgoing: ReturnType<typeof begin>): Promise<{ readonly status: number }> {
  const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
  incoming.resume();
  return { status: incoming.statusCode ?? 0 };
}
