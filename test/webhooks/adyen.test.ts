import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import { hmacValidator } from "@adyen/api-library";
import fc from "fast-check";
import { type AdyenWebhookOptions, adyenWebhook } from "../../src/webhooks/adyen.ts";
import { testProperty } from "../property.ts";
import { altered, eventOf, eventsOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, NOW } from "./traps.ts";

const FIRST = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const SECOND = "11782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056";
const official = new hmacValidator();
const HEADER = "hmacsignature";

type Item = Record<string, unknown>;
const ITEM: Item = {
  pspReference: "psp-1",
  originalReference: "",
  merchantAccountCode: "Shop",
  merchantReference: "key-1",
  amount: { value: 1999, currency: "EUR" },
  eventCode: "AUTHORISATION",
  success: "true",
  eventDate: "2026-09-21T14:13:20+00:00",
};

function signature(item: Item, secret = FIRST): string {
  const amount = item["amount"] as { value: unknown; currency: unknown } | undefined;
  const fields = [
    item["pspReference"],
    item["originalReference"],
    item["merchantAccountCode"],
    item["merchantReference"],
    amount?.value,
    amount?.currency,
    item["eventCode"],
    item["success"],
  ];
  return whole(fields.map((field) => field ?? "").join(":"), secret);
}

function whole(body: Body, secret = FIRST): string {
  return createHmac("sha256", Buffer.from(secret, "hex")).update(body).digest("base64");
}

function signed(item: Item, secret = FIRST): Item {
  return { ...item, additionalData: { hmacSignature: signature(item, secret) } };
}

function bodyOf(...items: readonly Item[]): string {
  const notificationItems = items.map((item) => ({ NotificationRequestItem: item }));
  return JSON.stringify({ live: "false", notificationItems });
}

function webhook(options: Partial<AdyenWebhookOptions> = {}) {
  return adyenWebhook({ secret: FIRST, ...options });
}

const plain = webhook();
const both = webhook({ sdk: official });
const read = (body: Body, headers = {}) => eventOf(both, { headers, body }, NOW);

const field = fc.string({ unit: "binary" }).map((text) => text.replaceAll(":", ""));
const items = fc.record({
  pspReference: field.filter((text) => text !== ""),
  originalReference: field,
  merchantAccountCode: field,
  merchantReference: field,
  amount: fc.record({ value: fc.maxSafeInteger(), currency: field }),
  eventCode: field.filter((text) => text !== ""),
  success: fc.constantFrom("true", "false"),
  eventDate: field,
});

testProperty(
  "Adyen's package takes the items that are taken here, and no others",
  fc.asyncProperty(
    items,
    fc.constantFrom(FIRST, FIRST, SECOND),
    damage,
    async (item, secret, damaged) => {
      const hmacSignature = damaged(signature(item, secret));
      const sent: Item = { ...item, additionalData: { hmacSignature } };
      // The package reads on past what is no base64.
      const canonical = Buffer.from(hmacSignature, "base64").toString("base64") === hmacSignature;
      // It throws where there is none.
      const there = canonical && hmacSignature !== "";
      const taken = there && official.validateHMAC(sent as never, FIRST);
      const parts = { headers: {}, body: bodyOf(sent) };
      fc.pre(canonical || hmacSignature !== signature(item).replace(/=$/, ""));
      assert.equal(await isTaken(plain, parts, NOW), taken);
      assert.equal(await isTaken(both, parts, NOW), taken);
    },
  ),
);

testProperty(
  "Adyen's package takes the platform's bodies that are taken here, and no others",
  fc.asyncProperty(
    bodies({ type: "balancePlatform.transfer.updated" }),
    fc.constantFrom(FIRST, FIRST, SECOND),
    damage,
    async (body, secret, damaged) => {
      const header = damaged(whole(body, secret));
      const canonical = Buffer.from(header, "base64").toString("base64") === header;
      const taken = canonical && official.validateHMACSignature(FIRST, header, body);
      fc.pre(canonical || header !== whole(body).replace(/=$/, ""));
      const parts = { headers: { [HEADER]: header }, body };
      assert.equal(await isTaken(plain, parts, NOW), taken);
      assert.equal(await isTaken(both, parts, NOW), taken);
    },
  ),
);

test("each of the eight signed fields counts, and the others do not", async () => {
  const item = signed(ITEM);
  const amount = { value: 1999, currency: "EUR" };
  for (const change of [
    { pspReference: "psp-2" },
    { originalReference: "psp-0" },
    { merchantAccountCode: "Other" },
    { merchantReference: "key-2" },
    { amount: { ...amount, value: 1 } },
    { amount: { ...amount, currency: "USD" } },
    { eventCode: "CAPTURE" },
    { success: "false" },
  ])
    await refusedWith("signature-wrong", () => read(bodyOf({ ...item, ...change })));
  const one = await read(bodyOf(item));
  const other = await read(bodyOf({ ...item, eventDate: "2026-09-22T00:00:00Z", reason: "other" }));
  assert.equal(other.key, one.key);
  assert.deepEqual(other.fingerprint, one.fingerprint);
});

test("a colon that would move a signature to other fields is refused", async () => {
  const genuine = { ...ITEM, merchantReference: "a:b" };
  const hmacSignature = signature(genuine);
  const moved: Item = {
    ...ITEM,
    pspReference: "psp-1:",
    originalReference: "Shop",
    merchantAccountCode: "a",
    merchantReference: "b",
    additionalData: { hmacSignature },
  };
  assert.equal(signature(moved), hmacSignature);
  assert.equal(official.validateHMAC(moved as never, FIRST), true);
  await refusedWith("webhook-malformed", () => read(bodyOf(moved)));
  await refusedWith("webhook-malformed", () => read(bodyOf(signed(genuine))));
});

