import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { assertReplay } from "./case.ts";
import { on } from "./express-bench.ts";

/** The forms of `writeHead`, each of which says the same. */
const HEADS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "a status and setHeader": (response) => {
    response.setHeader("x-other", "1").setHeader("content-type", "text/css");
    response.setHeader("link", ["<a>; rel=a", "<b>; rel=b"]);
    response.writeHead(203);
  },
  "an object": (response) => {
    response.setHeader("content-type", "text/plain");
    const link = ["<a>; rel=a", "<b>; rel=b"];
    response.writeHead(203, { "Content-Type": "text/css", link });
  },
  "a reason and an object": (response) => {
    const link = ["<a>; rel=a", "<b>; rel=b"];
    response.writeHead(203, "Fine", { "content-type": "text/css", link });
  },
  "a flat array": (response) => {
    response.writeHead(203, [
      ...["content-type", "text/css"],
      ...["link", "<a>; rel=a"],
      ...["link", "<b>; rel=b"],
    ]);
  },
  "pairs and an undefined reason": (response) => {
    const pairs = [
      ["content-type", "text/css"],
      ["link", ["<a>; rel=a", "<b>; rel=b"]],
    ];
    response.writeHead(203, undefined, pairs as never);
  },
};

for (const [what, writeHead] of Object.entries(HEADS)) {
  test(`F: writeHead with ${what} is replayed`, () =>
    on(
      "middleware",
      (house) => (_request, response) => {
        house.run("head");
        writeHead(response);
        response.end("body");
      },
      async ({ post, house }) => {
        const first = await post();
        assert.deepEqual([first.status, first.body.toString()], [203, "body"]);
        assert.equal(first.headers["content-type"], "text/css");
        assert.equal(first.headers["link"], "<a>; rel=a, <b>; rel=b");
        assertReplay(first, await post());
        assert.equal(house.runs("head"), 1);
      },
    ));
}

/** Ways to write, each of which must arrive as the same bytes. */
const WRITES: Readonly<Record<string, (response: ServerResponse) => unknown>> = {
  "encodings of strings": (response) => {
    response.write("5a6f", "hex");
    response.write("w6s=", "base64");
    response.end("!", "latin1");
  },
  "a buffer that is used again": (response) => {
    const buffer = Buffer.from("Zo");
    response.write(buffer, () => {
      buffer.write("ë", "utf8");
      response.write(buffer, () => {
        buffer.fill("!");
        response.end(buffer.subarray(0, 1), () => buffer.fill("?"));
      });
    });
  },
  "a promise of a pipeline": (response) => pipeline(Readable.from(["Zo", "ë", "!"]), response),
  "a flush of the headers first": (response) => {
    response.flushHeaders();
    response.end("Zoë!");
  },
};

for (const form of ["middleware", "wrapper"] as const) {
  for (const [what, write] of Object.entries(WRITES)) {
    test(`F: ${what} is replayed, ${form}`, () =>
      on(
        form,
        () => async (_request, response) => {
          await write(response);
        },
        async ({ post }) => {
          const first = await post();
          assert.deepEqual([first.status, first.body.toString()], [200, "Zoë!"]);
          assertReplay(first, await post());
        },
      ));
  }
}
