import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { Webhook } from "standardwebhooks";
import { z } from "zod";
import { isInDoubt, isNotExecuted, isRefused } from "../../src/core/judgement.ts";
import type { OutgoingMessage, Sender } from "../../src/core/outbox/relay.ts";
import { nevertwice } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { type WebhookRelayOptions, webhookRelay } from "../../src/webhooks/relay.ts";
import { standardWebhook } from "../../src/webhooks/standard.ts";
import { delivery, eventOf, refusedWith } from "./bench.ts";
import { selfSigned } from "./certificate.ts";
import { manualClock, outgoing, type Received, receiver } from "./receiver.ts";

const SECRET = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const OTHER = `whsec_${Buffer.alloc(24, 2).toString("base64")}`;
const LOCAL = { allowHosts: ["127.0.0.1"], allowInsecure: true, secret: SECRET } as const;

/** What a send came to, as the core would take it. */
async function sent(sender: Sender, message: OutgoingMessage = outgoing()): Promise<unknown> {
  try {
    return await sender.send(message);
  } catch (error) {
    return sender.judge?.(error);
  }
}

function partsOf({ headers, body }: Received) {
  const names = ["webhook-id", "webhook-timestamp", "webhook-signature"];
  return { headers: Object.fromEntries(names.map((name) => [name, String(headers[name])])), body };
}

test("a staged message arrives signed, with the same id and bytes at every send", async (t) => {
  const { url, received } = await receiver(t, (response, count) =>
    response.writeHead(count === 1 ? 500 : 204).end(),
  );
  const skew = { ms: 0 };
  const store = memoryStore({ skew });
  const once = nevertwice({ store, namespace: "test" });
  once.relay("order.paid", webhookRelay({ ...LOCAL, url }));
  const pay = once.atomic("pay", {
    input: z.object({}),
    handler: (op) => {
      op.stage("order.paid", { order: 1 }, { key: "order:1", aggregate: "order:1" });
    },
  });
  await pay.run({ key: "k1", scope: "s1", input: {} });
  await once.worker.runOnce();
  skew.ms += 3_600_000;
  await once.worker.runOnce();
  skew.ms += 3_600_000;
  await once.worker.runOnce();
  const [first, second, ...others] = received.map(partsOf);
  assert.ok(first && second && others.length === 0);
  assert.equal(second.body, first.body);
  assert.equal(second.headers["webhook-id"], first.headers["webhook-id"]);
  const body = JSON.parse(first.body);
  assert.deepEqual(body.data, { order: 1 });
  assert.deepEqual(Object.keys(body), ["type", "timestamp", "aggregate", "sequence", "data"]);
  new Webhook(SECRET).verify(second.body, second.headers);
  const event = await eventOf(standardWebhook({ secret: SECRET }), second, Date.now());
  assert.equal(event.key, `id:${first.headers["webhook-id"]}`);
  assert.equal(event.type, "order.paid");
  const list = await store.outbox.list({ limit: 10 });
  assert.deepEqual(list.kind === "ok" && list.value.map(({ state, sends }) => [state, sends]), [
    ["sent", 2],
  ]);
});

test("every secret that counts signs, private keys too", async (t) => {
  const { url, received } = await receiver(t, (response) => response.end());
  const { privateKey } = generateKeyPairSync("ed25519");
  const { d = "", x = "" } = privateKey.export({ format: "jwk" });
  const [seed, half] = [Buffer.from(d, "base64url"), Buffer.from(x, "base64url")];
  const now = Date.now();
  const secret = [
    SECRET,
    { name: "old", secret: OTHER, notAfter: now - 1 },
    `whsk_${seed.toString("base64")}`,
    `whsk_${Buffer.concat([seed, half]).toString("base64")}`,
  ];
  const clock = { ...manualClock(), wall: () => now };
  await sent(webhookRelay({ ...LOCAL, url, secret, clock }));
  const parts = partsOf(received[0] as Received);
  const kinds = parts.headers["webhook-signature"]?.split(" ").map((one) => one.split(",")[0]);
  assert.deepEqual(kinds, ["v1", "v1a", "v1a"]);
  for (const taken of [SECRET, `whpk_${half.toString("base64")}`])
    await standardWebhook({ secret: taken }).read(delivery(parts), now);
  await refusedWith("signature-wrong", () =>
    standardWebhook({ secret: OTHER }).read(delivery(parts), now),
  );
  const wrongHalf = Buffer.concat([seed, seed]).toString("base64");
  for (const bad of ["", "plain", `whsk_${wrongHalf}`, "whsk_AAAA", "whsec_AAAA", `${SECRET}!`])
    await refusedWith("option-invalid", () => webhookRelay({ ...LOCAL, url, secret: bad }));
  const long = `whsec_${Buffer.alloc(65).toString("base64")}`;
  await refusedWith("option-invalid", () => webhookRelay({ ...LOCAL, url, secret: long }));
});

