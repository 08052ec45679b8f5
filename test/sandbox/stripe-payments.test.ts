import assert from "node:assert/strict";
import { test } from "node:test";
import type Stripe from "stripe";
import { post } from "./sandbox.ts";
import { PAYMENT, refusal, type StripeBench, stripeBench } from "./stripe.ts";

/** What the ledger has: kind, amount and status. */
async function moves(bench: StripeBench): Promise<string[]> {
  return (await bench.ledger()).map(({ kind, amount, status }) => `${kind} ${amount} ${status}`);
}

/** Test methods, what the SDK says of them, and what the ledger has. */
const DECLINES: readonly (readonly [
  method: string,
  code: string,
  declineCode: string | undefined,
])[] = [
  ["pm_card_chargeDeclined", "card_declined", "generic_decline"],
  ["pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"],
  ["pm_card_chargeDeclinedExpiredCard", "expired_card", undefined],
];

for (const [method, code, declineCode] of DECLINES)
  test(`${method} is a card error, kept under its key, without a move of money`, async (context) => {
    const bench = await stripeBench(context);
    const stripe = bench.client();
    const declined = { ...PAYMENT, payment_method: method };
    const options = { idempotencyKey: "k1" };
    const error = await refusal(stripe.paymentIntents.create(declined, options));
    assert.deepEqual(
      [error.type, error.statusCode, error.code, error.decline_code || undefined],
      ["StripeCardError", 402, code, declineCode],
    );
    assert.equal(error.payment_intent?.status, "requires_payment_method");
    assert.ok(error.requestId?.startsWith("req_"));
    const again = await refusal(stripe.paymentIntents.create(declined, options));
    assert.equal(again.headers?.["idempotent-replayed"], "true");
    assert.deepEqual(await moves(bench), []);
    const id = error.payment_intent?.id ?? "";
    const paid = await stripe.paymentIntents.confirm(id, { payment_method: "pm_card_visa" });
    assert.deepEqual([paid.status, paid.amount_received], ["succeeded", 1999]);
    assert.deepEqual(await moves(bench), ["charge 1999 succeeded"]);
    const charges = await stripe.charges.list({ payment_intent: id });
    assert.deepEqual(
      charges.data.map(({ status }) => status),
      ["succeeded", "failed"],
    );
  });

test("an intent is made, confirmed and read; a second confirmation is refused", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const made = await stripe.paymentIntents.create({ amount: 500, currency: "EUR" });
  assert.deepEqual([made.status, made.currency], ["requires_payment_method", "eur"]);
  const chosen = await stripe.paymentIntents.update(made.id, {
    payment_method: "pm_card_visa",
    metadata: { a: "1", b: "2" },
  });
  assert.equal(chosen.status, "requires_confirmation");
  await stripe.paymentIntents.update(made.id, { metadata: { a: "" } });
  const paid = await stripe.paymentIntents.confirm(made.id, { expand: ["latest_charge"] });
  const charge = paid.latest_charge as Stripe.Charge;
  assert.deepEqual([charge.object, charge.metadata], ["charge", { b: "2" }]);
  const again = await refusal(stripe.paymentIntents.confirm(made.id));
  assert.equal(again.code, "payment_intent_unexpected_state");
  assert.equal((await stripe.paymentIntents.retrieve(made.id)).status, "succeeded");
  assert.deepEqual(await moves(bench), ["charge 500 succeeded"]);
});

test("an authorization is captured in part, or canceled", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const manual = { ...PAYMENT, capture_method: "manual" } as const;
  const held = await stripe.paymentIntents.create(manual);
  assert.deepEqual([held.status, held.amount_capturable], ["requires_capture", 1999]);
  assert.deepEqual(await moves(bench), ["charge 1999 authorized"]);
  const tooMuch = await refusal(
    stripe.paymentIntents.capture(held.id, { amount_to_capture: 2_000 }),
  );
  assert.equal(tooMuch.code, "amount_too_large");
  const taken = await stripe.paymentIntents.capture(held.id, { amount_to_capture: 1_500 });
  assert.deepEqual([taken.status, taken.amount_received], ["succeeded", 1_500]);
  const other = await stripe.paymentIntents.create(manual);
  assert.equal((await stripe.paymentIntents.cancel(other.id)).status, "canceled");
  assert.equal((await refusal(stripe.paymentIntents.capture(other.id))).statusCode, 400);
  assert.equal((await refusal(stripe.paymentIntents.cancel(taken.id))).statusCode, 400);
  assert.deepEqual(await moves(bench), ["charge 1500 succeeded", "charge 1999 canceled"]);
  const rest = await refusal(stripe.refunds.create({ payment_intent: held.id, amount: 1_501 }));
  assert.equal(rest.code, "amount_too_large");
  assert.equal((await stripe.refunds.create({ payment_intent: held.id })).amount, 1_500);
});

test("a card that asks for its owner waits for the authentication", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const asking = { ...PAYMENT, payment_method: "pm_card_authenticationRequired" };
  const [first, second] = [
    await stripe.paymentIntents.create(asking),
    await stripe.paymentIntents.create(asking),
  ];
  assert.equal(first.status, "requires_action");
  assert.deepEqual(await moves(bench), []);
  const authenticate = (intent: Stripe.PaymentIntent, outcome: string): Promise<Response> =>
    fetch(intent.next_action?.redirect_to_url?.url ?? "", {
      method: "POST",
      headers: {
        authorization: "Bearer sk_test_x",
        "content-type": "application/x-www-form-urlencoded",
      },
      body: `outcome=${outcome}`,
    });
  assert.equal((await authenticate(first, "succeeded")).status, 200);
  assert.equal((await stripe.paymentIntents.retrieve(first.id)).status, "succeeded");
  assert.equal((await authenticate(second, "failed")).status, 200);
  const failed = await stripe.paymentIntents.retrieve(second.id);
  assert.equal(failed.status, "requires_payment_method");
  assert.deepEqual(await moves(bench), ["charge 1999 succeeded"]);
});

