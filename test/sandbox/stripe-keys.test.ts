import assert from "node:assert/strict";
import { test } from "node:test";
import { post } from "./sandbox.ts";
import { PAYMENT, refusal, stripeBench } from "./stripe.ts";

const DAY_MS = 86_400_000;

test("a replay gives the same answer, and says so in its headers", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const options = { idempotencyKey: "k1" };
  const first = await stripe.paymentIntents.create(PAYMENT, options);
  const again = await stripe.paymentIntents.create(PAYMENT, options);
  assert.deepEqual(JSON.parse(JSON.stringify(again)), JSON.parse(JSON.stringify(first)));
  assert.equal(first.lastResponse.headers["idempotent-replayed"], undefined);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  assert.equal(again.lastResponse.idempotencyKey, "k1");
  assert.notEqual(again.lastResponse.requestId, first.lastResponse.requestId);
  assert.equal(again.lastResponse.headers["original-request"], first.lastResponse.requestId);
  const [entry, ...more] = await bench.ledger();
  assert.deepEqual(more, []);
  assert.deepEqual(
    [entry?.kind, entry?.amount, entry?.currency, entry?.key, entry?.status, entry?.metadata],
    ["charge", 1999, "eur", "k1", "succeeded", { order: "7" }],
  );
});

test("a key with other parameters or another endpoint is an idempotency error", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const options = { idempotencyKey: "k1" };
  await stripe.paymentIntents.create(PAYMENT, options);
  const other = await refusal(stripe.paymentIntents.create({ ...PAYMENT, amount: 5 }, options));
  assert.deepEqual([other.type, other.statusCode], ["StripeIdempotencyError", 400]);
  assert.match(other.message, /same parameters/);
  const elsewhere = await refusal(stripe.customers.create({ name: "A" }, options));
  assert.equal(elsewhere.type, "StripeIdempotencyError");
  assert.match(elsewhere.message, /same endpoint/);
  assert.equal((await bench.ledger()).length, 1);
});

test("a 500 is frozen under its key, although the money moved", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  await bench.faults(["500-frozen-after"]);
  const options = { idempotencyKey: "k1" };
  const create = () => stripe.paymentIntents.create(PAYMENT, options);
  const [first, again] = [await refusal(create()), await refusal(create())];
  assert.deepEqual([first.type, first.statusCode], ["StripeAPIError", 500]);
  assert.deepEqual([again.statusCode, again.headers?.["idempotent-replayed"]], [500, "true"]);
  assert.equal(again.headers?.["stripe-should-retry"], "false");
  assert.equal((await bench.ledger()).length, 1);
  const found = await stripe.paymentIntents.search({ query: "metadata['order']:'7'" });
  assert.deepEqual(
    found.data.map(({ status }) => status),
    ["succeeded"],
  );
  const { data: events } = await stripe.events.list({ type: "payment_intent.succeeded" });
  assert.equal(events[0]?.request?.idempotency_key, "k1");
});

/** Refused before the execution began: the key stays free. */
const FREE: readonly (readonly [fault: string, status: number, type: string])[] = [
  ["429", 429, "StripeRateLimitError"],
  ["503-before", 503, "StripeAPIError"],
  ["500-before", 500, "StripeAPIError"],
  ["409", 409, "StripeAPIError"],
];

for (const [fault, status, type] of FREE)
  test(`${fault} stores nothing`, async (context) => {
    const bench = await stripeBench(context);
    const stripe = bench.client();
    await bench.faults([fault]);
    const options = { idempotencyKey: "k1" };
    const refused = await refusal(stripe.paymentIntents.create(PAYMENT, options));
    assert.deepEqual([refused.statusCode, refused.type], [status, type]);
    assert.deepEqual(await bench.ledger(), []);
    const paid = await stripe.paymentIntents.create(PAYMENT, options);
    assert.equal(paid.status, "succeeded");
    assert.equal(paid.lastResponse.headers["idempotent-replayed"], undefined);
  });