test("only a 2xx is an arrival, no redirect is followed, and 410 is the end", async (t) => {
  const elsewhere = await receiver(t, (response) => response.end());
  const now = Date.parse("2026-01-01T00:00:00Z");
  const clock = { ...manualClock(), wall: () => now };
  const cases = [
    ...[
      [200, "arrived"],
      [204, "arrived"],
      [299, "arrived"],
      [304, "untouched"],
    ],
    ...[
      [301, "untouched"],
      [307, "untouched"],
      [400, "untouched"],
      [404, "untouched"],
    ],
    ...[
      [408, "untouched"],
      [429, "untouched", "17", 17_000],
      [410, "refused"],
      [409, "doubt"],
    ],
    ...[
      [500, "doubt"],
      [502, "doubt"],
      [504, "doubt"],
      [503, "untouched", "soon"],
    ],
    [503, "untouched", "Thu, 01 Jan 2026 00:01:00 GMT", 60_000],
    [503, "untouched", "999999999", 86_400_000],
  ] as const;
  for (const [status, expected, retryAfter, retryAfterMs] of cases) {
    const { url, received } = await receiver(t, (response) =>
      response
        .writeHead(status, {
          location: elsewhere.url,
          ...(retryAfter === undefined ? {} : { "retry-after": retryAfter }),
        })
        .end(),
    );
    const end = await sent(webhookRelay({ ...LOCAL, url, clock }));
    const kind = isNotExecuted(end) ? "untouched" : isRefused(end) ? "refused" : "arrived";
    assert.equal(isInDoubt(end) ? "doubt" : kind, expected, `status ${status}`);
    if (isNotExecuted(end)) assert.equal(end.retryAfterMs, retryAfterMs, `status ${status}`);
    assert.equal(received.length, 1);
  }
  assert.equal(elsewhere.received.length, 0);
});

test("an answer without an end is cut, and the status counts", async (t) => {
  const closed = Promise.withResolvers<void>();
  const cut = Promise.withResolvers<void>();
  const { url } = await receiver(t, (response) => {
    response.on("close", () => closed.resolve());
    response.writeHead(200).write("slowly");
  });
  const clock = manualClock();
  assert.deepEqual(await sent(webhookRelay({ ...LOCAL, url, clock })), { status: 200 });
  assert.equal(clock.fire(1_000), 1);
  await closed.promise;
  const flood = await receiver(t, (response) => {
    response.on("close", () => cut.resolve());
    const pour = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(16_384)));
      response.once("drain", pour);
    };
    pour();
  });
  assert.deepEqual(await sent(webhookRelay({ ...LOCAL, url: flood.url, clock })), { status: 200 });
  await cut.promise;
});

test("no connection in time, a closed port and a name without address sent nothing", async (t) => {
  const clock = manualClock();
  const options = { ...LOCAL, allowHosts: ["shop.example", "127.0.0.1"], clock };
  const silent: WebhookRelayOptions = {
    ...{ ...options, url: "https://shop.example/" },
    resolve: () => new Promise(() => undefined),
  };
  const waiting = sent(webhookRelay(silent));
  while (clock.fire(10_000) === 0) await new Promise(setImmediate);
  assert.ok(isNotExecuted(await waiting));
  const { url, port } = await receiver(t, (response) => response.end());
  const elsewhere = webhookRelay({
    ...{ ...options, url: `http://shop.example:${port}/` },
    resolve: async () => [{ address: "127.0.0.77", family: 4 }],
  });
  assert.ok(isNotExecuted(await sent(elsewhere)), "nobody listens at that address");
  const missing = Object.assign(new Error(), { code: "ENOTFOUND", syscall: "getaddrinfo" });
  const nowhere = webhookRelay({
    ...{ ...options, url: `http://shop.example:${port}/` },
    resolve: () => Promise.reject(missing),
  });
  assert.ok(isNotExecuted(await sent(nowhere)));
  const plain = webhookRelay({ ...options, url: url.replace("http:", "https:") });
  assert.ok(!isNotExecuted(await sent(plain)), "what speaks no TLS proves nothing");
});

