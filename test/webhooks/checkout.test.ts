import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { checkoutWebhook } from "../../src/webhooks/checkout.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const HEADER = "cko-signature";
const provider = checkoutWebhook({ secret: "first-secret-1234" });
const event = (type: string, data: object, id = "evt_1") =>
  JSON.stringify({ id, type, timestamp: "2026-09-21T14:13:20Z", data });
const BODY = event("payment_approved", { id: "pay_1", reference: "key-1" });
const parts = (body: string) => ({ headers: { [HEADER]: hexOf(body, "first-secret-1234") }, body });

testTraps("checkout", {
  provider: (secret) => checkoutWebhook({ secret }),
  sign: (body, secret) => ({ [HEADER]: hexOf(body, secret) }),
  header: HEADER,
  body: BODY,
});

testProperty(
  "exactly the body's digest under the endpoint's secret is taken",
  fc.asyncProperty(
    bodies({ id: "evt_1", type: "a" }),
    secrets,
    damage,
    async (body, secret, damaged) => {
      const signature = damaged(hexOf(body, secret));
      const sent = { headers: { [HEADER]: signature }, body };
      assert.equal(
        await isTaken(provider, sent, NOW),
        signature === hexOf(body, "first-secret-1234"),
      );
    },
  ),
);

test("a digest that was made elsewhere is taken", async () => {
  // echo -n '{"id":"evt_1","type":"a"}' | openssl dgst -sha256 -hmac first-secret-1234
  const body = '{"id":"evt_1","type":"a"}';
  const headers = {
    [HEADER]: "a2776e335684876f416d51a3febb6c697a532709ad7416d82ea5aea2019873e5",
  };
  assert.equal((await eventOf(provider, { headers, body }, NOW)).key, "id:evt_1");
});

test("the key is the signed id, and other bytes under it have another fingerprint", async () => {
  const one = await eventOf(provider, parts(BODY), NOW);
  const other = await eventOf(provider, parts(`${BODY} `), NOW);
  assert.deepEqual([one.key, other.key], ["id:evt_1", "id:evt_1"]);
  assert.notDeepEqual(one.fingerprint, other.fingerprint);
  assert.equal(one.occurredAt, Date.UTC(2026, 8, 21, 14, 13, 20));
  const long = await eventOf(provider, parts(event("a", {}, "e".repeat(300))), NOW);
  assert.match(long.key, /^id-sha256:[0-9a-f]{64}$/);
});

test("each type shows what it made, and of whom", async () => {
  const metadata = { nevertwice_key: "key-2" };
  const data = { id: "pay_1", action_id: "act_1", reference: "key-1" };
  const held: string[] = ["payment_approved", "payment_captured", "payment_refunded"];
  for (const [type, kind, finding, keyed] of [
    ["payment_approved", "payment", "executed", {}],
    ["payment_pending", "payment", "executed", { metadata }],
    ["payment_declined", "payment", "unknown", {}],
    ["payment_captured", "capture", "executed", { metadata }],
    ["payment_capture_declined", "capture", "unknown", {}],
    ["payment_refunded", "refund", "executed", {}],
    ["payment_refund_pending", "refund", "executed", { metadata }],
  ] as const) {
    const told = await eventOf(provider, parts(event(type, { ...data, ...keyed })), NOW);
    assert.deepEqual(told.object, { kind: "payment", id: "pay_1" });
    assert.deepEqual(told.evidence, {
      ...{ provider: "checkout", kind, finding },
      providerKey: "metadata" in keyed ? "key-2" : "key-1",
      reference: kind === "payment" ? "pay_1" : "act_1",
      ...(held.includes(type) && { stands: true }),
    });
  }
  for (const type of ["payment_voided", "payment_expired", "dispute_received"])
    assert.equal((await eventOf(provider, parts(event(type, data)), NOW)).evidence, undefined);
});

test("what is signed and no event is malformed", async () => {
  for (const body of ["", "no", "[]", "null", "{}", '{"id":"evt_1"}', '{"type":"a"}'])
    await refusedWith("webhook-malformed", () => eventOf(provider, parts(body), NOW));
});
