import assert from "node:assert/strict";
import { request } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { describe as group, type TestContext, test } from "node:test";
import fc from "fast-check";
import { judgeNetwork, NETWORK_EVIDENCE } from "../../src/model/network.ts";
import { testProperty } from "../property.ts";
import { CERTIFICATE } from "./certificate.ts";
import {
  BODY,
  CLIENTS,
  closedPort,
  deaf,
  listener,
  type Place,
  resetting,
  resettingAtOnce,
  undici,
  untrusted,
} from "./sockets.ts";

const TRUNCATED = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{";

/** A name that no resolver can ask for, because a part of it is too long. */
const NAMELESS: Place = { url: `http://${"x".repeat(64)}.test`, arrived: () => 0 };

interface Case {
  readonly name: string;
  place(context: TestContext): Promise<Place> | Place;
  readonly verdict: "not-executed" | "unanswered";
  /** How often the request arrives, at most once from each client. */
  readonly arrivals: 0 | 1;
}

const CASES: readonly Case[] = [
  { name: "a closed port", place: closedPort, verdict: "not-executed", arrivals: 0 },
  { name: "a name that is none", place: () => NAMELESS, verdict: "not-executed", arrivals: 0 },
  { name: "a bad certificate", place: untrusted, verdict: "not-executed", arrivals: 0 },
  {
    name: "a reset as it comes",
    place: resettingAtOnce,
    verdict: "unanswered",
    arrivals: 0,
  },
  {
    name: "a reset after it read",
    place: (context) => listener(context, (socket) => socket.resetAndDestroy()),
    verdict: "unanswered",
    arrivals: 1,
  },
  {
    name: "an end after it read",
    place: (context) => listener(context, (socket) => socket.end()),
    verdict: "unanswered",
    arrivals: 1,
  },
  {
    name: "silence after it read",
    place: (context) => listener(context, () => {}),
    verdict: "unanswered",
    arrivals: 1,
  },
  {
    name: "a truncated answer",
    place: (context) => listener(context, (socket) => socket.end(TRUNCATED)),
    verdict: "unanswered",
    arrivals: 1,
  },
  {
    name: "an answer that stops",
    place: (context) => listener(context, (socket) => void socket.write(TRUNCATED)),
    verdict: "unanswered",
    arrivals: 1,
  },
  {
    name: "an answer that is not HTTP",
    place: (context) => listener(context, (socket) => socket.end("SSH-2.0-none\r\n\r\n")),
    verdict: "unanswered",
    arrivals: 1,
  },
];

/** A kernel waits for over two minutes for a connection; a test never does. */
const BOUND = { timeout: 15_000 };

// Some of them wait for their client's time-out, so they wait together.
group("what a client meets", { ...BOUND, concurrency: true }, () => {
  for (const [client, send] of Object.entries(CLIENTS))
    for (const { name, place, verdict, arrivals } of CASES)
      test(`${client}: ${name} is ${verdict}`, async (context) => {
        const there = await place(context);
        const error = await send(there.url);
        const judged = judgeNetwork(error);
        context.diagnostic(`${describe(error)} -> ${judged.because}`);
        assert.equal(judged.verdict, verdict);
        assert.equal(there.arrived(), arrivals);
      });
});

function describe(error: unknown): string {
  const names: string[] = [];
  for (let link = error; link instanceof Error && names.length < 5; link = link.cause)
    names.push(`${link.name}/${Reflect.get(link, "code")}/${Reflect.get(link, "syscall")}`);
  return names.join(" < ");
}

test("undici: a connection that is not made in time is a proof", BOUND, async (context) => {
  const { url } = await deaf(context);
  const error = await undici(url);
  assert.equal(Reflect.get(Object(error), "code"), "UND_ERR_CONNECT_TIMEOUT");
  assert.equal(judgeNetwork(error).verdict, "not-executed");
});

test("fetch: a time-out of one's own cannot tell, though nothing left", BOUND, async (context) => {
  const { url } = await deaf(context);
  const error = await CLIENTS["fetch"]?.(url);
  assert.equal(Reflect.get(Object(error), "name"), "TimeoutError");
  assert.equal(judgeNetwork(error).verdict, "unanswered");
});

for (const [client, send] of Object.entries(CLIENTS))
  test(
    `${client}: a reset at once is a proof only if it meets the connect`,
    BOUND,
    async (context) => {
      const { url } = await resetting(context);
      const error = await send(url);
      const link = error instanceof TypeError ? error.cause : error;
      const connecting = Reflect.get(Object(link), "syscall") === "connect";
      context.diagnostic(describe(error));
      assert.equal(judgeNetwork(error).verdict, connecting ? "not-executed" : "unanswered");
    },
  );

test(
  "a certificate of another name is refused before the request is written",
  BOUND,
  async (context) => {
    const { url, arrived } = await untrusted(context);
    const error = await new Promise<unknown>((resolve) => {
      httpsRequest(url, { method: "POST", agent: false, ca: CERTIFICATE })
        .on("error", resolve)
        .end(BODY);
    });
    assert.equal(Reflect.get(Object(error), "code"), "ERR_TLS_CERT_ALTNAME_INVALID");
    assert.equal(judgeNetwork(error).verdict, "not-executed");
    assert.equal(arrived(), 0);
  },
);

/** An option of the socket, which the types of a request leave out. */
const ATTEMPTS = { autoSelectFamilyAttemptTimeout: 10 };

test("several addresses: a proof only if each of them is one", BOUND, async (context) => {
  const { url } = await deaf(context);
  const error = await new Promise<unknown>((resolve) => {
    const outgoing = request({
      ...ATTEMPTS,
      port: new URL(url).port,
      host: "several.test",
      method: "POST",
      agent: false,
      signal: AbortSignal.timeout(BOUND.timeout / 2),
      lookup: (_, options, answer) => {
        assert.equal(options.all, true);
        answer(null, [
          { address: "127.0.0.1", family: 4 },
          { address: "127.0.0.2", family: 4 },
        ]);
      },
    });
    outgoing.on("error", resolve);
    outgoing.end();
  });
  assert.ok(error instanceof AggregateError, describe(error));
  const codes = error.errors.map((member: unknown) => Reflect.get(Object(member), "code"));
  assert.deepEqual(codes, ["ETIMEDOUT", "ECONNREFUSED"]);
  assert.equal(judgeNetwork(error).verdict, "not-executed");
  const mixed = new AggregateError([...error.errors, new Error("read ECONNRESET")]);
  assert.equal(judgeNetwork(mixed).verdict, "unanswered");
  assert.equal(judgeNetwork(new AggregateError([])).verdict, "unanswered");
});

for (const [client, send] of Object.entries(CLIENTS))
  test(
    `${client}: an abort proves nothing, whether the request has left or not`,
    BOUND,
    async (context) => {
      const there = await listener(context, () => stop.abort());
      const stop = new AbortController();
      assert.equal(judgeNetwork(await send(there.url, stop.signal)).verdict, "unanswered");
      assert.equal(there.arrived(), 1);
      assert.equal(judgeNetwork(await send(there.url, AbortSignal.abort())).verdict, "unanswered");
    },
  );

test("a socket: no such path is a proof, a broken pipe is none", BOUND, async (context) => {
  const missing = await new Promise<unknown>((resolve) => {
    request({ socketPath: "/nowhere/at-all.sock" }).on("error", resolve).end();
  });
  assert.equal(judgeNetwork(missing).verdict, "not-executed");
  const { url } = await listener(context, (socket) => socket.resetAndDestroy());
  const broken = await new Promise<unknown>((resolve) => {
    const socket = connect({ port: Number(new URL(url).port), host: "127.0.0.1" });
    const write = (): void =>
      void socket.write(BODY, (error) => (error ? resolve(error) : write()));
    socket.on("error", resolve);
    socket.once("connect", write);
  });
  context.diagnostic(describe(broken));
  assert.match(String(Reflect.get(Object(broken), "code")), /^(?:EPIPE|ECONNRESET)$/);
  assert.equal(judgeNetwork(broken).verdict, "unanswered");
});

const REFUSED = { code: "ECONNREFUSED", syscall: "connect" };

test("an error that carries an answer proves nothing, whatever its code", () => {
  assert.equal(judgeNetwork(Object.assign(new Error(), REFUSED)).verdict, "not-executed");
  for (const name of ["status", "statusCode", "http_code"]) {
    const answered = Object.assign(new Error(), REFUSED, { [name]: 502 });
    assert.equal(judgeNetwork(answered).verdict, "unanswered");
    const wrapped = Object.assign(new Error("", { cause: Object.assign(new Error(), REFUSED) }), {
      [name]: 502,
    });
    assert.equal(judgeNetwork(wrapped).verdict, "unanswered");
  }
});

test("a code without its system call, or of another one, proves nothing", () => {
  for (const row of NETWORK_EVIDENCE.filter(({ syscall }) => syscall !== undefined))
    for (const code of row.codes) {
      assert.equal(judgeNetwork({ code, syscall: row.syscall }).verdict, row.verdict);
      assert.equal(judgeNetwork({ code }).verdict, "unanswered");
      assert.equal(judgeNetwork({ code, syscall: "read" }).verdict, "unanswered");
    }
});

test("a proof is found under wrappers, and not under one that tried again", () => {
  const wrapped = new TypeError("fetch failed", { cause: new Error("", { cause: REFUSED }) });
  assert.equal(judgeNetwork(wrapped).verdict, "not-executed");
  const again = Object.assign(new Error("", { cause: REFUSED }), { code: "UND_ERR_REQ_RETRY" });
  assert.equal(judgeNetwork(again).verdict, "unanswered");
  const twice = { ...REFUSED, cause: { code: "ECONNRESET", syscall: "read" } };
  assert.equal(judgeNetwork(twice).verdict, "unanswered");
});

test("hostile objects prove nothing and never throw", () => {
  const circle: { cause?: unknown } = {};
  circle.cause = { cause: circle };
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const throwing = new Proxy(
    {},
    {
      get: () => {
        throw new Error("no");
      },
    },
  );
  const endless: unknown = new Proxy(
    {},
    { get: (_, name) => (name === "cause" ? endless : undefined) },
  );
  const wide = new AggregateError(Array.from({ length: 1e6 }, () => REFUSED));
  const deep = Array.from({ length: 100 }).reduce<unknown>((cause) => ({ cause }), REFUSED);
  for (const error of [circle, proxy, throwing, endless, wide, deep, null, undefined, "ENOTFOUND"])
    assert.equal(judgeNetwork(error).verdict, "unanswered");
});

const listed = NETWORK_EVIDENCE.flatMap(({ codes }) => codes);

testProperty(
  "whatever is not in the table is unanswered, wrapped or not",
  fc.property(
    fc.anything({ withNullPrototype: true, maxDepth: 4 }),
    fc.string().filter((code) => !listed.includes(code)),
    fc.constantFrom("connect", "getaddrinfo", "read", undefined),
    (thing, code, syscall) => {
      assert.equal(judgeNetwork(thing).verdict, "unanswered");
      const unknown = { code, syscall };
      assert.equal(judgeNetwork(unknown).verdict, "unanswered");
      assert.equal(judgeNetwork(new Error("", { cause: unknown })).verdict, "unanswered");
      assert.equal(judgeNetwork(new AggregateError([REFUSED, unknown])).verdict, "unanswered");
    },
  ),
);

test("no verdict repeats text of the error", () => {
  const secret = "sk_live_secret";
  const error = Object.assign(new Error(secret, { cause: new Error(secret) }), REFUSED);
  assert.ok(!JSON.stringify(judgeNetwork(error)).includes(secret));
});
