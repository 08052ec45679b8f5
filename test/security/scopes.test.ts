import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { protect } from "../../src/http/web.ts";
import { nevertwice, ok } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { Order } from "../core/stage.ts";
import { testProperty } from "../property.ts";

const KEYS = ["k1", "k2", "acct_a:k1"];
const act = fc.record({
  act: fc.constantFrom("run", "other", "look", "resume"),
  key: fc.constantFrom(...KEYS),
});

function house(store = memoryStore()) {
  const once = nevertwice({ store, namespace: "test", onEvent: () => undefined });
  const pay = once.operation("pay", {
    input: Order,
    handler: (_, input) => ok({ paid: input.amount }, 201, { reference: input.cartId }),
  });
  return { once, pay };
}

testProperty(
  "whatever another account does, an account's operations stay as they are",
  fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
    const { once, pay } = house();
    const mine = { scope: "acct_a", key: "k1", input: { cartId: "mine", amount: 5 } };
    const first = await pay.run(mine);
    const view = await once.lookup({ scope: "acct_a", key: "k1", origin: "own" });
    assert.equal(view?.state, "succeeded");
    for (const { act, key } of acts) {
      const named = { scope: "acct_b", key, origin: "own" } as const;
      const input = { cartId: "theirs", amount: act === "other" ? 9 : 7 };
      if (act === "look") await once.lookup(named);
      else if (act === "resume") await once.resume(named, { by: "b", reason: "x" });
      else await pay.run({ scope: "acct_b", key, input });
    }
    assert.deepEqual(await once.lookup({ scope: "acct_a", key: "k1", origin: "own" }), view);
    assert.deepEqual(await pay.run(mine), { ...first, replayed: true });
  }),
);

test("another account's key is answered like one that nobody has", async () => {
  const { once, pay } = house();
  await pay.run({ scope: "acct_a", key: "k1", input: { cartId: "mine", amount: 5 } });
  const word = { by: "b", reason: "x" };
  for (const ask of [
    (key: string) => once.lookup({ scope: "acct_b", key, origin: "own" }),
    (key: string) => once.resume({ scope: "acct_b", key, origin: "own" }, word),
  ])
    assert.deepEqual(await ask("k1"), await ask("never-used"));
});

/** A store that notes each of its calls by its name and the number of what it is given. */
function watched(calls: string[]) {
  const store = memoryStore();
  const watch = (target: object, path: string): object =>
    new Proxy(target, {
      get(owner, name) {
        const found: unknown = Reflect.get(owner, name);
        const named = `${path}${String(name)}`;
        if (typeof found === "function")
          return (...given: unknown[]): unknown => {
            calls.push(`${named}(${given.length})`);
            return Reflect.apply(found, owner, given);
          };
        return typeof found === "object" && found !== null ? watch(found, `${named}.`) : found;
      },
    });
  return watch(store, "") as typeof store;
}

test("the store is asked the same for another account's key as for one that nobody has", async () => {
  const calls: string[] = [];
  const { once, pay } = house(watched(calls));
  await pay.run({ scope: "acct_a", key: "k1", input: { cartId: "mine", amount: 5 } });
  const theirs = (key: string) => ({ scope: "acct_b", key, origin: "own" }) as const;
  const input = { cartId: "theirs", amount: 7 };
  const asked = async (work: () => Promise<unknown>): Promise<readonly string[]> => {
    calls.length = 0;
    await work();
    return [...calls];
  };
  for (const ask of [
    (key: string) => once.lookup(theirs(key)),
    (key: string) => once.resume(theirs(key), { by: "b", reason: "x" }),
    (key: string) => once.settle(theirs(key), { step: "s", executed: "x", by: "b", reason: "x" }),
    (key: string) => pay.run({ scope: "acct_b", key, input }),
  ]) {
    const first = await asked(() => ask("k1"));
    assert.ok(first.length > 0);
    assert.deepEqual(first, await asked(() => ask("never-used")));
  }
});

test("where scope and key end is no matter of the letters between them", () => {
  const parts = [
    ["a|b", "c"],
    ["a", "b|c"],
    ["a:b", "c"],
    ["a", "b:c"],
    ["ab", "c"],
    ["a", "bc"],
  ] as const;
  const ids = parts.flatMap(([scope, key]) => [
    recordId("own", scope, key),
    recordId("http", scope, key),
  ]);
  assert.equal(new Set(ids).size, ids.length);
});

test("who has lost the right to ask is given no replay", async () => {
  const { pay } = house();
  const sessions = new Map([["session-1", "acct_a"]]);
  const replaying = protect(pay, {
    scope: (request) => sessions.get(request.headers.get("authorization") ?? ""),
  });
  /** The application's own check goes before the protection. */
  const route = (request: Request): Promise<Response> | Response =>
    sessions.has(request.headers.get("authorization") ?? "")
      ? replaying(request)
      : new Response(null, { status: 401 });
  const post = (authorization: string) =>
    route(
      new Request("http://shop.example/pay", {
        method: "POST",
        headers: { authorization, "idempotency-key": "k1", "content-type": "application/json" },
        body: JSON.stringify({ cartId: "c1", amount: 5 }),
      }),
    );
  assert.equal((await post("session-1")).status, 201);
  assert.equal((await post("session-1")).headers.get("idempotent-replayed"), "true");
  sessions.clear();
  const refused = await post("session-1");
  assert.equal(refused.status, 401);
  assert.equal(await refused.text(), "");
});
