import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { parse } from "node:querystring";
import { test } from "node:test";
import fc from "fast-check";
import twilio from "twilio";
import {
  type TwilioSignatureSdk,
  type TwilioWebhookOptions,
  twilioWebhook,
} from "../../src/webhooks/twilio.ts";
import { testProperty } from "../property.ts";
import { delivery, eventOf, eventsOf, type Headers, isTaken, refusedWith } from "./bench.ts";
import { damage, NOW, secret as secrets, testTraps } from "./traps.ts";

const sdk = twilio as unknown as TwilioSignatureSdk;
const HEADER = "x-twilio-signature";
const URL_BASE = "https://shop.example";
const URL_ALL = `${URL_BASE}/webhooks`;
const BODY = "MessageSid=SM1&MessageStatus=delivered&To=one";

const webhook = (options: Partial<TwilioWebhookOptions> = {}) =>
  twilioWebhook({ secret: "first-secret-1234", baseUrl: URL_BASE, sdk, ...options });

const macOf = (text: string | Uint8Array, secret: string) =>
  createHmac("sha1", secret).update(text).digest("base64");

function signatureOf(url: string, body: string, secret = "first-secret-1234"): string {
  const form = Object.entries(parse(body)).sort(([one], [other]) => (one < other ? -1 : 1));
  return macOf(url + form.map(([name, value]) => `${name}${value}`).join(""), secret);
}

function formParts(body: string, headers: Headers = {}, url = "/webhooks") {
  return { url, headers: { [HEADER]: signatureOf(URL_BASE + url, body), ...headers }, body };
}

function jsonParts(body: string, headers: Headers = {}, more = "") {
  const digest = createHash("sha256").update(body).digest("hex");
  const url = `/webhooks?bodySHA256=${digest}${more}`;
  return {
    url,
    headers: { [HEADER]: macOf(URL_BASE + url, "first-secret-1234"), ...headers },
    body,
  };
}

testTraps("twilio", {
  provider: (secret) => webhook({ secret }),
  sign: (body, secret) => ({ [HEADER]: signatureOf(URL_ALL, String(body), secret) }),
  header: HEADER,
  body: BODY,
});

const word = fc.string({ unit: "binary", maxLength: 6 });
const forms = fc
  .array(fc.tuple(fc.constantFrom("a", "b", "A", "__proto__", "Body", "é"), word), { maxLength: 6 })
  .map((pairs) => new URLSearchParams(pairs).toString());
const hosts = fc.constantFrom(URL_BASE, `${URL_BASE}:443`, "http://shop.example", "https://s:8443");
const queries = fc.constantFrom("", "?a=1", "?a=%20x&b=it's", "?a=1&a=2");