test("one item with a wrong signature refuses them all", async () => {
  const second = { ...ITEM, pspReference: "psp-2" };
  const body = bodyOf(signed(ITEM), signed(second));
  const { events } = await eventsOf(both, { headers: {}, body }, NOW);
  assert.deepEqual(
    events.map(({ key }) => key),
    ["item:Shop:AUTHORISATION:psp-1:true", "item:Shop:AUTHORISATION:psp-2:true"],
  );
  const wrong = bodyOf(signed(ITEM), signed(second, SECOND));
  await refusedWith("signature-wrong", () => eventsOf(both, { headers: {}, body: wrong }, NOW));
  const missing = bodyOf(signed(ITEM), second);
  await refusedWith("signature-missing", () => eventsOf(both, { headers: {}, body: missing }, NOW));
  for (const body of [bodyOf(), '{"notificationItems":{}}', '{"notificationItems":[1]}'])
    await refusedWith("webhook-malformed", () => eventsOf(both, { headers: {}, body }, NOW));
});

test("a platform's body is signed whole, by the header that it needs once", async () => {
  const body = JSON.stringify({
    type: "balancePlatform.transfer.updated",
    timestamp: "2026-09-21T14:13:20Z",
    data: { id: "tr_1" },
  });
  const headers = { [HEADER]: whole(body) };
  const event = await read(body, headers);
  assert.match(event.key, /^body:[0-9a-f]{64}$/);
  assert.deepEqual(event.object, { kind: "balancePlatform.transfer", id: "tr_1" });
  assert.equal(event.occurredAt, NOW);
  assert.equal(event.evidence, undefined);
  await refusedWith("signature-missing", () => read(body));
  await refusedWith("signature-missing", () =>
    read(body, { [HEADER]: [whole(body), whole(body)] }),
  );
  const odd = Buffer.from(body.replace("tr_1", "tr_\ufffd"));
  const at = odd.indexOf("\ufffd");
  const lenient = Buffer.concat([odd.subarray(0, at), Buffer.from([0xff]), odd.subarray(at + 3)]);
  await refusedWith("webhook-malformed", () => read(lenient, { [HEADER]: whole(odd) }));
  await refusedWith("webhook-malformed", () => read(`\ufeff${body}`, headers));
  for (let index = 0; index < body.length; index += 1)
    assert.equal(await isTaken(both, { headers, body: altered(body, index) }, NOW), false);
});

test("each secret of a rotation counts in its time, and its name is told", async () => {
  const secret = [
    { name: "old", secret: FIRST, notAfter: NOW },
    { name: "new", secret: SECOND },
  ];
  const rotated = webhook({ secret, sdk: official });
  const parts = (key: string) => ({ headers: {}, body: bodyOf(signed(ITEM, key)) });
  assert.equal((await eventsOf(rotated, parts(FIRST), NOW)).secret, "old");
  assert.equal((await eventsOf(rotated, parts(SECOND), NOW)).secret, "new");
  await refusedWith("signature-wrong", () => eventsOf(rotated, parts(FIRST), NOW + 1));
  for (const secret of ["", [], "not hexadecimal", undefined as never])
    await refusedWith("option-invalid", () => webhook({ secret }));
});

test("basic authentication is a second check, and never the only one", async () => {
  const provider = webhook({ basicAuth: { user: "adyen", password: "pass:word" } });
  const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
  const read =
    (authorization: string | undefined, item = signed(ITEM)) =>
    () => {
      const headers = authorization === undefined ? {} : { authorization };
      return eventOf(provider, { headers, body: bodyOf(item) }, NOW);
    };
  await read(basic("adyen:pass:word"))();
  await refusedWith("signature-missing", read(undefined));
  await refusedWith("signature-missing", read("Bearer abc"));
  await refusedWith("signature-wrong", read(basic("adyen:other")));
  await refusedWith("signature-missing", read(basic("adyen:pass:word"), ITEM));
  const odd = { user: "adyen", password: "" };
  await refusedWith("option-invalid", () => webhook({ basicAuth: odd }));
});

test("the package's false is a refusal", async () => {
  const provider = webhook({ sdk: { validateHMACSignature: () => false } });
  const parts = { headers: {}, body: bodyOf(signed(ITEM)) };
  await refusedWith("signature-wrong", () => eventOf(provider, parts, NOW));
});

test("the answer is the one that the queue waits for", () => {
  const { status, contentType, body } = plain.acknowledgement;
  assert.deepEqual([status, contentType, body], [200, "text/plain", "[accepted]"]);
});

test("an item is about its payment, and is evidence of the step that made it", async () => {
  const told = (change: Item) => read(bodyOf(signed({ ...ITEM, ...change })));
  const made = { provider: "adyen", providerKey: "key-1", reference: "psp-1" };
  const paid = await told({});
  assert.deepEqual(paid.object, { kind: "payment", id: "psp-1" });
  assert.equal(paid.occurredAt, NOW);
  const executed = { finding: "executed", stands: true };
  assert.deepEqual(paid.evidence, { ...made, kind: "payment", ...executed });
  const refused = await told({ success: "false" });
  assert.deepEqual(refused.evidence, { ...made, kind: "payment", finding: "unknown" });
  const refund = await told({ eventCode: "REFUND", originalReference: "psp-0" });
  assert.deepEqual(refund.object, { kind: "payment", id: "psp-0" });
  assert.deepEqual(refund.evidence, { ...made, kind: "refund", ...executed });
  assert.equal((await told({ eventCode: "CHARGEBACK" })).evidence, undefined);
});
