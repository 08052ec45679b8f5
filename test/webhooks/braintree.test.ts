import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { type BraintreeSignatureSdk, braintreeWebhook } from "../../src/webhooks/braintree.ts";
import { testProperty } from "../property.ts";
import { altered, delivery, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { damage, NOW } from "./traps.ts";

interface Sample {
  readonly bt_signature: string;
  readonly bt_payload: string;
}

interface Gateway extends BraintreeSignatureSdk {
  readonly webhookTesting: { sampleNotification(kind: string, id: string): Sample };
  readonly webhookNotification: BraintreeSignatureSdk["webhookNotification"] & {
    verify(challenge: string): string;
  };
}

interface Package {
  readonly BraintreeGateway: new (config: object) => Gateway;
  readonly Environment: { readonly Sandbox: unknown };
  readonly WebhookNotification: { readonly Kind: Readonly<Record<string, string>> };
}

const braintree = createRequire(import.meta.url)("braintree") as Package;

function gatewayOf(publicKey: string, privateKey: string): Gateway {
  const environment = braintree.Environment.Sandbox;
  return new braintree.BraintreeGateway({ environment, merchantId: "m", publicKey, privateKey });
}

const gateway = gatewayOf("public", "first-secret-1234");
const keys = { publicKey: "public", privateKey: "first-secret-1234" };
const alone = braintreeWebhook({ keys });
const both = braintreeWebhook({ keys, gateway });
const KINDS = Object.values(braintree.WebhookNotification.Kind);

function signature(payload: string, privateKey = "first-secret-1234"): string {
  const key = createHash("sha1").update(privateKey).digest();
  return createHmac("sha1", key).update(payload).digest("hex");
}

function parts(bt_signature: string, bt_payload: string) {
  return { headers: {}, body: new URLSearchParams({ bt_signature, bt_payload }).toString() };
}

function signed(xml: string) {
  const payload = `${Buffer.from(xml).toString("base64")}\n`;
  return parts(`public|${signature(payload)}`, payload);
}

function notification(kind: string, subject: string): string {
  const time = '<timestamp type="datetime">2026-09-21T14:13:20Z</timestamp>';
  return `<notification>${time}<kind>${kind}</kind><subject>${subject}</subject></notification>`;
}

testProperty(
  "the package takes the notifications that are taken here, and no others",
  fc.asyncProperty(
    fc.constantFrom(...KINDS),
    fc.stringMatching(/^[a-z0-9_]{1,20}$/),
    fc.constantFrom("first-secret-1234", "first-secret-1234", "second-secret-1234"),
    fc.constantFrom("public", "public", "other"),
    damage,
    async (kind, id, privateKey, publicKey, damaged) => {
      const sample = gatewayOf(publicKey, privateKey).webhookTesting.sampleNotification(kind, id);
      const [, hex = ""] = sample.bt_signature.split("|");
      const sent = `${publicKey}|${damaged(hex)}`;
      const official = await gateway.webhookNotification
        .parse(sent, sample.bt_payload)
        .then(() => true)
        .catch(() => false);
      assert.equal(await isTaken(alone, parts(sent, sample.bt_payload), NOW), official);
      assert.equal(await isTaken(both, parts(sent, sample.bt_payload), NOW), official);
    },
  ),
);

test("every kind of the package's samples has the key, the type and the time in it", async () => {
  for (const kind of KINDS) {
    const sample = gateway.webhookTesting.sampleNotification(kind, "my_id");
    const event = await eventOf(both, parts(sample.bt_signature, sample.bt_payload), NOW);
    assert.equal(event.type, kind);
    assert.match(event.key, new RegExp(`^payload:${kind}:[0-9a-f]{64}$`));
    assert.ok((event.occurredAt ?? 0) > NOW / 2);
  }
});

test("any altered byte of the payload is refused", async () => {
  const sample = gateway.webhookTesting.sampleNotification("dispute_opened", "d_1");
  for (let index = 0; index < sample.bt_payload.length; index += 7) {
    const payload = Buffer.from(altered(sample.bt_payload, index)).toString();
    const sent = parts(sample.bt_signature, payload);
    await refusedWith("signature-wrong", () => eventOf(both, sent, NOW));
  }
});

test("one event has one key, with and without the end of its line", async () => {
  const sample = gateway.webhookTesting.sampleNotification("dispute_opened", "d_1");
  const one = await eventOf(both, parts(sample.bt_signature, sample.bt_payload), NOW);
  const other = await eventOf(both, parts(sample.bt_signature, sample.bt_payload.trim()), NOW);
  assert.equal(other.key, one.key);
  assert.deepEqual(other.fingerprint, one.fingerprint);
});

test("the fields are needed once, in a body that is UTF-8", async () => {
  const { body } = signed(notification("check", ""));
  const [sign = "", payload = ""] = body.split("&");
  const read = (text: string | Uint8Array) => () => eventOf(both, { headers: {}, body: text }, NOW);
  await refusedWith("signature-missing", read(payload));
  await refusedWith("signature-missing", read(`bt_signature=&${payload}`));
  await refusedWith("signature-missing", read(`${sign}&${body}`));
  await refusedWith("signature-missing", read(`bt_signature=public&${payload}`));
  await refusedWith("signature-missing", read(`bt_signature=public%7Czz&${payload}`));
  await refusedWith("webhook-malformed", read(sign));
  await refusedWith("webhook-malformed", read(`${body}&${payload}`));
  await refusedWith("webhook-malformed", read(Buffer.concat([Buffer.from(body), Buffer.of(0xff)])));
  await refusedWith("signature-missing", read(`\ufeff${body}`));
});

test("of several signatures that of a known key counts, for each key in its turn", async () => {
  const payload = `${Buffer.from(notification("check", "")).toString("base64")}\n`;
  const second = { publicKey: "other", privateKey: "second-secret-1234" };
  const rotated = braintreeWebhook({ keys: [keys, second], gateway });
  const first = `public|${signature(payload)}`;
  const other = `other|${signature(payload, "second-secret-1234")}`;
  const told = async (pairs: string) =>
    (await eventsOf(rotated, parts(pairs, payload), NOW)).secret;
  assert.equal(await told(first), "public");
  assert.equal(await told(other), "other");
  assert.equal(await told(`unknown|${"0".repeat(40)}&${first}`), "public");
  assert.equal(await told(`public|${"0".repeat(40)}&${first}`), "public");
  const swapped = `public|${signature(payload, "second-secret-1234")}`;
  await refusedWith("signature-wrong", () => told(swapped));
});

test("the package's refusal is a refusal, whatever is seen here", async () => {
  const refusing = {
    config: { publicKey: "public" },
    webhookNotification: { parse: async () => Promise.reject(new Error("No.")) },
  };
  const provider = braintreeWebhook({ keys, gateway: refusing });
  await refusedWith("signature-wrong", () =>
    eventOf(provider, signed(notification("check", "")), NOW),
  );
});

test("the question to a new endpoint is answered as the package does", async () => {
  const challenge = "20f9f8ed05f77439fe955c977e4c8a53";
  const ask = (query: string, method = "GET") =>
    alone.read(delivery({ method, url: `/webhooks${query}`, headers: {}, body: "" }), NOW);
  assert.deepEqual(await ask(`?bt_challenge=${challenge}`), {
    kind: "handshake",
    answer: {
      status: 200,
      contentType: "text/plain",
      body: gateway.webhookNotification.verify(challenge),
    },
  });
  for (const query of [
    "",
    "?bt_challenge=",
    "?bt_challenge=<notification>",
    `?bt_challenge=${challenge}&bt_challenge=${challenge}`,
  ])
    await refusedWith("webhook-malformed", () => ask(query));
  await refusedWith("signature-missing", () => ask(`?bt_challenge=${challenge}`, "POST"));
  // A signed challenge passes for a payload, but no notification can be in it.
  const replayed = parts(gateway.webhookNotification.verify(challenge), challenge);
  await refusedWith("webhook-malformed", () => eventOf(alone, replayed, NOW));
});

test("only XML with one reading is read", async () => {
  const good = notification("check", '<check type="boolean">a &amp; b &#233;</check>');
  const event = await eventOf(
    alone,
    signed(`<?xml version="1.0" encoding="UTF-8"?>\n${good}`),
    NOW,
  );
  assert.deepEqual(event.payload, {
    timestamp: "2026-09-21T14:13:20Z",
    kind: "check",
    subject: { check: "a & b é" },
  });
  for (const xml of [
    "",
    "text",
    "<notification>",
    `${good}${good}`,
    good.replace("</kind>", "</sort>"),
    good.replace("<kind>", "<!-- a --><kind>"),
    `<!DOCTYPE notification [<!ENTITY a "b">]>${good}`,
    good.replace("&amp;", "&other;"),
    good.replace("<kind>check</kind>", "<kind>check</kind><kind>other</kind>"),
    `${"<a>".repeat(100)}${"</a>".repeat(100)}`,
  ])
    await refusedWith("webhook-malformed", () => eventOf(alone, signed(xml), NOW));
});

test("an event is about its subject, whatever else has an id in it", async () => {
  const told = (kind: string, subject: string) =>
    eventOf(alone, signed(notification(kind, subject)), NOW);
  const extra = '<add-ons type="array"><add-on><id>wrong</id></add-on></add-ons>';
  const subscription = `<subscription>${extra}<id>sub_1</id></subscription>`;
  const canceled = await told("subscription_canceled", subscription);
  assert.deepEqual(canceled.object, { kind: "subscription", id: "sub_1" });
  assert.equal(canceled.occurredAt, NOW);
  const review = "<transaction-review><transaction-id>t_1</transaction-id></transaction-review>";
  const reviewed = await told("transaction_reviewed", review);
  assert.deepEqual(reviewed.object, { kind: "transaction", id: "t_1" });
});

test("a transaction is evidence of the step whose key ends its order's id", async () => {
  const key = "0190f8b2-7c1a-8d4e-9f00-1234567890ab";
  const told = async (order: string, type: string, status: string) => {
    const members = `<type>${type}</type><status>${status}</status><order-id>${order}</order-id>`;
    const subject = `<transaction><id>t_1</id>${members}</transaction>`;
    return (await eventOf(both, signed(notification("transaction_settled", subject)), NOW))
      .evidence;
  };
  const made = { provider: "braintree", kind: "sale", providerKey: key, reference: "t_1" };
  const executed = { finding: "executed", stands: true };
  assert.deepEqual(await told(key, "sale", "settled"), { ...made, ...executed });
  assert.deepEqual(await told(`order-7-${key}`, "credit", "settled"), {
    ...made,
    ...executed,
    kind: "refund",
  });
  assert.deepEqual(await told(key, "sale", "settlement_declined"), { ...made, finding: "unknown" });
  assert.equal(await told("order-7", "sale", "settled"), undefined);
});

test("an endpoint has a whole key", async () => {
  for (const odd of [
    [],
    { publicKey: "", privateKey: "first-secret-1234" },
    { publicKey: "public", privateKey: "" },
    { publicKey: "public", privateKey: "fifteen letters" },
    { publicKey: "a|b", privateKey: "first-secret-1234" },
    undefined,
  ])
    await refusedWith("option-invalid", () => braintreeWebhook({ keys: odd as never }));
});