test("a refused parameter and a missing secret store nothing", async (context) => {
  const bench = await stripeBench(context);
  const options = { idempotencyKey: "k1" };
  const stripe = bench.client();
  const wrong = await refusal(stripe.paymentIntents.create({ ...PAYMENT, amount: 0 }, options));
  assert.deepEqual(
    [wrong.type, wrong.code, wrong.param],
    ["StripeInvalidRequestError", "parameter_invalid_integer", "amount"],
  );
  const nobody = await refusal(bench.client("nonsense").paymentIntents.create(PAYMENT, options));
  assert.deepEqual([nobody.type, nobody.statusCode], ["StripeAuthenticationError", 401]);
  const paid = await stripe.paymentIntents.create(PAYMENT, options);
  assert.equal(paid.status, "succeeded");
});

for (const fault of ["timeout-after", "truncated"])
  test(`${fault}: the SDK does not know, the ledger has it, and the same key tells`, async (context) => {
    const bench = await stripeBench(context);
    const stripe = bench.client("sk_test_x", { timeout: 300 });
    await bench.faults([fault]);
    const options = { idempotencyKey: "k1" };
    const lost = await refusal(stripe.paymentIntents.create(PAYMENT, options));
    assert.match(lost.type, /StripeConnectionError|StripeAPIError/);
    assert.equal((await bench.ledger()).length, 1);
    const again = await stripe.paymentIntents.create(PAYMENT, options);
    assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
    assert.equal((await bench.ledger()).length, 1);
  });

test("reset-after: the SDK retries a closed connection by itself, and the key keeps it at one charge", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  await bench.faults(["reset-after"]);
  const paid = await stripe.paymentIntents.create(PAYMENT, { idempotencyKey: "k1" });
  assert.equal(paid.lastResponse.headers["idempotent-replayed"], "true");
  await bench.faults(["reset-after", "reset-after"]);
  const lost = await refusal(stripe.paymentIntents.create(PAYMENT, { idempotencyKey: "k2" }));
  assert.equal(lost.type, "StripeConnectionError");
  assert.equal((await bench.ledger()).length, 2);
});

test("a key in use is 409, with the advice to try again", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  await bench.faults(["slow:400"]);
  const options = { idempotencyKey: "k1" };
  const slow = stripe.paymentIntents.create(PAYMENT, options);
  const left = async (): Promise<string> => await (await fetch(`${bench.url}/faults`)).text();
  while ((await left()).includes("slow")) await new Promise(setImmediate);
  const refused = await refusal(stripe.paymentIntents.create(PAYMENT, options));
  assert.deepEqual([refused.statusCode, refused.code], [409, "idempotency_key_in_use"]);
  assert.equal(refused.headers?.["stripe-should-retry"], "true");
  assert.equal((await slow).status, "succeeded");
  assert.equal((await bench.ledger()).length, 1);
});

test("after a day the key is forgotten, and the same request charges again", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const options = { idempotencyKey: "k1" };
  const first = await stripe.paymentIntents.create(PAYMENT, options);
  await bench.advance(DAY_MS - 60_000);
  assert.equal((await stripe.paymentIntents.create(PAYMENT, options)).id, first.id);
  await bench.advance(120_000);
  const later = await stripe.paymentIntents.create(PAYMENT, options);
  assert.notEqual(later.id, first.id);
  assert.equal((await bench.ledger()).length, 2);
});

