import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import type { Effect } from "../../src/core/effect.ts";
import { declined, notExecuted, refused } from "../../src/core/judgement.ts";
import type { FetchAnswer } from "../../src/providers/fetch.ts";
import { type FetchEffectOptions, fetchEffect } from "../../src/providers/fetch.ts";
import type { Charge } from "../../src/sandbox/wire.ts";
import { deaf, untrusted } from "../model/sockets.ts";
import { attempt, callWith, deadUrl, type Ended, groundOf, KEY, valueFrom } from "./attempt.ts";

const TIMEOUT_MS = 400;

interface Made {
  readonly id: string;
}

interface No {
  readonly code: string;
}

const idOf = ({ json }: FetchAnswer): Made => ({ id: (json() as Charge).id });

/** How the sandbox's own protocol says no. */
function refusalOf({ status, json }: FetchAnswer): ReturnType<typeof declined<No>> | undefined {
  const { error } = json() as { error: { code: string } };
  return status === 402 ? declined({ code: error.code }) : undefined;
}

function chargeAt(url: string, more: Partial<FetchEffectOptions<Made, No>> = {}): Effect<Made, No> {
  return fetchEffect({
    url: `${url}/v1/charges`,
    body: { amount: 1999, currency: "eur" },
    read: idOf,
    readRefusal: refusalOf,
    timeoutMs: TIMEOUT_MS,
    ...more,
  });
}

const wordOf = (ended: Ended<unknown, unknown>): string =>
  ended.kind === "in-doubt" ? ended.because : ended.kind;

const LOST = [
  ["timeout-before", "unanswered", "value", 1],
  ["timeout-after", "unanswered", "value", 1],
  ["reset-before", "unanswered", "value", 1],
  ["reset-after", "unanswered", "value", 1],
  ["truncated", "unanswered", "value", 1],
  ["500-before", "failed", "value", 1],
  ["500-after", "failed", "value", 1],
  ["503-before", "failed", "value", 1],
  ["429", "unanswered", "value", 1],
  ["409", "unanswered", "value", 1],
  ["decline", "declined", "declined", 0],
] as const;

describe("a request whose answer goes astray, and the same again", () => {
  for (const [fault, first, second, charged] of LOST)
    test(fault, async (context) => {
      const { url, fault: order, ledger } = await groundOf(context, "plain");
      const effect = chargeAt(url);
      await order("POST /v1/charges", fault);
      assert.equal(wordOf(await attempt(effect)), first);
      const again = await attempt(effect);
      assert.equal(wordOf(again), second);
      assert.deepEqual(await attempt(effect), again);
      assert.equal((await ledger()).filter(({ kind }) => kind === "charge").length, charged);
    });
});

test("our key with another body is in doubt, unless the reader says more", async (context) => {
  const { url } = await groundOf(context, "plain");
  await valueFrom(chargeAt(url));
  const other = { body: { amount: 1, currency: "eur" } };
  assert.equal(wordOf(await attempt(chargeAt(url, other))), "unanswered");
  const impossible = { ...other, readRefusal: () => refused({ code: "impossible" }) };
  assert.deepEqual(await attempt(chargeAt(url, impossible)), {
    kind: "refused",
    decline: { code: "impossible" },
  });
  const readRefusal = (): ReturnType<typeof notExecuted> => notExecuted("so it says", 5_000);
  assert.deepEqual(await attempt(chargeAt(url, { ...other, readRefusal })), {
    kind: "not-executed",
    proof: "so it says",
  });
});

/** A server that answers each request as it is told, and what it was asked. */
async function answering(
  context: TestContext,
  answer: Parameters<typeof createServer>[1],
): Promise<{ url: string; server: Server }> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  context.after(() => {
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, server };
}

test("the table of statuses", async (context) => {
  let status = 0;
  const { url } = await answering(context, (request, response) => {
    request.resume();
    response.writeHead(status, { location: "/elsewhere", "retry-after": "3" }).end("{}");
  });
  const judged: Record<number, string> = {};
  const all = [300, 302, 303, 307, 400, 401, 402, 403, 404, 405, 408, 409, 410, 411, 412, 413];
  all.push(414, 415, 418, 421, 422, 424, 425, 426, 428, 429, 431, 451, 500, 501, 502, 503, 504);
  for (status of all) {
    const effect = fetchEffect({ url, body: "x", read: () => null });
    judged[status] = wordOf(await attempt(effect));
  }
  const of = (word: string): number[] => all.filter((one) => judged[one] === word);
  assert.deepEqual(of("not-executed"), [401, 403, 421, 425]);
  assert.deepEqual(of("refused"), [405, 411, 413, 414, 415, 426, 431]);
  assert.deepEqual(of("failed"), [500, 501, 502, 503, 504]);
  assert.equal(of("unanswered").length, all.length - 11 - 5);
  status = 413;
  const large = await attempt(fetchEffect({ url, body: "x", read: () => null }));
  assert.deepEqual(large, { kind: "refused", decline: { code: "status-413", status } });
});

