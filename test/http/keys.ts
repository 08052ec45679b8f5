import assert from "node:assert/strict";
import { assertProblem, assertReplay, type Case, ORDER } from "./case.ts";
import { sendRaw } from "./wire.ts";

/** Key headers that are refused, by what is wrong with them. */
const MALFORMED: Readonly<Record<string, string | string[]>> = {
  "a space": "key 1",
  "256 characters": "k".repeat(256),
  "a tab inside": "key\t1",
  "a letter beyond ASCII": "kéy",
  "a quote that never closes": '"key-1',
  "two header lines": ["key-1", "key-2"],
  "the same key on two header lines": ["key-1", "key-1"],
  "two quoted header lines": ['"key-1"', '"key-2"'],
  "a quoted key with a space": '"key 1"',
};

const malformedCases = Object.entries(MALFORMED).map(
  ([what, key]): Case => ({
    title: `S2: a key with ${what} is refused`,
    async run({ post, house }) {
      for (const path of ["/checkout", "/rename", "/wrapped/json"]) {
        assertProblem(await post(path, { key, json: ORDER }), "key-malformed");
      }
      assert.equal(house.runs("checkout") + house.runs("json"), 0);
    },
  }),
);

const otherCases: readonly Case[] = [
  {
    title: "S1: a request without a key is refused",
    async run({ post, house }) {
      for (const key of [null, "", '""']) {
        for (const path of ["/checkout", "/wrapped/json"]) {
          const answer = await post(path, { key, json: ORDER });
          assertProblem(answer, key === '""' ? "key-malformed" : "key-required");
        }
      }
      assert.equal(house.runs("checkout") + house.runs("json"), 0);
    },
  },
  {
    title: "S1: a mount that says so lets requests without a key through",
    async run({ post, house }) {
      const unkeyed = await post("/optional/json", { key: null, account: null, json: ORDER });
      assert.equal(unkeyed.status, 201);
      await post("/optional/json", { key: null, json: ORDER });
      assert.equal(house.runs("json"), 2);
      const first = await post("/optional/json", { json: ORDER });
      assertReplay(first, await post("/optional/json", { json: ORDER }));
      assert.equal(house.runs("json"), 3);
      assertProblem(await post("/optional/json", { key: "a b", json: ORDER }), "key-malformed");
    },
  },
  {
    title: "S2: a quoted key and a bare one are the same key, and 255 characters are not too many",
    async run({ post, house }) {
      for (const [bare, quoted] of [
        ["key-1", '"key-1"'],
        ["k".repeat(255), `"${"k".repeat(255)}"`],
        ["a\\b", '"a\\\\b"'],
      ] as const) {
        const first = await post("/checkout", { key: bare, json: ORDER });
        assertReplay(first, await post("/checkout", { key: quoted, json: ORDER }));
      }
      assert.equal(house.runs("checkout"), 3);
    },
  },
  {
    title: "S2: control characters in a key reach no handler and no header",
    async run({ url, house }) {
      for (const evil of ["key\u0001", "key\u0000", "key\u007f", "key\rSet-Cookie: a=b"]) {
        const head = `POST /wrapped/json HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Account: a`;
        const answer = await sendRaw(url, `${head}\r\nIdempotency-Key: ${evil}\r\n\r\n`);
        assert.match(answer, /^HTTP\/1\.1 400 /);
        assert.doesNotMatch(answer, /set-cookie/i);
      }
      assert.equal(house.runs("json"), 0);
    },
  },
  {
    title: "S2: a key cannot add anything to the headers of its answer",
    async run({ post }) {
      const key = 'k>;rel="next",<https://evil.example/';
      const quoted = `"${key.replaceAll('"', '\\"')}"`;
      await post("/wrapped/json", { key: quoted, json: ORDER });
      const answer = await post("/wrapped/json", { key: quoted, json: { other: true } });
      assertProblem(answer, "key-reused");
      assert.equal(answer.body.includes("evil"), false);
      assert.match(String(answer.headers["link"]), /^<[^<>"]*>; rel="status"$/);
    },
  },
  {
    title: "S25: safe methods pass by",
    async run({ url, raw, house }) {
      assert.equal((await raw("/wrapped/json", { method: "GET" })).status, 201);
      const keyed = { "idempotency-key": "key-1", "x-account": "acct_1" };
      assert.equal((await raw("/wrapped/json", { method: "GET", headers: keyed })).status, 201);
      assert.equal((await raw("/wrapped/json", { method: "HEAD", headers: keyed })).status, 201);
      const options = await raw("/wrapped/json", { method: "OPTIONS" });
      assert.ok(options.status < 300, url);
      assert.ok(house.runs("json") >= 3);
    },
  },
  {
    title: "S25: PUT, PATCH and DELETE are protected, each as a payload of its own",
    async run({ post, house }) {
      for (const method of ["PUT", "PATCH", "DELETE"]) {
        assertProblem(await post("/wrapped/json", { method, key: null }), "key-required");
        const first = await post("/wrapped/json", { method, key: method });
        assertReplay(first, await post("/wrapped/json", { method, key: method }));
      }
      assert.equal(house.runs("json"), 3);
      assertProblem(await post("/wrapped/json", { method: "PUT", key: "PATCH" }), "key-reused");
    },
  },
  {
    title: "S12: members in another order are the same payload",
    async run({ post, house }) {
      for (const [path, key] of [
        ["/checkout", "key-1"],
        ["/wrapped/json", "key-2"],
      ] as const) {
        const body = '{"cartId":"cart_1","amount":4200}';
        const headers = { "content-type": "application/json" };
        const first = await post(path, { key, body, headers });
        const other = '{ "amount": 4.2e3, "cartId": "cart\\u005f1" }';
        const type = "application/json; charset=utf-8";
        const second = await post(path, { key, body: other, headers: { "content-type": type } });
        assertReplay(first, second);
      }
      assert.deepEqual([house.runs("checkout"), house.runs("json")], [1, 1]);
    },
  },
];

export const keyCases: readonly Case[] = [...malformedCases, ...otherCases];
