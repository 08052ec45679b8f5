import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startSandbox } from "../../src/sandbox/server.ts";
import { CHARGE, charges, directoryOf, post, sandboxOf } from "./sandbox.ts";

interface Failure {
  readonly error: { readonly type: string; readonly code: string; readonly message: string };
}

async function failure(response: Response): Promise<Failure["error"]> {
  return ((await response.json()) as Failure).error;
}

test("the same key gives the stored answer byte for byte and charges once", async (context) => {
  const { url } = await sandboxOf(context);
  const first = await post(`${url}/v1/charges`, CHARGE, "k1");
  const again = await post(`${url}/v1/charges`, JSON.stringify({ ...CHARGE }, null, 2), "k1");
  assert.deepEqual([first.status, again.status], [200, 200]);
  assert.equal(await again.text(), await first.text());
  assert.equal(first.headers.get("idempotent-replayed"), null);
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  const [charge, ...more] = await charges(url);
  assert.deepEqual(more, []);
  assert.equal(charge?.idempotencyKey, "k1");
  assert.deepEqual([charge?.amount, charge?.currency], [1999, "eur"]);
});

test("a request without a key is executed each time", async (context) => {
  const { url } = await sandboxOf(context);
  await post(`${url}/v1/charges`, CHARGE);
  await post(`${url}/v1/charges`, CHARGE);
  assert.equal((await charges(url)).length, 2);
});

test("a key with another body is an idempotency_error and charges nothing", async (context) => {
  const { url } = await sandboxOf(context);
  await post(`${url}/v1/charges`, CHARGE, "k1");
  const other = await post(`${url}/v1/charges`, { ...CHARGE, amount: 5000 }, "k1");
  assert.equal(other.status, 400);
  assert.equal((await failure(other)).type, "idempotency_error");
  assert.equal((await charges(url)).length, 1);
});

test("a key belongs to its endpoint", async (context) => {
  const { url } = await sandboxOf(context);
  await post(`${url}/v1/charges`, CHARGE, "k1");
  const [charge] = await charges(url);
  const refund = await post(`${url}/v1/refunds`, { charge: charge?.id, amount: 1999 }, "k1");
  assert.equal(refund.status, 200);
});

test("refunds never exceed their charge, and a refused one leaves its key free", async (context) => {
  const { url } = await sandboxOf(context);
  await post(`${url}/v1/charges`, CHARGE, "k1");
  const [charge] = await charges(url);
  const refund = (amount: number, key: string): Promise<Response> =>
    post(`${url}/v1/refunds`, { charge: charge?.id, amount }, key);
  assert.equal((await refund(1000, "r1")).status, 200);
  const refused = await refund(1000, "r2");
  assert.equal(refused.status, 400);
  assert.equal((await failure(refused)).code, "refund_too_large");
  assert.equal((await refund(999, "r2")).status, 200);
  assert.equal((await refund(1000, "r1")).headers.get("idempotent-replayed"), "true");
  const listed = (await (await fetch(`${url}/v1/refunds`)).json()) as {
    data: { amount: number }[];
  };
  assert.deepEqual(
    listed.data.map(({ amount }) => amount),
    [1000, 999],
  );
  const unknown = await post(`${url}/v1/refunds`, { charge: "ch_none", amount: 1 }, "r3");
  assert.equal(unknown.status, 404);
});

test("requests that make no sense are refused with a sentence, and nothing is charged", async (context) => {
  const { url } = await sandboxOf(context);
  const wrong: [unknown, RegExp][] = [
    ["{", /not JSON/],
    [[], /JSON object/],
    [{ ...CHARGE, amount: 0 }, /whole number/],
    [{ ...CHARGE, amount: 1.5 }, /whole number/],
    [{ ...CHARGE, amount: "1999" }, /whole number/],
    [{ ...CHARGE, currency: "euro" }, /three letters/],
    [{ ...CHARGE, metadata: { cart: 1 } }, /metadata/],
  ];
  for (const [body, sentence] of wrong) {
    const response = await post(`${url}/v1/charges`, body, "k1");
    assert.equal(response.status, 400);
    assert.match((await failure(response)).message, sentence);
  }
  const large = await post(`${url}/v1/charges`, { ...CHARGE, description: "x".repeat(70_000) });
  assert.equal(large.status, 413);
  assert.equal((await post(`${url}/v1/charges`, CHARGE, "k".repeat(256))).status, 400);
  assert.deepEqual(await charges(url), []);
});

test("charges, answers and queued faults are there after a restart", async (context) => {
  const file = join(await directoryOf(context), "provider.db");
  const first = await startSandbox({ file, port: 0 });
  const answer = await (await post(`${first.url}/v1/charges`, CHARGE, "k1")).text();
  await post(`${first.url}/faults`, { next: ["decline", "slow:5"] });
  await first.close();
  const second = await startSandbox({ file, port: 0 });
  context.after(() => second.close());
  assert.deepEqual(await (await fetch(`${second.url}/faults`)).json(), {
    next: ["decline", "slow:5"],
  });
  await fetch(`${second.url}/faults`, { method: "DELETE" });
  assert.equal(await (await post(`${second.url}/v1/charges`, CHARGE, "k1")).text(), answer);
  assert.equal((await charges(second.url)).length, 1);
});

async function provider(context: TestContext, file: string): Promise<string> {
  const child = fork(new URL("./fixtures/provider.ts", import.meta.url), [file]);
  context.after(() => child.kill("SIGKILL"));
  const [url] = (await once(child, "message")) as [string];
  return url;
}

test("two processes on one file charge once for one key", async (context) => {
  const file = join(await directoryOf(context), "provider.db");
  const urls = await Promise.all([provider(context, file), provider(context, file)]);
  const keys = Array.from({ length: 20 }, (_, index) => `race-${index}`);
  for (const key of keys) {
    const sent = urls.flatMap((url) => [url, url, url].map((one) => `${one}/v1/charges`));
    const responses = await Promise.all(sent.map((url) => post(url, CHARGE, key)));
    const bodies = await Promise.all(responses.map((response) => response.text()));
    assert.deepEqual(new Set(responses.map(({ status }) => status)), new Set([200]));
    assert.equal(new Set(bodies).size, 1);
  }
  const made = await charges(urls[0]);
  assert.deepEqual(
    made.map(({ idempotencyKey }) => idempotencyKey),
    keys,
  );
});

test("a list is of all, of the newest, of one key, or of one id", async (context) => {
  const { url } = await sandboxOf(context);
  const made: string[] = [];
  for (const key of ["k1", "k2"])
    made.push(((await (await post(`${url}/v1/charges`, CHARGE, key)).json()) as { id: string }).id);
  const idsOf = async (query: string): Promise<string[]> =>
    (await charges(url, query)).map(({ id }) => id);
  assert.deepEqual(await idsOf(""), made);
  assert.deepEqual(await idsOf("limit=1"), made.slice(1));
  assert.deepEqual(await idsOf("key=k1"), made.slice(0, 1));
  assert.deepEqual(await idsOf(`id=${made[0]}`), made.slice(0, 1));
  assert.deepEqual(await idsOf("id=ch_none"), []);
});
