import assert from "node:assert/strict";
import { test } from "node:test";
import type { KeyRules } from "../../src/sandbox/provider.ts";
import { acme, fault, ledger, type Payment } from "./acme.ts";
import { post } from "./sandbox.ts";

test("a kept answer comes back with its bytes and its headers", async (context) => {
  const { url, pay } = await acme(context);
  const first = await pay("k");
  const again = await pay("k");
  assert.deepEqual([first.status, again.status], [201, 201]);
  assert.equal(again.headers.get("x-made"), first.headers.get("x-made"));
  assert.deepEqual(
    [first.headers.get("x-replayed"), again.headers.get("x-replayed")],
    ["false", "true"],
  );
  assert.equal(await again.text(), await first.text());
  const [entry, ...more] = await ledger(url);
  assert.deepEqual(more, []);
  assert.deepEqual([entry?.provider, entry?.key, entry?.status], ["acme", "k", "open"]);
});

/** What stays under a key, by the rule and the answer: the number of payments after two calls. */
const KEPT: readonly (readonly [
  KeyRules["keeps"],
  fault: string,
  statuses: number[],
  made: number,
])[] = [
  ["everything", "500-frozen-after", [500, 500], 1],
  ["everything", "500-frozen-before", [500, 500], 0],
  ["everything", "500-before", [500, 201], 1],
  ["everything", "500-after", [500, 201], 1],
  ["everything", "decline", [402, 402], 0],
  ["definite", "500-frozen-after", [500, 201], 2],
  ["definite", "500-frozen-before", [500, 201], 1],
  ["definite", "decline", [402, 402], 0],
  ["successes", "500-frozen-after", [500, 201], 2],
  ["successes", "decline", [402, 201], 1],
  ["made", "decline", [402, 201], 1],
  ["everything", "429", [409, 201], 1],
  ["everything", "409", [409, 201], 1],
  ["everything", "503-before", [409, 201], 1],
];

for (const [rule, name, statuses, made] of KEPT)
  test(`a provider that keeps ${rule}, after ${name}`, async (context) => {
    const { url, pay } = await acme(context, { keeps: rule });
    await fault(url, name);
    assert.deepEqual([(await pay("k")).status, (await pay("k")).status], statuses);
    assert.equal((await ledger(url)).length, made);
  });

test("a refused request leaves its key free", async (context) => {
  const { pay } = await acme(context);
  assert.equal((await pay("k", { amount: -1 })).status, 422);
  assert.equal((await pay("k")).status, 201);
});

test("a replay may be the object as it is now, or a refusal that names it", async (context) => {
  const current = await acme(context, { replay: "current" });
  const { id } = (await (await current.pay("k")).json()) as Payment;
  const closed = await post(`${current.url}/acme/payments/${id}/close`, {});
  assert.deepEqual([closed.status, await closed.text()], [204, ""]);
  const now = await current.pay("k");
  assert.deepEqual([now.status, now.headers.get("x-replayed")], [200, "true"]);
  assert.equal(((await now.json()) as Payment).status, "closed");
  assert.equal((await ledger(current.url))[0]?.status, "closed");

  const conflict = await acme(context, { replay: "conflict" });
  const first = (await (await conflict.pay("k")).json()) as Payment;
  const again = await conflict.pay("k");
  assert.deepEqual(await again.json(), { refusal: "key-spent", made: first.id });
});

test("other parameters under a key are refused, or replayed where the provider does so", async (context) => {
  const refusing = await acme(context);
  await refusing.pay("k");
  const refused = (await (await refusing.pay("k", { amount: 6 })).json()) as { refusal: string };
  assert.equal(refused.refusal, "key-reused");
  const replaying = await acme(context, { mismatch: "replay" });
  const first = await (await replaying.pay("k")).text();
  assert.equal(await (await replaying.pay("k", { amount: 6 })).text(), first);
  assert.equal((await ledger(replaying.url)).length, 1);
});

test("a key counts for the account, or for the account's endpoint", async (context) => {
  const wide = await acme(context);
  const { id } = (await (await wide.pay("k")).json()) as Payment;
  const other = await post(`${wide.url}/acme/payments/${id}/close`, {}, "k");
  assert.deepEqual(await other.json(), { refusal: "key-reused", made: id });
  const narrow = await acme(context, { space: "endpoint" });
  const made = (await (await narrow.pay("k")).json()) as Payment;
  assert.equal((await post(`${narrow.url}/acme/payments/${made.id}/close`, {}, "k")).status, 204);
  const headers = { "x-account": "two", "idempotency-key": "k" };
  const body = JSON.stringify({ amount: 5 });
  const theirs = await fetch(`${narrow.url}/acme/payments`, { method: "POST", headers, body });
  assert.equal(theirs.headers.get("x-replayed"), "false");
  assert.deepEqual(
    new Set((await ledger(narrow.url)).map(({ account }) => account)),
    new Set(["one", "two"]),
  );
});

test("a key has its length, its letters, its place in the body, and may be required", async (context) => {
  const rules: Partial<KeyRules> = { minLength: 4, pattern: /^[a-z]+$/, required: true };
  const header = await acme(context, rules);
  for (const key of ["abc", "x".repeat(21), "ABCD"])
    assert.deepEqual(await (await header.pay(key)).json(), { refusal: "key-malformed" }, key);
  assert.deepEqual(await (await header.pay()).json(), { refusal: "key-missing" });
  const body = await acme(context, { ...rules, carrier: { body: ["meta", "key"] } });
  const keyed = (key: unknown): Promise<Response> =>
    body.pay(undefined, { amount: 5, meta: { key } });
  assert.deepEqual([(await keyed("abcd")).status, (await keyed("abcd")).status], [201, 201]);
  assert.equal((await ledger(body.url)).length, 1);
  assert.equal(((await (await keyed(7)).json()) as { refusal: string }).refusal, "key-malformed");
});

test("keys are forgotten when the clock was advanced past their retention", async (context) => {
  const { url, pay } = await acme(context);
  await pay("k");
  await post(`${url}/sandbox/clock`, { advanceMs: 3_000_000 });
  await pay("k");
  assert.equal((await ledger(url)).length, 1);
  await post(`${url}/sandbox/clock`, { advanceMs: 600_000 });
  assert.equal((await pay("k")).headers.get("x-replayed"), "false");
  assert.equal((await ledger(url)).length, 2);
  await post(`${url}/sandbox/settings`, { retentionMs: 86_400_000, provider: "acme" });
  await post(`${url}/sandbox/clock`, { advanceMs: 7_200_000 });
  assert.equal((await pay("k")).headers.get("x-replayed"), "true");
});
