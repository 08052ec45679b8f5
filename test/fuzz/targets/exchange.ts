import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { readBody } from "../../../src/http/body.ts";
import type { Exchange } from "../../../src/http/handle.ts";
import { type NodeRequest, toExchange } from "../../../src/http/node-request.ts";
import { type ErrorCode, isNevertwiceError } from "../../../src/model/errors.ts";
import { mutated } from "../mutation.ts";
import { jsonTarget, type Target } from "../target.ts";

/** A request whose body nobody has read yet, or as a parser in front has left it. */
interface Sent {
  readonly type: string;
  readonly text: string;
  readonly left: "unread" | "bytes" | "text" | "parsed";
}

const BYTES_MAX = 200;
const TYPES = [
  ...["application/json", "application/json; charset=utf-8", "application/x+json", "text/plain"],
  ...["application/x-www-form-urlencoded", "multipart/form-data; boundary=b", ""],
];
const TEXTS = [
  '{"a":1}',
  "[1]",
  '"text"',
  "a=1&b=2",
  "--b\r\nContent-Disposition: form-data\r\n\r\nx",
];
const PARSED = { a: "1" };

function requestOf({ type, text, left }: Sent): NodeRequest {
  const bytes = Buffer.from(text, "utf8");
  const bodies = { unread: undefined, bytes, text, parsed: PARSED };
  const at = bytes.length >> 1;
  const stream = Readable.from([bytes.subarray(0, at), bytes.subarray(at)]);
  const read = { value: left !== "unread" };
  Object.defineProperties(stream, { readableDidRead: read, readableEnded: read });
  return Object.assign(stream, {
    ...{ method: "POST", url: "/orders", body: bodies[left] },
    headers: { "content-type": type, "transfer-encoding": "chunked" },
  }) as unknown as NodeRequest;
}

type Found = { readonly body: Exchange["body"] } | { readonly code: ErrorCode };

async function codeOr(work: () => Exchange["body"] | Promise<Exchange["body"]>): Promise<Found> {
  try {
    return { body: await work() };
  } catch (error) {
    if (!isNevertwiceError(error)) throw error;
    return { code: error.code };
  }
}

function expected({ type, text, left }: Sent): Promise<Found> | Found {
  const bytes = Buffer.from(text, "utf8");
  const essence = type.split(";")[0]?.trim().toLowerCase() ?? "";
  const isJson = essence === "application/json" || essence.endsWith("+json");
  // As a text it has lost the bytes of its files.
  const isLossy = left === "parsed" || left === "text";
  if (isLossy && /^\s*multipart\//i.test(type)) return { code: "option-invalid" };
  if (left === "parsed") return { body: { json: PARSED } };
  if (left === "unread" && bytes.length > BYTES_MAX) return { code: "body-too-large" };
  // A parser gives the value of a JSON string, which is a text too.
  if (left === "text" && isJson && !/^\s*[{[]/.test(text)) return { body: { json: text } };
  if (bytes.length > 0 && !isJson) return { body: { bytes } };
  return codeOr(() => readBody(bytes, "application/json"));
}

export const EXCHANGE_TARGET: Target = jsonTarget<Sent>({
  name: "exchange",
  make: (chance) => ({
    type: chance.hit(0.8) ? chance.pick(TYPES) : mutated(chance, chance.pick(TYPES)),
    text: mutated(chance, chance.pick(TEXTS)).toWellFormed(),
    left: chance.pick(["unread", "bytes", "text", "parsed"]),
  }),
  async check(sent) {
    if (!["unread", "bytes", "text", "parsed"].includes(sent.left)) return;
    const options = { scope: () => "acct_1" };
    const found = await codeOr(async () => {
      const { body } = await toExchange(requestOf(sent), options, BYTES_MAX, true);
      return body;
    });
    assert.deepEqual(found, await expected(sent));
  },
});
