import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import { type RazorpaySignatureSdk, razorpayWebhook } from "../../src/webhooks/razorpay.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { bodies, damage, hexOf, NOW, secret as secrets, testTraps } from "./traps.ts";

const sdk = createRequire(import.meta.url)("razorpay") as RazorpaySignatureSdk;
const HEADER = "x-razorpay-signature";
const refund = (status: string) => ({
  entity: "event",
  account_id: "acc_1",
  event: `refund.${status}`,
  payload: {
    refund: { entity: { id: "rfnd_1", status, notes: { nevertwice_key: "key-1" } } },
    payment: { entity: { id: "pay_1" } },
  },
  created_at: 1_790_000_000,
});
const BODY = JSON.stringify(refund("processed"));
const provider = razorpayWebhook({ secret: "first-secret-1234", sdk });
const parts = (body: string, headers = {}) => ({
  headers: { [HEADER]: hexOf(body, "first-secret-1234"), ...headers },
  body,
});

testTraps("razorpay", {
  provider: (secret) => razorpayWebhook({ secret, sdk }),
  sign: (body, secret) => ({ [HEADER]: hexOf(body, secret) }),
  header: HEADER,
  body: BODY,
});

testProperty(
  "Razorpay's package takes what is taken here, and nothing else",
  fc.asyncProperty(bodies({ event: "a.b" }), secrets, damage, async (body, secret, damaged) => {
    const signature = damaged(hexOf(body, secret));
    const official = sdk.validateWebhookSignature(body, signature, "first-secret-1234");
    const sent = { headers: { [HEADER]: signature }, body };
    assert.equal(
      await isTaken(razorpayWebhook({ secret: "first-secret-1234" }), sent, NOW),
      official,
    );
    assert.equal(await isTaken(provider, sent, NOW), official);
  }),
);

test("the key is the digest of the body, under whatever id it comes", async () => {
  const one = await eventOf(provider, parts(BODY, { "x-razorpay-event-id": "evt_1" }), NOW);
  const other = await eventOf(provider, parts(BODY, { "x-razorpay-event-id": "evt_2" }), NOW);
  assert.equal(one.key, `body:${createHash("sha256").update(BODY).digest("hex")}`);
  assert.equal(other.key, one.key);
  assert.deepEqual(other.fingerprint, one.fingerprint);
  assert.deepEqual([one.aliases, other.aliases], [["event-id:evt_1"], ["event-id:evt_2"]]);
  assert.equal((await eventOf(provider, parts(BODY), NOW)).aliases, undefined);
});

test("a refund, a payout and an order are evidence of what made them", async () => {
  const evidence = async (event: string, payload: object) => {
    const found = await eventOf(provider, parts(JSON.stringify({ event, payload })), NOW);
    return [found.object, found.evidence];
  };
  const told = { provider: "razorpay", finding: "executed" };
  const { type, object, occurredAt, evidence: made } = await eventOf(provider, parts(BODY), NOW);
  assert.equal(type, "refund.processed");
  assert.deepEqual(object, { kind: "refund", id: "rfnd_1" });
  assert.equal(occurredAt, 1_790_000_000_000);
  assert.deepEqual(made, {
    ...told,
    ...{ kind: "refund", providerKey: "key-1", reference: "rfnd_1", stands: true },
  });
  const failed = await eventOf(provider, parts(JSON.stringify(refund("failed"))), NOW);
  assert.deepEqual([failed.evidence?.finding, failed.evidence?.stands], ["unknown", undefined]);
  assert.deepEqual(
    await evidence("payout.reversed", {
      payout: { entity: { id: "pout_1", status: "reversed", reference_id: "key-2" } },
    }),
    [
      { kind: "payout", id: "pout_1" },
      { ...told, kind: "payout", providerKey: "key-2", reference: "pout_1" },
    ],
  );
  assert.deepEqual(
    await evidence("order.paid", {
      payment: { entity: { id: "pay_1" } },
      order: { entity: { id: "order_1", status: "paid", receipt: "key-3" } },
    }),
    [
      { kind: "order", id: "order_1" },
      { ...told, kind: "order", providerKey: "key-3", reference: "order_1" },
    ],
  );
  assert.deepEqual(
    await evidence("payment.dispute.created", {
      payment: { entity: { id: "pay_1" } },
      dispute: { entity: { id: "disp_1" } },
    }),
    [{ kind: "dispute", id: "disp_1" }, undefined],
  );
  assert.deepEqual(
    await evidence("refund.created", { refund: { entity: { id: "rfnd_2", notes: [] } } }),
    [
      { kind: "refund", id: "rfnd_2" },
      { ...told, kind: "refund", reference: "rfnd_2" },
    ],
  );
});

test("a package that refuses, answers oddly or throws is a refusal", async () => {
  const answers = [() => false, () => 1, () => undefined, () => assert.fail("It broke.")];
  for (const answer of answers) {
    const odd = { validateWebhookSignature: answer } as unknown as RazorpaySignatureSdk;
    const strict = razorpayWebhook({ secret: "first-secret-1234", sdk: odd });
    await refusedWith("signature-wrong", () => eventOf(strict, parts(BODY), NOW));
  }
});

test("what is signed and no event is malformed", async () => {
  for (const body of ["", "no", "[]", "null", "{}", '{"event":1}'])
    await refusedWith("webhook-malformed", () => eventOf(provider, parts(body), NOW));
});
