import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { WebhooksHelper } from "square";
import { squareWebhook } from "../../src/webhooks/square.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, NOW, secret as secrets, testTraps } from "./traps.ts";

const HEADER = "x-square-hmacsha256-signature";
const URL_SIGNED = "https://shop.example/webhooks/square?a=b";
const BODY = JSON.stringify({ event_id: "e-1", type: "payment.updated" });

function signature(body: Body, secret: string, url = URL_SIGNED): string {
  return createHmac("sha256", secret).update(url).update(body).digest("base64");
}

const sign = (body: Body, secret = "first-secret-1234") => ({ [HEADER]: signature(body, secret) });

testTraps("square", {
  provider: (secret) => squareWebhook({ secret, url: URL_SIGNED, sdk: WebhooksHelper }),
  sign,
  header: HEADER,
  body: BODY,
});

const alone = squareWebhook({ secret: "first-secret-1234", url: URL_SIGNED });
const both = squareWebhook({ secret: "first-secret-1234", url: URL_SIGNED, sdk: WebhooksHelper });

testProperty(
  "Square's package takes what is taken here, and nothing else",
  fc.asyncProperty(
    bodies({ event_id: "e-1", type: "a.b" }),
    secrets,
    damage,
    async (body, secret, damaged) => {
      const header = damaged(signature(body, secret));
      const official = await WebhooksHelper.verifySignature({
        requestBody: body,
        signatureHeader: header,
        signatureKey: "first-secret-1234",
        notificationUrl: URL_SIGNED,
      });
      // The padding of base64 says nothing.
      fc.pre(official || signature(body, "first-secret-1234") !== `${header.replace(/=*$/, "")}=`);
      const sent = { headers: { [HEADER]: header }, body };
      assert.equal(await isTaken(alone, sent, NOW), official);
      assert.equal(await isTaken(both, sent, NOW), official);
    },
  ),
);

test("the registered address is signed, letter for letter", async () => {
  for (const url of [URL_SIGNED.slice(0, -1), `${URL_SIGNED}/`, "https://shop.example/"]) {
    const headers = { [HEADER]: signature(BODY, "first-secret-1234", url) };
    await refusedWith("signature-wrong", () => eventOf(both, { headers, body: BODY }, NOW));
  }
  for (const url of ["", "/webhooks", undefined as never])
    await refusedWith("option-invalid", () => squareWebhook({ secret: "first-secret-1234", url }));
});

test("the package's false is a refusal", async () => {
  const sdk = { verifySignature: async () => false };
  const provider = squareWebhook({ secret: "first-secret-1234", url: URL_SIGNED, sdk });
  const parts = { headers: sign(BODY), body: BODY };
  await refusedWith("signature-wrong", () => eventOf(provider, parts, NOW));
});

test("the key is the event's id, and a payment is evidence of the step that made it", async () => {
  const told = (payment: object) => {
    const body = JSON.stringify({
      merchant_id: "m-1",
      event_id: "e-1",
      type: "payment.updated",
      created_at: "2026-09-21T14:13:20Z",
      data: { type: "payment", id: "p-1", object: { payment: { id: "p-1", ...payment } } },
    });
    return eventOf(both, { headers: { ...sign(body), "square-retry-number": "1" }, body }, NOW);
  };
  const event = await told({ reference_id: "key-1", status: "COMPLETED" });
  assert.equal(event.key, "id:e-1");
  assert.equal(event.occurredAt, NOW);
  assert.deepEqual(event.object, { kind: "payment", id: "p-1" });
  const made = { provider: "square", kind: "payment", providerKey: "key-1", reference: "p-1" };
  assert.deepEqual(event.evidence, { ...made, finding: "executed", stands: true });
  const failed = await told({ reference_id: "key-1", status: "FAILED" });
  assert.deepEqual(failed.evidence, { ...made, finding: "unknown" });
  const pending = await told({ reference_id: "key-1", status: "PENDING" });
  assert.deepEqual(pending.evidence, { ...made, finding: "executed" });
  assert.equal((await told({ status: "COMPLETED" })).evidence, undefined);
});
