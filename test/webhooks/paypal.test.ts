import assert from "node:assert/strict";
import { sign as signWith } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import fc from "fast-check";
import { type PayPalWebhookOptions, paypalWebhook } from "../../src/webhooks/paypal.ts";
import { fetchPayPalCertificate } from "../../src/webhooks/paypal-certificate.ts";
import { testProperty } from "../property.ts";
import { altered, delivery, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { selfSigned } from "./certificate.ts";
import { type Body, bodies, NOW } from "./traps.ts";

const CERT_URL = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270";
const TIME = "2026-09-21T14:13:20Z";
const { pem, privateKey } = selfSigned({ name: "messageverificationcerts.paypal.com" });
const EVENT = { id: "WH-1", event_type: "PAYMENT.CAPTURE.COMPLETED", resource_type: "capture" };
const BODY = JSON.stringify({ ...EVENT, create_time: TIME, resource: { id: "cap_1" } });

interface Signing {
  readonly webhookId?: string;
  readonly key?: typeof privateKey;
  readonly time?: string;
}

/** The headers of a delivery, signed by somebody who is not this library. */
function sign(body: Body, { webhookId = "hook", key = privateKey, time = TIME }: Signing = {}) {
  const content = Buffer.from(`transmission-1|${time}|${webhookId}|${crc32(body)}`);
  return {
    "paypal-transmission-id": "transmission-1",
    "paypal-transmission-time": time,
    "paypal-transmission-sig": signWith("sha256", content, key).toString("base64"),
    "paypal-cert-url": CERT_URL,
    "paypal-auth-algo": "SHA256withRSA",
  };
}

function webhook(options: Partial<PayPalWebhookOptions> = {}) {
  return paypalWebhook({ webhookId: "hook", fetchCertificate: async () => pem, ...options });
}

const plain = webhook();
const read = (headers: Record<string, string | string[]>, body: Body = BODY) =>
  plain.read(delivery({ headers, body }), NOW);

testProperty(
  "what PayPal's rule signs is taken, and nothing that is signed otherwise",
  fc.asyncProperty(
    bodies({ id: "WH-1", event_type: "A.B" }),
    fc.constantFrom("hook", "other"),
    fc.boolean(),
    fc.nat(),
    async (body, webhookId, damaged, index) => {
      const headers = sign(body, { webhookId });
      // A CRC-32 tells any two texts apart that differ in one bit.
      const sent = { headers, body: damaged ? altered(body, index) : body };
      assert.equal(await isTaken(plain, sent, NOW), webhookId === "hook" && !damaged);
    },
  ),
);

test("a header that is missing, empty or repeated is refused", async () => {
  const headers = sign(BODY);
  for (const [name, value] of Object.entries(headers)) {
    const others = Object.fromEntries(Object.entries(headers).filter(([one]) => one !== name));
    await refusedWith("signature-missing", () => read(others));
    await refusedWith("signature-missing", () => read({ ...others, [name]: "" }));
    await refusedWith("signature-missing", () => read({ ...others, [name]: [value, value] }));
  }
});

test("another body with the same CRC-32 is taken too, and is no more than a hint", async () => {
  const headers = sign(BODY);
  const forged = collision(
    JSON.stringify({ ...EVENT, id: "WH-2", resource: { id: "cap_2" }, pad: "" }).slice(0, -2),
    crc32(BODY),
  );
  assert.equal(crc32(forged), crc32(BODY));
  const genuine = await eventOf(plain, { headers, body: BODY }, NOW);
  const event = await eventOf(plain, { headers, body: forged }, NOW);
  assert.deepEqual([genuine.hint, event.hint], [true, true]);
  assert.deepEqual([genuine.key, event.key], ["id:WH-1", "id:WH-2"]);
  assert.deepEqual(genuine.aliases, event.aliases);
  assert.notDeepEqual(genuine.fingerprint, event.fingerprint);
});

/** Ends a JSON text with letters that bring its CRC-32 to the wanted value. */
function collision(start: string, wanted: number): string {
  const end = '"}';
  const length = 40;
  const withBits = (bits: readonly boolean[]): string =>
    start +
    bits
      .map((bit) => (bit ? "a" : "`"))
      .join("")
      .replaceAll("`", "q") +
    end;
  const none = crc32(withBits(Array.from({ length }, () => false)));
  // Each letter changes the CRC by a value of its own, whatever the others are.
  const basis = new Map<number, { readonly value: number; readonly letters: bigint }>();
  for (let index = 0; index < length; index += 1) {
    const bits = Array.from({ length }, (_, at) => at === index);
    let value = (crc32(withBits(bits)) ^ none) >>> 0;
    let letters = 1n << BigInt(index);
    while (value !== 0) {
      const high = 31 - Math.clz32(value);
      const known = basis.get(high);
      if (known === undefined) {
        basis.set(high, { value, letters });
        break;
      }
      value = (value ^ known.value) >>> 0;
      letters ^= known.letters;
    }
  }
  let left = (wanted ^ none) >>> 0;
  let chosen = 0n;
  while (left !== 0) {
    const known = basis.get(31 - Math.clz32(left));
    assert.ok(known, "The letters reach every value.");
    left = (left ^ known.value) >>> 0;
    chosen ^= known.letters;
  }
  return withBits(Array.from({ length }, (_, at) => ((chosen >> BigInt(at)) & 1n) === 1n));
}

test("bytes that a lenient decoder would take for the same text are refused", async () => {
  await refusedWith("signature-wrong", () => read(sign(BODY), `\ufeff${BODY}`));
  const odd = Buffer.concat([Buffer.from(BODY), Buffer.from([0xff])]);
  await refusedWith("webhook-malformed", () => read(sign(odd), odd));
});

test("a certificate comes from PayPal's own hosts alone, and from its path", async () => {
  const asked: string[] = [];
  const provider = webhook({
    fetchCertificate: async (url) => {
      asked.push(url);
      return pem;
    },
  });
  const at = (url: string) => () =>
    eventOf(provider, { headers: { ...sign(BODY), "paypal-cert-url": url }, body: BODY }, NOW);
  const path = "/v1/notifications/certs/CERT-1";
  for (const url of [
    `http://api.paypal.com${path}`,
    `https://api.paypal.com.evil.example${path}`,
    `https://evilpaypal.com${path}`,
    `https://paypal.com@evil.example${path}`,
    `https://api.paypal.com:8443${path}`,
    `https://api.paypal.com${path}?a=b`,
    "https://api.paypal.com/v1/notifications/certs/../../x",
    "https://www.paypal.com/redirect/CERT-1",
    "CERT-1",
  ])
    await refusedWith("signature-wrong", at(url));
  assert.deepEqual(asked, []);
  await at(`https://API.sandbox.paypal.com${path}`)();
  await at(`https://api.sandbox.paypal.com${path}`)();
  await at(`https://paypal.com${path}`)();
  assert.deepEqual(asked, [`https://api.sandbox.paypal.com${path}`, `https://paypal.com${path}`]);
});

test("sixteen certificates are kept, and none that could not be fetched", async () => {
  let count = 0;
  let fails = true;
  const provider = webhook({
    fetchCertificate: async () => {
      count += 1;
      if (fails) throw new Error("No network.");
      return pem;
    },
  });
  const at = (index: number) =>
    eventOf(
      provider,
      { headers: { ...sign(BODY), "paypal-cert-url": `${CERT_URL}${index}` }, body: BODY },
      NOW,
    );
  await refusedWith("signature-wrong", () => at(0));
  fails = false;
  for (let index = 0; index < 17; index += 1) await at(index);
  assert.equal(count, 18);
  for (let index = 1; index < 17; index += 1) await at(index);
  assert.equal(count, 18);
  await at(0);
  assert.equal(count, 19);
});

test("a certificate counts in its dates, for PayPal's name, and with a key that is long", async () => {
  const odd = [
    selfSigned({ name: "paypal.com", to: "20260101" }),
    selfSigned({ name: "paypal.com", from: "20270101" }),
    selfSigned({ name: "paypal.com.evil.example" }),
    selfSigned({ name: "evilpaypal.com" }),
    selfSigned({ name: "paypal.com", bits: 1024 }),
  ];
  for (const { pem: given, privateKey: key } of odd) {
    const provider = webhook({ fetchCertificate: async () => given });
    const parts = { headers: sign(BODY, { key }), body: BODY };
    await refusedWith("signature-wrong", () => eventOf(provider, parts, NOW));
  }
  const none = webhook({ fetchCertificate: async () => "no certificate" });
  const parts = { headers: sign(BODY), body: BODY };
  await refusedWith("signature-wrong", () => eventOf(none, parts, NOW));
});

test("a given certificate is the only one, whoever it was made for", async () => {
  const given = selfSigned({ name: "sandbox.invalid" });
  const provider = webhook({
    certificate: given.pem,
    fetchCertificate: () => assert.fail("Nothing is fetched."),
  });
  const parts = (key: typeof privateKey) => ({ headers: sign(BODY, { key }), body: BODY });
  assert.equal((await eventOf(provider, parts(given.privateKey), NOW)).key, "id:WH-1");
  await refusedWith("signature-wrong", () => eventOf(provider, parts(privateKey), NOW));
  await refusedWith("option-invalid", () => webhook({ certificate: "none" }));
});

test("another algorithm, another webhook or another time is refused", async () => {
  const headers = sign(BODY);
  await refusedWith("signature-wrong", () =>
    read({ ...headers, "paypal-auth-algo": "SHA1withRSA" }),
  );
  await refusedWith("signature-wrong", () => read(sign(BODY, { webhookId: "other" })));
  const later = { ...headers, "paypal-transmission-time": "2026-09-21T14:13:21Z" };
  await refusedWith("signature-wrong", () => read(later));
  const both = webhook({ webhookId: ["other", "hook"] });
  assert.equal((await eventsOf(both, { headers, body: BODY }, NOW)).secret, "hook");
  const narrow = webhook({ toleranceMs: 1000 });
  const at = (now: number) => () => eventOf(narrow, { headers, body: BODY }, now);
  await at(Date.parse(TIME) + 1000)();
  await refusedWith("signature-late", at(Date.parse(TIME) + 1001));
  await refusedWith("signature-late", at(Date.parse(TIME) - 60_001));
  for (const webhookId of ["", [], ["hook", ""], undefined as never, "a|b"])
    await refusedWith("option-invalid", () => webhook({ webhookId }));
});

test("an event tells what to read back, and whose step may have made it", async () => {
  const told = (type: string, resource: object, kind = "capture") => {
    const payload = { ...EVENT, event_type: type, resource_type: kind, resource };
    const body = JSON.stringify(payload);
    return eventOf(plain, { headers: sign(body), body }, NOW);
  };
  const order_id = "order_1";
  const capture = await told("PAYMENT.CAPTURE.COMPLETED", {
    id: "cap_1",
    custom_id: "key-1",
    supplementary_data: { related_ids: { order_id } },
  });
  const made = { provider: "paypal", kind: "order", providerKey: "key-1", finding: "executed" };
  assert.deepEqual(capture.object, { kind: "capture", id: "cap_1" });
  assert.deepEqual(capture.evidence, { ...made, reference: order_id });
  assert.deepEqual(capture.aliases, ["transmission:transmission-1"]);
  const order = { id: order_id, purchase_units: [{ custom_id: "key-1" }] };
  const approved = await told("CHECKOUT.ORDER.APPROVED", order, "checkout-order");
  assert.deepEqual(approved.evidence, { ...made, reference: order_id });
  const refund = await told("PAYMENT.CAPTURE.REFUNDED", { id: "ref_1", custom_id: "key-2" });
  assert.deepEqual(refund.evidence, {
    ...made,
    kind: "refund",
    providerKey: "key-2",
    reference: "ref_1",
  });
  assert.equal((await told("CUSTOMER.DISPUTE.CREATED", { id: "d_1" })).evidence, undefined);
  await refusedWith("webhook-malformed", () => told("A.B", { id: "\u0000" }));
  await refusedWith("webhook-malformed", () => told("", { id: "cap_1" }));
});

test("a certificate is fetched without redirects, and in bounds", async (t) => {
  const server = createServer((request, response) => {
    const answers: Record<string, () => void> = {
      "/pem": () => response.end(pem),
      "/none": () => response.writeHead(404).end(pem),
      "/moved": () => response.writeHead(302, { location: "/pem" }).end(),
      "/long": () => response.end("x".repeat(65_537)),
    };
    answers[request.url ?? ""]?.();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  const get = (path: string) => fetchPayPalCertificate(`http://127.0.0.1:${port}${path}`);
  assert.equal(await get("/pem"), pem);
  for (const path of ["/none", "/moved", "/long"]) await assert.rejects(() => get(path));
});
