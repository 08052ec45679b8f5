import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { systemClock } from "../../src/model/clock.ts";
import { sandboxClient } from "../../src/sandbox/client.ts";
import { startSandbox } from "../../src/sandbox/server.ts";
import { CHARGE, charges, directoryOf, post, sandboxOf } from "./sandbox.ts";

/** What the first call looks like to the client, and whether the money moved. */
const LOST: readonly (readonly [fault: string, cause: RegExp, charged: number])[] = [
  ["timeout-before", /no answer within 300 ms/, 0],
  ["timeout-after", /no answer within 300 ms/, 1],
  ["500-before", /answered 500/, 0],
  ["500-after", /answered 500/, 1],
  ["reset-before", /ECONNRESET|UND_ERR_SOCKET/, 0],
  ["reset-after", /ECONNRESET|UND_ERR_SOCKET/, 1],
  ["truncated", /UND_ERR|terminated|unreadable/, 1],
];

for (const [fault, cause, charged] of LOST)
  test(`${fault}: the result is unknown, and the same key charges once`, async (context) => {
    const { url } = await sandboxOf(context);
    const client = sandboxClient(url, { timeoutMs: 300 });
    await client.queueFaults({ next: [fault] });
    const lost = await client.charge(CHARGE, { idempotencyKey: "k1" });
    assert.equal(lost.kind, "unknown");
    assert.match(lost.cause, cause);
    assert.equal((await charges(url)).length, charged);

    const again = await post(`${url}/v1/charges`, CHARGE, "k1");
    assert.equal(again.status, 200);
    assert.equal(again.headers.get("idempotent-replayed"), charged === 1 ? "true" : null);
    assert.deepEqual(await again.json(), (await charges(url))[0]);
    assert.equal((await charges(url)).length, 1);
    assert.deepEqual(await client.faults(), { kind: "answered", status: 200, body: { next: [] } });
  });

for (const fault of ["timeout-after", "500-after", "reset-after", "truncated"])
  test(`${fault}: without a key the retry charges twice`, async (context) => {
    const { url } = await sandboxOf(context);
    const client = sandboxClient(url, { timeoutMs: 300 });
    await client.queueFaults({ next: [fault] });
    assert.equal((await client.charge(CHARGE)).kind, "unknown");
    assert.equal((await client.charge(CHARGE)).kind, "succeeded");
    assert.equal((await charges(url)).length, 2);
  });

test("decline: a definite answer, stored under its key, without a charge", async (context) => {
  const { url } = await sandboxOf(context);
  const client = sandboxClient(url);
  await client.queueFaults({ next: ["decline"] });
  const declined = await client.charge(CHARGE, { idempotencyKey: "k1" });
  assert.equal(declined.kind, "declined");
  assert.equal(declined.decline.code, "card_declined");
  assert.deepEqual(await client.charge(CHARGE, { idempotencyKey: "k1" }), declined);
  assert.deepEqual(await charges(url), []);
  assert.equal((await client.charge(CHARGE, { idempotencyKey: "k2" })).kind, "succeeded");
});

test("slow: the key is in use until the charge is made, then its answer is replayed", async (context) => {
  const file = join(await directoryOf(context), "provider.db");
  const naps: { ms: number; wake: () => void }[] = [];
  const asleep = Promise.withResolvers<void>();
  const clock = {
    ...systemClock,
    sleep: (ms: number) =>
      new Promise<void>((wake) => {
        naps.push({ ms, wake });
        asleep.resolve();
      }),
  };
  const sandbox = await startSandbox({ file, port: 0, clock });
  context.after(() => sandbox.close());
  await post(`${sandbox.url}/faults`, { next: ["slow:1500"] });
  const slow = post(`${sandbox.url}/v1/charges`, CHARGE, "k1");
  await asleep.promise;
  assert.equal(naps[0]?.ms, 1500);
  const meanwhile = await sandboxClient(sandbox.url).charge(CHARGE, { idempotencyKey: "k1" });
  assert.deepEqual(meanwhile, { kind: "unknown", cause: "the provider answered 409", status: 409 });
  assert.deepEqual(await charges(sandbox.url), []);
  naps[0]?.wake();
  assert.equal((await slow).status, 200);
  assert.equal((await charges(sandbox.url)).length, 1);
});

test("faults hit the next calls in order, and the queue can be cleared", async (context) => {
  const { url } = await sandboxOf(context);
  const client = sandboxClient(url);
  await client.queueFaults({ next: ["500-before", "decline"] });
  await client.queueFaults({ next: ["500-after"] });
  const kinds = [];
  for (const key of ["a", "b", "c", "d"])
    kinds.push((await client.charge(CHARGE, { idempotencyKey: key })).kind);
  assert.deepEqual(kinds, ["unknown", "declined", "unknown", "succeeded"]);
  await client.queueFaults({ next: ["decline"] });
  await client.clearFaults();
  assert.equal((await client.charge(CHARGE)).kind, "succeeded");
});

test("an unknown fault is refused, the known ones are named, and none is queued", async (context) => {
  const { url } = await sandboxOf(context);
  for (const next of [
    ["decline", "explode"],
    ["slow:x"],
    ["slow:60001"],
    [7],
    "decline",
    undefined,
  ]) {
    const response = await post(`${url}/faults`, { next });
    assert.equal(response.status, 400, JSON.stringify(next));
    const text = await response.text();
    for (const name of [...LOST.map(([fault]) => fault), "decline", "slow:<ms>"])
      assert.ok(text.includes(name), `${name} is not named in ${text}`);
  }
  assert.deepEqual(await (await fetch(`${url}/faults`)).json(), { next: [] });
});

test("a provider that nobody reaches has not executed anything", async (context) => {
  const file = join(await directoryOf(context), "provider.db");
  const sandbox = await startSandbox({ file, port: 0 });
  await sandbox.close();
  const client = sandboxClient(sandbox.url);
  const result = await client.charge(CHARGE, { idempotencyKey: "k1" });
  assert.deepEqual(result, { kind: "not-executed", cause: "ECONNREFUSED" });
  assert.deepEqual(await client.charges(), { kind: "unreachable", cause: "ECONNREFUSED" });
});

test("a key that was used for another request is unknown, never a decline", async (context) => {
  const { url } = await sandboxOf(context);
  const client = sandboxClient(url);
  await client.charge(CHARGE, { idempotencyKey: "k1" });
  const other = await client.charge({ ...CHARGE, amount: 1 }, { idempotencyKey: "k1" });
  assert.equal(other.kind, "unknown");
  const refund = await client.refund({ charge: "ch_none", amount: 1 }, { idempotencyKey: "r1" });
  assert.equal(refund.kind, "declined");
});