test("a send that is given up, or breaks off, may have arrived", async (t) => {
  const stopper = new AbortController();
  const { url } = await receiver(t, () => stopper.abort(new Error("late")));
  const message = outgoing({ signal: stopper.signal });
  assert.ok(isInDoubt(await sent(webhookRelay({ ...LOCAL, url }), message)));
  const broken = await receiver(t, (response) => response.socket?.resetAndDestroy());
  assert.ok(isInDoubt(await sent(webhookRelay({ ...LOCAL, url: broken.url }))));
  const upgraded = await receiver(t, (response) => {
    response.socket?.end("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n");
  });
  assert.ok(isInDoubt(await sent(webhookRelay({ ...LOCAL, url: upgraded.url }))));
});

test("a name is resolved once for a send, which goes to the address that was checked", async (t) => {
  const { port, received } = await receiver(t, (response) => response.end());
  const answers = [["127.0.0.1"], ["127.0.0.2"], ["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]];
  let asked = 0;
  const resolve = async () => {
    const addresses = answers[asked++] ?? [];
    return addresses.map((address) => ({ address, family: 4 }));
  };
  const url = `http://shop.example:${port}/`;
  const own = webhookRelay({ ...LOCAL, url, resolve, allowHosts: ["shop.example"] });
  assert.deepEqual(await sent(own), { status: 200 });
  assert.equal(asked, 1);
  assert.equal(received[0]?.headers.host, `shop.example:${port}`);
  assert.ok(isNotExecuted(await sent(own)), "the second answer leads elsewhere");
  const foreign = webhookRelay({ ...LOCAL, url, resolve, allowHosts: [] });
  for (const _ of ["several", "one"]) {
    const end = await sent(foreign);
    assert.ok(isRefused(end));
    assert.match(JSON.stringify(end.decline), /address-refused.*shop\.example/);
  }
  assert.equal(asked, 4);
  assert.equal(received.length, 1, "nothing was connected to");
});

test("a function names the receiver of each message, or that there is none", async (t) => {
  const { url, received } = await receiver(t, (response) => response.end());
  const { secret: _, ...bare } = LOCAL;
  const own = webhookRelay({ ...bare, url: async () => ({ url, secret: OTHER }), type: "paid" });
  await sent(own);
  const parts = partsOf(received[0] as Received);
  assert.deepEqual(new Webhook(OTHER).verify(parts.body, parts.headers), {
    ...{ type: "paid", timestamp: "2023-11-14T22:13:20.000Z", data: { order: 1 } },
  });
  const ends: readonly [WebhookRelayOptions["url"], (end: unknown) => boolean][] = [
    [() => undefined, isRefused],
    [() => "http://10.0.0.1/", isRefused],
    [() => url, isNotExecuted],
    [() => ({ url, secret: "none" }), isNotExecuted],
    [() => Promise.reject(new Error("The database is away.")), isNotExecuted],
  ];
  for (const [endpoint, isIt] of ends)
    assert.ok(isIt(await sent(webhookRelay({ ...bare, url: endpoint }))), String(endpoint));
  assert.equal(received.length, 1);
  await refusedWith("option-invalid", () => webhookRelay({ ...bare, url }));
  await refusedWith("option-invalid", () => webhookRelay({ ...LOCAL, url: 7 as never }));
  await refusedWith("address-refused", () => webhookRelay({ secret: SECRET, url }));
});

test("a certificate must be trusted, and made for the name in the URL", async (t) => {
  const { pem, privateKey } = selfSigned({ name: "shop.example" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  const { port, received } = await receiver(t, (response) => response.end(), { key, cert: pem });
  const to = (host: string): Promise<unknown> =>
    sent(
      webhookRelay({
        ...{ url: `https://${host}:${port}/`, secret: SECRET, allowHosts: [host] },
        resolve: async () => [{ address: "127.0.0.1", family: 4 }],
      }),
    );
  assert.ok(isNotExecuted(await to("shop.example")), "nobody vouches for it");
  const trusted = getCACertificates();
  t.after(() => setDefaultCACertificates(trusted));
  setDefaultCACertificates([...trusted, pem]);
  assert.ok(isNotExecuted(await to("other.example")), "it is another's");
  assert.equal(received.length, 0);
  assert.deepEqual(await to("shop.example"), { status: 200 });
});