test("a redirect is not followed, and its target not asked", async (context) => {
  const seen: (string | undefined)[] = [];
  const { url } = await answering(context, (request, response) => {
    seen.push(request.url);
    request.resume();
    response.writeHead(307, { location: "/other" }).end();
  });
  assert.equal(wordOf(await attempt(fetchEffect({ url, read: () => null }))), "unanswered");
  assert.deepEqual(seen, ["/"]);
  const readRefusal = ({ status, headers }: FetchAnswer): ReturnType<typeof declined<No>> =>
    declined({ code: `${status} ${headers.get("location")}` });
  const told = await attempt(fetchEffect<null, No>({ url, read: () => null, readRefusal }));
  assert.deepEqual(told, { kind: "declined", decline: { code: "307 /other" } });
});

test("a success that cannot be understood is in doubt", async (context) => {
  let body: Buffer | string = "";
  let headers: Record<string, string> = {};
  const { url } = await answering(context, (request, response) => {
    request.resume();
    response.writeHead(200, headers).end(body);
  });
  const effect = fetchEffect({ url, maxBytes: 100, read: idOf });
  for (body of ["", "<html>", "null", '{"id":', "[".repeat(101), Buffer.from([0xff, 0xfe])])
    assert.equal(wordOf(await attempt(effect)), "unanswered", String(body));
  headers = { "content-encoding": "gzip" };
  body = gzipSync(Buffer.alloc(1e7, " "));
  assert.equal(wordOf(await attempt(effect)), "unanswered");
  body = gzipSync('{"id":"1"}');
  assert.deepEqual(await attempt(effect), { kind: "value", value: { id: "1" } });
});

test("a reader's own network error proves nothing of the request", async (context) => {
  const { url } = await answering(context, (request, response) => {
    request.resume();
    response.end("{}");
  });
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" });
  const read = (): never => {
    throw refused;
  };
  assert.equal(wordOf(await attempt(fetchEffect({ url, read }))), "unanswered");
});

test("what never left is a proof, and a connection that never stood is none", async (context) => {
  const closed = await attempt(chargeAt(await deadUrl()));
  assert.deepEqual(closed, { kind: "not-executed", proof: "no connection was made" });
  const { url, arrived } = await untrusted(context);
  assert.equal((await attempt(chargeAt(url))).kind, "not-executed");
  assert.equal(arrived(), 0);
  const silent = await deaf(context);
  assert.equal(wordOf(await attempt(chargeAt(silent.url))), "unanswered");
});

test("an answer that trickles is waited for no longer than the time-out", async (context) => {
  const { url } = await answering(context, (request, response) => {
    request.resume();
    response.writeHead(200);
    const timer = setInterval(() => response.write(" "), 20);
    response.on("close", () => clearInterval(timer));
  });
  const before = performance.now();
  assert.equal(wordOf(await attempt(chargeAt(url))), "unanswered");
  assert.ok(performance.now() - before < 10 * TIMEOUT_MS);
});

test("the run's signal ends the request, and the send's time is checked before it", async (context) => {
  let asked = 0;
  const stop = new AbortController();
  const { url } = await answering(context, (request) => {
    asked += 1;
    request.resume();
    stop.abort();
  });
  const effect = chargeAt(url, { timeoutMs: 60_000 });
  assert.equal(wordOf(await attempt(effect, callWith(KEY, stop.signal))), "unanswered");
  assert.equal(asked, 1);
  const late = { ...callWith(), checkTime: () => assert.fail("too late") };
  await assert.rejects(async () => effect.send(late), /too late/);
  assert.equal(asked, 1);
});

test("what is sent: key, body and headers; what is stored: neither key nor headers", async (context) => {
  const seen: { headers: Record<string, unknown>; body: string; method: unknown }[] = [];
  const { url } = await answering(context, async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    seen.push({ headers: request.headers, body, method: request.method });
    response.end("{}");
  });
  const read = (): null => null;
  const headers = (): Record<string, string> => ({ authorization: "Bearer secret" });
  const json = fetchEffect({ url, headers, read, body: (key: string) => ({ reference: key }) });
  await valueFrom(json);
  assert.deepEqual(json.input, { method: "POST", url: `${url}/`, body: { reference: "" } });
  assert.equal(json.keyed, true);
  assert.deepEqual(JSON.parse(seen[0]?.body ?? ""), { reference: KEY });
  assert.equal(seen[0]?.headers["idempotency-key"], KEY);
  assert.equal(seen[0]?.headers["authorization"], "Bearer secret");
  assert.equal(seen[0]?.headers["content-type"], "application/json");
  const form = new URLSearchParams({ amount: "5" });
  const keyless = fetchEffect({ url, read, body: form, keyHeader: false, method: "PUT" });
  await valueFrom(keyless);
  assert.equal(keyless.keyed, false);
  assert.deepEqual(keyless.input, { method: "PUT", url: `${url}/`, body: "amount=5" });
  assert.equal(seen[1]?.body, "amount=5");
  assert.match(String(seen[1]?.headers["content-type"]), /^application\/x-www-form-urlencoded/);
  assert.equal(seen[1]?.headers["idempotency-key"], undefined);
  assert.equal(seen[1]?.method, "PUT");
});

test("an address that is none is refused at once", () => {
  for (const url of ["/charges", "ftp://127.0.0.1/", "data:,x"])
    assert.throws(() => fetchEffect({ url, read: () => null }), { code: "option-invalid" });
});
