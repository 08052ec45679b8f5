import assert from "node:assert/strict";
import { test } from "node:test";
import { protect } from "../../src/http/web.ts";
import { nevertwice, ok } from "../../src/index.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { Order } from "../core/stage.ts";

type Handler = (request: Request) => Promise<Response>;

/** Ann has two sessions, as after a new login; both people belong to one account. */
const PEOPLE: Readonly<Record<string, string>> = { s1: "ann", s2: "ann", s3: "bob" };
const personOf = (request: Request): string =>
  PEOPLE[request.headers.get("authorization") ?? ""] ?? "nobody";
const scope = (): string => "acct_1";
const withPerson = {
  scope,
  fingerprint: async (request: Request) => ({ by: personOf(request), body: await request.json() }),
};

function house() {
  const once = nevertwice({ store: memoryStore(), namespace: "test", onEvent: () => undefined });
  const handler = () => ok({ paid: 5 }, 201, { reference: "order_1" });
  return { once, pay: once.operation("pay", { input: Order, handler }) };
}

async function post(handler: Handler, authorization: string, amount = 5) {
  const response = await handler(
    new Request("http://shop.example/pay", {
      method: "POST",
      headers: { authorization, "idempotency-key": "k1", "content-type": "application/json" },
      body: JSON.stringify({ cartId: "c1", amount }),
    }),
  );
  const replayed = response.headers.get("idempotent-replayed") === "true";
  return { status: response.status, replayed, body: await response.text() };
}

async function isOfOnePerson(handler: Handler): Promise<void> {
  const first = await post(handler, "s1");
  assert.equal(first.status, 201);
  assert.deepEqual(await post(handler, "s2"), { ...first, replayed: true });
  const refused = await post(handler, "s3");
  assert.equal(refused.status, 422);
  assert.match(refused.body, /"key-reused"/);
  assert.doesNotMatch(refused.body, /order_1|paid/);
  assert.equal((await post(handler, "s1", 6)).status, 422);
}

test("a replay is refused to another person of the account where the person is compared", async () => {
  await isOfOnePerson(protect(house().pay, withPerson));
});

test("and so it is round a handler that exists", async () => {
  const { once } = house();
  const wrap = { ...withPerson, name: "orders", afterCrash: "doubt" } as const;
  await isOfOnePerson(protect(once, wrap, () => Response.json({ paid: 5 }, { status: 201 })));
});

test("with named fields the person is one of them", async () => {
  const { once } = house();
  const pay = once.operation("pay-fields", {
    input: Order,
    fingerprint: ["by", "body.amount"],
    handler: () => ok({ paid: 5 }, 201),
  });
  await isOfOnePerson(protect(pay, withPerson));
});

test("without it the account's people share their keys", async () => {
  const handler = protect(house().pay, { scope });
  const first = await post(handler, "s1");
  assert.deepEqual(await post(handler, "s3"), { ...first, replayed: true });
});