test("accounts have keys and objects of their own; two secrets of one account share them", async (context) => {
  const bench = await stripeBench(context);
  const options = { idempotencyKey: "k1" };
  const mine = await bench.client("sk_test_shop_1").paymentIntents.create(PAYMENT, options);
  const rolled = await bench.client("sk_test_shop_2").paymentIntents.create(PAYMENT, options);
  assert.equal(rolled.id, mine.id);
  const other = bench.client("sk_test_other");
  assert.notEqual((await other.paymentIntents.create(PAYMENT, options)).id, mine.id);
  const missing = await refusal(other.paymentIntents.retrieve(mine.id));
  assert.deepEqual([missing.statusCode, missing.code], [404, "resource_missing"]);
  const connected = { ...options, stripeAccount: "acct_connected" };
  const theirs = await bench.client("sk_test_shop_1").paymentIntents.create(PAYMENT, connected);
  assert.notEqual(theirs.id, mine.id);
  assert.deepEqual(
    (await bench.ledger()).map(({ account }) => account),
    ["acct_shop", "acct_other", "acct_connected"],
  );
});

test("late: the request arrives after its client gave up, and a retry with its key is one charge", async (context) => {
  const bench = await stripeBench(context);
  await bench.faults(["late:500"]);
  const hasty = bench.client("sk_test_x", { timeout: 100 });
  const options = { idempotencyKey: "k1" };
  const lost = await refusal(hasty.paymentIntents.create(PAYMENT, options));
  assert.equal(lost.type, "StripeConnectionError");
  const stripe = bench.client();
  const none = await stripe.paymentIntents.search({ query: "metadata['order']:'7'" });
  assert.deepEqual(none.data, [], "a search that finds nothing proves nothing");
  while ((await bench.ledger()).length === 0) await new Promise(setImmediate);
  const again = await stripe.paymentIntents.create(PAYMENT, options);
  assert.equal(again.lastResponse.headers["idempotent-replayed"], "true");
  assert.equal((await bench.ledger()).length, 1);
});

test("faults are aimed at one of Stripe's endpoints", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  await bench.faults({ next: ["decline"], endpoint: "POST /v1/refunds", provider: "stripe" });
  const paid = await stripe.paymentIntents.create(PAYMENT);
  const refused = await refusal(stripe.refunds.create({ payment_intent: paid.id }));
  assert.equal(refused.code, "balance_insufficient");
  assert.equal((await stripe.refunds.create({ payment_intent: paid.id })).status, "succeeded");
});

test("whatever goes wrong, who retries with the same key charges once, and who does not charges more", async (context) => {
  const bench = await stripeBench(context);
  const stripe = bench.client();
  const faults = ["500-before", "500-after", "503-before", "truncated", "409", "429"];
  await bench.faults({ probability: 0.6, faults, seed: 11 });
  const buy = async (order: string, keyed: boolean): Promise<void> => {
    for (let tries = 0; tries < 40; tries += 1) {
      const options = keyed ? { idempotencyKey: order } : {};
      const paid = await stripe.paymentIntents
        .create({ ...PAYMENT, metadata: { order } }, options)
        .catch(() => undefined);
      if (paid !== undefined) return;
    }
    assert.fail(`${order} got no answer`);
  };
  const orders = Array.from({ length: 12 }, (_, index) => String(index));
  for (const order of orders) await buy(`keyed ${order}`, true);
  const charged = (await bench.ledger()).map(({ metadata }) => metadata["order"]);
  assert.deepEqual(charged.toSorted(), orders.map((order) => `keyed ${order}`).toSorted());
  for (const order of orders) await buy(`keyless ${order}`, false);
  assert.ok((await bench.ledger()).length > 2 * orders.length);
});

test("the demo's protocol and Stripe's live on one port, told apart by the secret", async (context) => {
  const bench = await stripeBench(context);
  const plain = await post(`${bench.url}/v1/charges`, { amount: 5, currency: "eur" });
  assert.equal(((await plain.json()) as { createdAt?: number }).createdAt === undefined, false);
  const stripe = bench.client();
  const charge = await stripe.charges.create({ amount: 5, currency: "eur", source: "tok_visa" });
  assert.equal(charge.object, "charge");
  const { data } = await stripe.charges.list();
  assert.equal(data.length, 1);
});
