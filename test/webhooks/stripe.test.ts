import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import Stripe from "stripe";
import { stripeWebhook } from "../../src/webhooks/stripe.ts";
import { testProperty } from "../property.ts";
import { eventOf, isTaken, refusedWith } from "./bench.ts";
import { type Body, bodies, damage, NOW, secret as secrets, testTraps } from "./traps.ts";

const stripe = new Stripe("sk_test_1");
const HEADER = "stripe-signature";
const SECONDS = NOW / 1000;
const EVENT = { id: "evt_1", object: "event", type: "payment_intent.succeeded", created: SECONDS };
const BODY = JSON.stringify({
  ...EVENT,
  pending_webhooks: 1,
  data: { object: { object: "none" } },
});

function signature(body: Body, secret: string, stamp: number | string = SECONDS): string {
  return createHmac("sha256", secret).update(`${stamp}.`).update(body).digest("hex");
}

function sign(body: Body, secret = "first-secret-1234", stamp: number | string = SECONDS) {
  return { [HEADER]: `t=${stamp},v1=${signature(body, secret, stamp)}` };
}

testTraps("stripe", {
  provider: (secret) => stripeWebhook({ secret, stripe }),
  sign,
  header: HEADER,
  body: BODY,
});

const alone = stripeWebhook({ secret: "first-secret-1234" });
const both = stripeWebhook({ secret: "first-secret-1234", stripe });

testProperty(
  "Stripe's package takes what is taken here, but for the future",
  fc.asyncProperty(
    bodies({ id: "evt_1", type: "a.b", object: "event" }),
    secrets,
    damage,
    fc.integer({ min: -400, max: 60 }),
    async (body, secret, damaged, offset) => {
      const timestamp = SECONDS + offset;
      const header = damaged(
        stripe.webhooks.generateTestHeaderString({ payload: body, secret, timestamp }),
      );
      const official = (): boolean => {
        try {
          stripe.webhooks.constructEvent(body, header, "first-secret-1234", 300, undefined, NOW);
          return true;
        } catch {
          return false;
        }
      };
      const sent = { headers: { [HEADER]: header }, body };
      // The package overlooks what follows on a second "=", and HTTP the space behind a value.
      fc.pre(!/[ =]$/.test(header));
      assert.equal(await isTaken(alone, sent, NOW), official());
      assert.equal(await isTaken(both, sent, NOW), official());
    },
  ),
);

