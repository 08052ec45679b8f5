import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { buy, type Demo, PURCHASE, post, rows, startDemo } from "./shop.ts";

let directory = "";
let demo: Demo;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "nevertwice-shop-"));
  demo = await startDemo(directory);
});
after(async () => {
  assert.equal(await demo.stop(), 0);
  await rm(directory, { recursive: true, force: true });
});

/** Charges and orders of one cart. */
async function count(cartId: string): Promise<{ charges: number; orders: number }> {
  const charges = await rows(`${demo.url}/sandbox/charges`);
  const orders = await rows(`${demo.url}/orders`);
  return {
    charges: charges.filter(
      (charge) => (charge["metadata"] as { cartId?: string }).cartId === cartId,
    ).length,
    orders: orders.filter((order) => order["cartId"] === cartId && order["chargeId"] !== null)
      .length,
  };
}

const FAULTS = [
  "timeout-before",
  "timeout-after",
  "500-before",
  "500-after",
  "reset-before",
  "reset-after",
  "truncated",
  "slow:300",
];

for (const fault of FAULTS) {
  test(`the shop survives ${fault}: one charge, one order, one answer`, async () => {
    const purchase = { ...PURCHASE, cartId: `cart ${fault}` };
    const queued = await post(`${demo.url}/sandbox/faults`, { next: [fault] });
    assert.equal(queued.status, 200);
    const answers = await Promise.all([1, 2, 3].map(() => buy(demo.url, `key-${fault}`, purchase)));
    assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.deepEqual(await count(purchase.cartId), { charges: 1, orders: 1 });
  });
}

for (const at of ["before-charge", "after-charge"]) {
  test(`the shop's process dies ${at} and is started again: one charge, one order`, async () => {
    const purchase = { ...PURCHASE, cartId: `cart ${at}` };
    const health = async () =>
      (await (await fetch(`${demo.url}/healthz`)).json()) as { pid: number };
    const { pid } = await health();
    assert.equal((await post(`${demo.url}/demo/crash`, { at })).status, 200);
    const dying = await post(`${demo.url}/checkout`, purchase, { "idempotency-key": `key-${at}` });
    assert.equal(dying.status, 0);
    assert.equal((await buy(demo.url, `key-${at}`, purchase)).status, 201);
    assert.notEqual((await health()).pid, pid);
    assert.deepEqual(await count(purchase.cartId), { charges: 1, orders: 1 });
  });
}

test("a decline is told as such, replayed, and leaves no order", async () => {
  const purchase = { ...PURCHASE, cartId: "cart declined" };
  await post(`${demo.url}/sandbox/faults`, { next: ["decline"] });
  const first = await buy(demo.url, "key-declined", purchase);
  const second = await buy(demo.url, "key-declined", purchase);
  assert.equal(first.status, 402);
  assert.deepEqual(second, { ...first, replayed: true });
  assert.deepEqual(await count(purchase.cartId), { charges: 0, orders: 0 });
});

test("the naive handler on the same input charges twice", async () => {
  const purchase = { ...PURCHASE, cartId: "cart naive" };
  await post(`${demo.url}/sandbox/faults`, { next: ["reset-after"] });
  assert.equal((await post(`${demo.url}/naive/checkout`, purchase)).status, 502);
  assert.equal((await post(`${demo.url}/naive/checkout`, purchase)).status, 201);
  assert.deepEqual(await count(purchase.cartId), { charges: 2, orders: 1 });
});

test("a refund happens once, whoever asks again", async () => {
  const bought = await buy(demo.url, "key-refunded");
  const { chargeId } = JSON.parse(bought.text) as { chargeId: string };
  const body = { chargeId, amount: 1999 };
  await post(`${demo.url}/sandbox/faults`, { next: ["timeout-after"] });
  const answers = [];
  for (let tries = 0; tries < 3; tries += 1) {
    answers.push(await post(`${demo.url}/refund`, body, { "idempotency-key": "refund-1" }));
  }
  assert.equal(answers.at(-1)?.status, 201);
  const refunds = await rows(`${demo.url}/sandbox/refunds`);
  assert.equal(refunds.filter((refund) => refund["charge"] === chargeId).length, 1);
});

test("accounts are scopes: the same key of another account is another purchase", async () => {
  const mine = await buy(demo.url, "shared-key");
  const headers = { "idempotency-key": "shared-key", "x-account": "someone-else" };
  const theirs = await post(`${demo.url}/checkout`, PURCHASE, headers);
  assert.equal(theirs.status, 201);
  assert.equal(theirs.replayed, false);
  assert.notEqual(theirs.text, mine.text);
});

test("bad input gets a clear answer and changes nothing", async () => {
  const none = await post(`${demo.url}/checkout`, PURCHASE);
  assert.equal(none.status, 400);
  assert.match(none.text, /key-required/);
  const bad = await post(`${demo.url}/checkout`, { cartId: "c" }, { "idempotency-key": "bad" });
  assert.equal(bad.status, 422);
  assert.match(bad.text, /input-invalid/);
  const fault = await post(`${demo.url}/sandbox/faults`, { next: ["nonsense"] });
  assert.equal(fault.status, 400);
  assert.match(fault.text, /timeout-after/);
  assert.equal((await post(`${demo.url}/demo/crash`, { at: "noon" })).status, 400);
  const nobody = { "idempotency-key": "nobody", "x-account": "acct_undefined" };
  assert.equal((await post(`${demo.url}/checkout`, PURCHASE, nobody)).status, 400);
});
