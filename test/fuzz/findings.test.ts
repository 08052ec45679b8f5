import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { test } from "node:test";
import { harmless } from "../../src/cli/output.ts";
import { createSealer } from "../../src/core/seal.ts";
import { webhook } from "../../src/http/web-webhook.ts";
import { systemRandom } from "../../src/index.ts";
import { decodeRecipe } from "../../src/model/fingerprint.ts";
import { canonicalJson } from "../../src/model/json.ts";
import { adyenWebhook } from "../../src/webhooks/adyen.ts";
import { readXml } from "../../src/webhooks/braintree-xml.ts";
import { githubWebhook } from "../../src/webhooks/github.ts";
import { fromBase64 } from "../../src/webhooks/signature.ts";
import { stripeWebhook } from "../../src/webhooks/stripe.ts";
import { twilioWebhook } from "../../src/webhooks/twilio.ts";
import { ground } from "../core/inbox/ground.ts";
import { delivery, eventOf, refusedWith } from "../webhooks/bench.ts";

const NOW = 1_790_000_000_000;

/** The shortest of three, so that a machine that is busy elsewhere proves nothing. */
async function leastMs(work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let left = 3; left > 0; left -= 1) {
    const start = performance.now();
    await work();
    least = Math.min(least, performance.now() - start);
  }
  return least;
}

test("a header of spaces costs no time before its signature is looked at", async () => {
  const stripe = stripeWebhook({ secret: "first-secret-1234" });
  for (const value of [`t=${" ".repeat(15_000)}x`, " ".repeat(15_000) + "=".repeat(2)]) {
    const parts = delivery({ headers: { "stripe-signature": value }, body: "{}" });
    const ms = await leastMs(() => refusedWith("signature-missing", () => stripe.read(parts, NOW)));
    assert.ok(ms < 100, `${ms} ms`);
  }
});

test("a key's name that every object has opens nothing and throws nothing", () => {
  const options = { current: "k", keys: { k: new Uint8Array(32) } };
  const sealer = createSealer(options, systemRandom);
  for (const name of ["__proto__", "constructor", "toString"]) {
    const bytes = Buffer.concat([Buffer.of(1, name.length), Buffer.from(name), Buffer.alloc(40)]);
    assert.equal(sealer.open("id", "input", bytes), undefined);
    assert.throws(() => createSealer({ ...options, current: name }, systemRandom), /no key named/);
  }
});

test("an entity of XML is one of five, whatever else objects have", async () => {
  for (const name of ["constructor", "toString", "__proto__"])
    await refusedWith("webhook-malformed", () => readXml(`<a>&${name};</a>`));
});

test("no text of XML is left out", async () => {
  for (const xml of ['<a type="array">x</a>', '<a type="array">x<b/></a>', '<a nil="true">x</a>'])
    await refusedWith("webhook-malformed", () => readXml(xml));
});

test("many elements of one name are read in the time of many elements", async () => {
  const ms = await leastMs(() => readXml(`<r>${"<a/>".repeat(15_000)}</r>`));
  assert.ok(ms < 500, `${ms} ms`);
});

test("a long text of base64 is read, with its padding or without", () => {
  const bytes = fromBase64("A".repeat(12_000_000));
  assert.equal(bytes?.length, 9_000_000);
  for (const text of ["AA", "AA==", "AAA", "AAA=", "AAAA"]) assert.ok(fromBase64(text), text);
  for (const text of ["", "A", "A===", "AA=", "AAA==", "AAAA=", "=", "AA==AA", "A-"])
    assert.equal(fromBase64(text), undefined, text);
});

test("a number in the place of a signed text is no other event", async () => {
  const secret = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
  const item = {
    ...{ pspReference: "psp-1", originalReference: "881", merchantAccountCode: "77" },
    ...{ merchantReference: "5", amount: { value: 1, currency: "EUR" } },
    ...{ eventCode: "CAPTURE", success: "true" },
  };
  const mac = createHmac("sha256", Buffer.from(secret, "hex"));
  const hmacSignature = mac.update("psp-1:881:77:5:1:EUR:CAPTURE:true").digest("base64");
  const read = (change: object) => {
    const signed = { ...item, ...change, additionalData: { hmacSignature } };
    const notificationItems = [{ NotificationRequestItem: signed }];
    const body = JSON.stringify({ notificationItems });
    return eventOf(adyenWebhook({ secret }), { headers: {}, body }, NOW);
  };
  const { payload: _, ...genuine } = await read({});
  const numbers = { originalReference: 881, merchantAccountCode: 77, merchantReference: 5 };
  const { payload: __, ...numbered } = await read(numbers);
  assert.deepEqual(numbered, genuine);
});

test("an event whose text was cut within a character is kept, and handled as it came", async () => {
  const { process, store } = ground();
  const once = process();
  const handled: unknown[] = [];
  const endpoint = githubWebhook({ secret: "first-secret-1234" });
  const receive = webhook(once, endpoint, { "issues.opened": (_, event) => handled.push(event) });
  for (const odd of [String.raw`"cut \ud83d"`, "[".repeat(80) + "]".repeat(80)]) {
    const body = `{"action":"opened","title":${odd}}`;
    const signature = createHmac("sha256", "first-secret-1234").update(body).digest("hex");
    const headers = { "x-github-event": "issues", "x-hub-signature-256": `sha256=${signature}` };
    const request = new Request("http://shop.example/hook", { method: "POST", headers, body });
    assert.equal((await receive(request)).status, 202);
    await once.worker.runOnce();
    const { payload } = handled.at(-1) as { readonly payload: unknown };
    assert.deepEqual(payload, JSON.parse(body));
  }
  assert.ok(store);
});

test("a form's text that was moved into the URL proves no body", async () => {
  const body = JSON.stringify([{ id: "EZ1", type: "forged" }]);
  const digest = createHash("sha256").update(body).digest("hex");
  const form = { AccountSid: "AC1", Body: `&bodySHA256=${digest}&`, MessageSid: "SM1", To: "+1" };
  const url = `/hook?a=1${Object.entries(form).flat().join("")}`;
  const mac = createHmac("sha1", "first-secret-1234")
    .update(`https://shop.example${url}`)
    .digest("base64");
  const twilio = twilioWebhook({ secret: "first-secret-1234", baseUrl: "https://shop.example" });
  const headers = { "x-twilio-signature": mac };
  const genuine = new URLSearchParams(form).toString();
  await eventOf(twilio, { url: "/hook?a=1", headers, body: genuine }, NOW);
  await refusedWith("signature-wrong", () => twilio.read(delivery({ url, headers, body }), NOW));
});

test("half a character in the name of a member is refused like one in a text", async () => {
  for (const json of ['{"\\ud800":1}', '{"\\ud800":1,"1":2}', '{"a":["\\udc00"]}'])
    await refusedWith("payload-ambiguous", () => canonicalJson(JSON.parse(json)));
});

test("a recipe that is none is unknown", () => {
  const half = JSON.stringify([1, "pay", ["\ud800"]]);
  for (const text of ["", "[", '[1,"pay",[]]', '[1,"pay",[1]]', "{}", "null", half])
    assert.equal(decodeRecipe(text), undefined, text);
});

test("a line for a terminal stays one line", () => {
  assert.equal(harmless("a\u2028b\u2029c\nd"), "a\\u2028b\\u2029c\\u000ad");
});