testProperty(
  "Twilio's package takes the forms that are taken here, and no others",
  fc.asyncProperty(
    forms,
    hosts,
    queries,
    fc.boolean(),
    secrets,
    damage,
    async (body, baseUrl, query, withPort, secret, damaged) => {
      const url = `${baseUrl}/webhooks${query}`;
      const params = { ...parse(body) } as Record<string, string | string[]>;
      const called = withPort ? url : url.replace(/:\d+\//, "/");
      const signature = damaged(twilio.getExpectedTwilioSignature(secret, called, params));
      const official = sdk.validateRequest("first-secret-1234", signature, url, params);
      const sent = { url: `/webhooks${query}`, headers: { [HEADER]: signature }, body };
      assert.equal(
        await isTaken(twilioWebhook({ secret: "first-secret-1234", baseUrl }), sent, NOW),
        official,
      );
      assert.equal(await isTaken(webhook({ baseUrl }), sent, NOW), official);
    },
  ),
);

testProperty(
  "Twilio's package takes the JSON that is taken here, and no other",
  fc.asyncProperty(
    fc.json({ stringUnit: "binary" }),
    fc.boolean(),
    secrets,
    damage,
    async (body, intact, secret, damaged) => {
      const digest = createHash("sha256").update(body).digest("hex");
      const url = `/webhooks?a=1&bodySHA256=${digest}`;
      const signature = damaged(macOf(URL_BASE + url, secret));
      const sent = { url, headers: { [HEADER]: signature }, body: intact ? body : `${body} ` };
      const official = sdk.validateRequestWithBody(
        "first-secret-1234",
        signature,
        URL_BASE + url,
        sent.body,
      );
      assert.equal(await isTaken(webhook(), sent, NOW), official);
    },
  ),
);

test("JSON is bound by the digest in the signed URL", async () => {
  const body = '{"type":"a","id":1}';
  const { key, type } = await eventOf(webhook(), jsonParts(body), NOW);
  assert.match(key, /^body:[0-9a-f]{64}$/);
  assert.equal(type, "a");
  // Without the package, which would refuse these too.
  const alone = twilioWebhook({ secret: "first-secret-1234", baseUrl: URL_BASE });
  const other = { ...jsonParts(body), body: '{"type":"b","id":1}' };
  await refusedWith("signature-wrong", () => eventOf(alone, other, NOW));
  const twice = jsonParts(body, {}, `&bodySHA256=${"0".repeat(64)}`);
  await refusedWith("signature-wrong", () => eventOf(alone, twice, NOW));
  await refusedWith("webhook-malformed", () => eventOf(webhook(), jsonParts("no"), NOW));
});

test("the events of a stream have their own keys", async () => {
  const event = { id: "EZ1", type: "com.twilio.call", time: "2026-09-21T14:13:20Z" };
  const { events } = await eventsOf(webhook(), jsonParts(JSON.stringify([event, { a: 1 }])), NOW);
  assert.deepEqual([events[0]?.key, events[0]?.type], ["id:EZ1", "com.twilio.call"]);
  assert.match(events[1]?.key ?? "", /^body:/);
});

test("a form that comes again has its key, under a fresh id and with its parts shifted", async () => {
  const token = (id: string) => ({ "i-twilio-idempotency-token": id });
  const one = await eventOf(webhook(), formParts(BODY, token("t1")), NOW);
  const again = await eventOf(webhook(), formParts(BODY, token("t2")), NOW);
  assert.deepEqual([again.key, again.fingerprint], [one.key, one.fingerprint]);
  assert.deepEqual([one.aliases, again.aliases], [["request:t1"], ["request:t2"]]);
  const { url, headers } = formParts(BODY);
  const moved = { url, headers, body: "To=one&MessageSid=SM1&MessageStatus=delivered" };
  assert.deepEqual((await eventOf(webhook(), moved, NOW)).fingerprint, one.fingerprint);
  // Nothing marks where a name ends, so this too has the genuine signature.
  const shifted = { url, headers, body: "MessageSid=SM1Message&Status=delivered&To=one" };
  const forged = await eventOf(webhook(), shifted, NOW);
  assert.equal(forged.key, one.key);
  assert.notDeepEqual(forged.fingerprint, one.fingerprint);
  const elsewhere = await eventOf(webhook(), formParts(BODY, {}, "/webhooks?a=1"), NOW);
  assert.notEqual(elsewhere.key, one.key);
});

test("a request says what it is about", async () => {
  const read = async (body: string) => {
    const { type, object } = await eventOf(webhook(), formParts(body), NOW);
    return [type, object];
  };
  assert.deepEqual(await read(BODY), ["message.delivered", { kind: "message", id: "SM1" }]);
  const call = { kind: "call", id: "CA1" };
  assert.deepEqual(await read("CallSid=CA1&CallStatus=busy"), ["call.busy", call]);
  assert.deepEqual(await read("EventType=task.created"), ["task.created", undefined]);
  assert.deepEqual(await read("a=1"), ["request", undefined]);
  const asked = { ...formParts("", {}, "/webhooks?SmsSid=SM2&Body=a%20b"), method: "GET" };
  const { payload, object } = await eventOf(webhook(), asked, NOW);
  assert.deepEqual(payload, { SmsSid: "SM2", Body: "a b" });
  assert.deepEqual(object, { kind: "message", id: "SM2" });
});

test("a form with bytes that are no text is malformed, although its signature fits", async () => {
  const url = "/webhooks";
  const headers = { [HEADER]: macOf(`${URL_ALL}Body\ufffd`, "first-secret-1234") };
  for (const body of ["Body=%FF", "Body=%", "Body=%ED%A0%80"])
    await refusedWith("webhook-malformed", () => eventOf(webhook(), { url, headers, body }, NOW));
});

test("a whole URL counts whatever path a proxy made of it", async () => {
  const provider = twilioWebhook({ secret: "first-secret-1234", url: URL_ALL, sdk });
  const signed = formParts(BODY, {}, "/webhooks?a=1");
  assert.ok(await isTaken(provider, { ...signed, url: "/inner?a=1" }, NOW));
  const other = delivery({ ...signed, url: "/inner?a=2" });
  await refusedWith("signature-wrong", () => provider.read(other, NOW));
});

test("there is no endpoint without its URL", async () => {
  for (const options of [
    {},
    { url: URL_ALL, baseUrl: URL_BASE },
    { url: `${URL_ALL}?a=1` },
    { baseUrl: "shop.example" },
  ])
    await refusedWith("option-invalid", () =>
      twilioWebhook({ secret: "first-secret-1234", ...options }),
    );
});

test("the acknowledgement is TwiML that does nothing", () => {
  const { status, contentType, body } = webhook().acknowledgement;
  assert.deepEqual([status, contentType, body], [200, "text/xml", "<Response></Response>"]);
});