test("a signed time counts from the tolerance before now to a minute after it", async () => {
  const read = (stamp: number | string, toleranceMs?: number) => () => {
    const options = { secret: "first-secret-1234", stripe };
    const provider = stripeWebhook(toleranceMs ? { ...options, toleranceMs } : options);
    return eventOf(provider, { headers: sign(BODY, "first-secret-1234", stamp), body: BODY }, NOW);
  };
  await read(SECONDS - 300)();
  await read(SECONDS + 60)();
  await refusedWith("signature-late", read(SECONDS - 301));
  await refusedWith("signature-late", read(SECONDS + 61));
  await refusedWith("signature-late", read(SECONDS + 315_360_000));
  await read(SECONDS - 3_600, 3_600_000)();
  await refusedWith("signature-late", read(SECONDS - 3_601, 3_600_000));
  await refusedWith("signature-missing", read(`0${SECONDS}`));
  await refusedWith("signature-missing", read(`${SECONDS}.5`));
  for (const toleranceMs of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
    await refusedWith("option-invalid", () =>
      stripeWebhook({ secret: "first-secret-1234", toleranceMs }),
    );
});

test("one of several signatures is enough, and only those of v1 count", async () => {
  const right = signature(BODY, "first-secret-1234");
  const wrong = signature(BODY, "second-secret-1234");
  const read = (header: string) => () =>
    eventOf(both, { headers: { [HEADER]: header }, body: BODY }, NOW);
  await read(`t=${SECONDS},v1=${wrong},v1=${right}`)();
  await read(`t=${SECONDS},v1=${right},v1=${wrong},v0=${wrong}`)();
  await refusedWith("signature-wrong", read(`t=${SECONDS},v1=${wrong},v0=${right}`));
  await refusedWith("signature-missing", read(`t=${SECONDS},v0=${right}`));
  await refusedWith("signature-missing", read(`v1=${right}`));
  await refusedWith("signature-missing", read(`t=${SECONDS},t=${SECONDS},v1=${right}`));
});

test("the package's refusal is a refusal, whatever is seen here", async () => {
  const parts = { headers: sign(BODY), body: BODY };
  const refuse = (): never => {
    throw new Error("No.");
  };
  for (const signature of [{ verifyHeader: refuse }, null]) {
    const provider = stripeWebhook({
      secret: "first-secret-1234",
      stripe: { webhooks: { signature } },
    });
    await refusedWith("signature-wrong", () => eventOf(provider, parts, NOW));
  }
});

async function read(members: object) {
  const body = JSON.stringify({ ...EVENT, ...members });
  return eventOf(both, { headers: sign(body), body }, NOW);
}

test("the key is the event's id; deliveries of one event have one fingerprint", async () => {
  const one = await read({ pending_webhooks: 1 });
  const again = await read({ pending_webhooks: 2 });
  const other = await read({ pending_webhooks: 1, data: { object: { amount: 2 } } });
  assert.equal(one.key, "id:evt_1");
  assert.deepEqual(again.fingerprint, one.fingerprint);
  assert.notDeepEqual(other.fingerprint, one.fingerprint);
  assert.match((await read({ id: "e".repeat(300) })).key, /^id-sha256:[0-9a-f]{64}$/);
  assert.equal(one.type, "payment_intent.succeeded");
  assert.equal(one.occurredAt, NOW);
  assert.equal(one.hint, undefined);
});

test("an event without id or type, or that is no JSON, is malformed", async () => {
  await refusedWith("webhook-malformed", () => read({ id: undefined }));
  await refusedWith("webhook-malformed", () => read({ type: 1 }));
  const parts = { headers: sign("{"), body: "{" };
  await refusedWith("webhook-malformed", () => eventOf(alone, parts, NOW));
});

test("a thin event names its object", async () => {
  const event = await read({
    object: "v2.core.event",
    created: "2026-09-21T14:13:20.000Z",
    related_object: { id: "acct_1", type: "v2.core.account" },
  });
  assert.deepEqual(event.object, { kind: "v2.core.account", id: "acct_1" });
  assert.equal(event.occurredAt, NOW);
});

const intent = { object: "payment_intent", id: "pi_1", metadata: { nevertwice_key: "key-1" } };
const made = {
  provider: "stripe",
  kind: "payment_intent",
  providerKey: "key-1",
  reference: "pi_1",
};

test("an intent is evidence of the step that made it, and a capture of its own step", async () => {
  const told = async (object: object) => {
    const event = await read({ data: { object: { ...intent, ...object } } });
    assert.deepEqual(event.object, { kind: "payment_intent", id: "pi_1" });
    return event.evidence;
  };
  assert.deepEqual(await told({ status: "succeeded" }), {
    ...made,
    finding: "executed",
    stands: true,
  });
  assert.deepEqual(await told({ status: "requires_action" }), { ...made, finding: "executed" });
  const refused = { status: "requires_payment_method", last_payment_error: { code: "declined" } };
  assert.deepEqual(await told(refused), { ...made, finding: "unknown" });
  const metadata = { nevertwice_key: "key-1", nevertwice_capture_key: "key-2" };
  assert.deepEqual(await told({ status: "succeeded", metadata }), {
    ...made,
    kind: "capture",
    providerKey: "key-2",
    finding: "executed",
    stands: true,
  });
});

test("a charge copies the mark of its intent, and is evidence of the intent then", async () => {
  const told = async (object: object) => (await read({ data: { object } })).evidence;
  const charge = { ...intent, object: "charge", id: "ch_1", status: "succeeded" };
  const ends = { finding: "executed", stands: true };
  assert.deepEqual(await told({ ...charge, payment_intent: "pi_1" }), { ...made, ...ends });
  assert.deepEqual(await told({ ...charge, payment_intent: null }), {
    ...made,
    ...ends,
    kind: "charge",
    reference: "ch_1",
  });
  assert.equal((await told({ ...charge, status: "failed" }))?.finding, "unknown");
  const refund = { ...intent, object: "refund", id: "re_1", status: "pending" };
  assert.deepEqual(await told(refund), {
    ...made,
    kind: "refund",
    reference: "re_1",
    finding: "executed",
  });
  assert.equal((await told({ ...refund, status: "failed" }))?.finding, "unknown");
  assert.equal(await told({ object: "balance" }), undefined);
});