test("a bank answers after a minute of the sandbox's clock", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const bank = (method: string) => ({ ...PAYMENT, payment_method: method });
  const good = await stripe.paymentIntents.create(bank("pm_usBankAccount_success"));
  const bad = await stripe.paymentIntents.create(bank("pm_usBankAccount_insufficientFunds"));
  assert.deepEqual([good.status, bad.status], ["processing", "processing"]);
  assert.deepEqual(await moves(bench), ["charge 1999 pending", "charge 1999 pending"]);
  await bench.advance(61_000);
  assert.equal((await stripe.paymentIntents.retrieve(good.id)).status, "succeeded");
  assert.equal((await stripe.paymentIntents.retrieve(bad.id)).status, "requires_payment_method");
  assert.deepEqual(await moves(bench), ["charge 1999 succeeded", "charge 1999 failed"]);
});

test("refunds never exceed their charge", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const charge = await stripe.charges.create({
    amount: 1_000,
    currency: "eur",
    source: "tok_visa",
  });
  await stripe.refunds.create({ charge: charge.id, amount: 600 }, { idempotencyKey: "r1" });
  const tooMuch = await refusal(stripe.refunds.create({ charge: charge.id, amount: 401 }));
  assert.match(tooMuch.message, /greater than unrefunded amount/);
  const rest = await stripe.refunds.create({ charge: charge.id, metadata: { why: "broken" } });
  assert.equal(rest.amount, 400);
  const over = await refusal(stripe.refunds.create({ charge: charge.id }));
  assert.equal(over.code, "charge_already_refunded");
  const after = await stripe.charges.retrieve(charge.id);
  assert.deepEqual([after.refunded, after.amount_refunded], [true, 1_000]);
  const listed = await stripe.refunds.list({ charge: charge.id });
  assert.deepEqual(
    listed.data.map(({ amount }) => amount),
    [400, 600],
  );
  assert.equal((await stripe.refunds.retrieve(rest.id)).metadata?.["why"], "broken");
  assert.equal((await refusal(stripe.refunds.create({ charge: "ch_none" }))).statusCode, 404);
  const declined = stripe.charges.create({
    amount: 1_000,
    currency: "eur",
    source: "tok_chargeDeclined",
  });
  const failed = await refusal(declined);
  const nothing = await refusal(stripe.refunds.create({ charge: failed.charge ?? "" }));
  assert.equal(nothing.code, "charge_not_refundable");
  assert.equal((await bench.ledger()).length, 3);
});

test("lists go page by page, newest first", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const ids: string[] = [];
  for (let order = 0; order < 5; order += 1)
    ids.unshift((await stripe.paymentIntents.create({ amount: 100, currency: "eur" })).id);
  const seen: string[] = [];
  for await (const intent of stripe.paymentIntents.list({ limit: 2 })) seen.push(intent.id);
  assert.deepEqual(seen, ids);
  const before = await stripe.paymentIntents.list({ ending_before: ids[3] ?? "", limit: 2 });
  assert.deepEqual(
    before.data.map(({ id }) => id),
    [ids[1], ids[2]],
  );
  const none = await stripe.paymentIntents.list({ created: { lt: 1_000 } });
  assert.deepEqual([none.data, none.has_more], [[], false]);
  assert.equal((await refusal(stripe.paymentIntents.list({ limit: 101 }))).statusCode, 400);
});

test("a search finds by metadata, after the lag of its index", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  await post(`${bench.url}/sandbox/settings`, { indexLagMs: 60_000, provider: "stripe" });
  const { id } = await stripe.paymentIntents.create(PAYMENT);
  await stripe.paymentIntents.create({ ...PAYMENT, metadata: { order: "it's 8" } });
  const search = async (query: string): Promise<number> =>
    (await stripe.paymentIntents.search({ query })).data.length;
  assert.equal(await search("metadata['order']:'7'"), 0);
  assert.equal((await stripe.paymentIntents.retrieve(id)).id, id);
  assert.equal((await stripe.paymentIntents.list()).data.length, 2);
  await bench.advance(60_000);
  const counts: [query: string, found: number][] = [
    ["metadata['order']:'7'", 1],
    ['metadata["order"]:"7" AND status:"succeeded"', 1],
    ["metadata['order']:'it\\'s 8'", 1],
    ["-metadata['order']:'7'", 1],
    ["metadata['order']~'it'", 1],
    ["metadata['other']:null", 2],
    ["metadata['order']:'7' OR amount>1000", 2],
    ["amount>=2000", 0],
    ["status:'canceled'", 0],
  ];
  for (const [query, found] of counts) assert.equal(await search(query), found, query);
  for (const query of ["", "order", "a:'1' AND b:'2' OR c:'3'", "metadata['a]:'1'"])
    assert.equal((await refusal(stripe.paymentIntents.search({ query }))).statusCode, 400, query);
  const charges = await stripe.charges.search({ query: "metadata['order']:'7'" });
  assert.equal(charges.data.length, 1);
});

test("customers and events are there", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const customer = await stripe.customers.create({ email: "a@example.com", name: "A" });
  assert.equal((await stripe.customers.retrieve(customer.id)).id, customer.id);
  await stripe.paymentIntents.create({ ...PAYMENT, customer: customer.id });
  const { data } = await stripe.events.list();
  assert.deepEqual(
    data.map(({ type }) => type),
    ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created", "customer.created"],
  );
  assert.equal((await stripe.events.retrieve(data[0]?.id ?? "")).type, "payment_intent.succeeded");
});
