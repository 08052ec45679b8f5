import assert from "node:assert/strict";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { startSandbox } from "../../src/sandbox/server.ts";
import { WEBHOOK_FAULT_NAMES } from "../../src/sandbox/webhooks/faults.ts";
import { readPage, sectionOf } from "../docs/pages.ts";
import { receiverOf, type WebhookBench, webhookBench } from "./receiver.ts";
import { CHARGE, directoryOf, post, sandboxOf } from "./sandbox.ts";

interface Bench extends WebhookBench {
  charge(amount: number): Promise<unknown>;
  fault(...next: string[]): Promise<unknown>;
  advance(advanceMs: number): Promise<unknown>;
  /** The amounts that arrived, in their order. */
  amounts(): readonly number[];
}

async function plainBench(context: TestContext, registration: object = {}): Promise<Bench> {
  const bench = await webhookBench(context, { provider: "plain", ...registration });
  return {
    ...bench,
    charge: async (amount) => {
      const response = await post(`${bench.sandbox}/plain/v1/charges`, { ...CHARGE, amount });
      return await response.json();
    },
    fault: (...next) => bench.control("webhook-faults", { next }),
    advance: (advanceMs) => bench.control("clock", { advanceMs }),
    amounts: () => bench.received.map(({ text }) => JSON.parse(text).data.amount as number),
  };
}

test("duplicates have one id, one after the other or at the same instant", async (context) => {
  const bench = await plainBench(context);
  await bench.fault("duplicate:3", "duplicate-at-once:3");
  await bench.charge(1);
  await bench.charge(2);
  assert.equal((await bench.flush()).length, 6);
  assert.deepEqual(bench.amounts(), [1, 1, 1, 2, 2, 2]);
  assert.equal(new Set(bench.received.map(({ headers }) => headers["webhook-id"])).size, 2);
  const together = bench.received.map((one) => one.together);
  assert.deepEqual(together.slice(0, 3), [1, 1, 1]);
  assert.ok(Math.max(...together.slice(3)) > 1, `${together}`);
});

test("a delay is by the sandbox's clock, and others overtake", async (context) => {
  const bench = await plainBench(context);
  await bench.fault("delay:3600000");
  await bench.charge(1);
  await bench.charge(2);
  await bench.flush();
  assert.deepEqual(bench.amounts(), [2]);
  await bench.advance(3_600_000);
  await bench.flush();
  assert.deepEqual(bench.amounts(), [2, 1]);
});

test("a reordering holds events until they are together, or until they are let go", async (context) => {
  const bench = await plainBench(context);
  await bench.fault("reorder:3");
  for (const amount of [1, 2]) await bench.charge(amount);
  assert.deepEqual(await bench.flush(), []);
  await bench.charge(3);
  await bench.charge(4);
  await bench.flush();
  assert.deepEqual(bench.amounts(), [3, 2, 1, 4]);
  await bench.fault("reorder:9");
  for (const amount of [5, 6]) await bench.charge(amount);
  await bench.flush({ held: true });
  assert.deepEqual(bench.amounts().slice(4), [6, 5]);
});

test("what is dropped never comes, but can be delivered by a person", async (context) => {
  const bench = await plainBench(context);
  await bench.fault("drop");
  await bench.charge(1);
  assert.deepEqual(await bench.flush(), []);
  const [dropped] = await bench.deliveries();
  assert.deepEqual([dropped?.state, dropped?.attempts], ["dropped", []]);
  await bench.control("webhooks/redeliver", { event: dropped?.event, fault: "duplicate:2" });
  await bench.flush();
  assert.deepEqual(bench.amounts(), [1, 1]);
});

test("what is forged or altered is not taken by a verifier", async (context) => {
  const bench = await plainBench(context);
  await bench.fault("forge", "alter");
  for (const amount of [1, 2, 3]) await bench.charge(amount);
  await bench.flush();
  const webhook = new Webhook(bench.endpoint.secret);
  const verdicts = bench.received.map(({ text, headers }) => {
    try {
      return typeof webhook.verify(text, headers);
    } catch (error) {
      return (error as Error).message;
    }
  });
  const wrong = "No matching signature found";
  assert.deepEqual(verdicts, [wrong, wrong, "object"]);
  assert.deepEqual(bench.amounts(), [1, 3, 3]);
});

test("a refusal is sent again by the schedule, a redirect too, and 410 is the end", async (context) => {
  const bench = await plainBench(context, { retryMs: [1_000, 5_000] });
  bench.statuses.push(500, 307, 204, 410);
  await bench.charge(1);
  assert.deepEqual(
    (await bench.flush()).map(({ status }) => status),
    [500],
  );
  await bench.advance(999);
  assert.equal(bench.received.length, 1);
  await bench.advance(1_000);
  await bench.flush();
  await bench.advance(5_000);
  await bench.flush();
  await bench.charge(2);
  await bench.flush();
  await bench.advance(86_400_000);
  assert.deepEqual(await bench.flush(), []);
  const all = await bench.deliveries();
  assert.deepEqual(
    all.map(({ state, attempts }) => [state, attempts.map(({ status }) => status)]),
    [
      ["delivered", [500, 307, 204]],
      ["failed", [410]],
    ],
  );
});

test("an endpoint that nobody answers at is given up after the last attempt", async (context) => {
  const bench = await plainBench(context, { url: "http://127.0.0.1:9/", retryMs: [10] });
  await bench.charge(1);
  await bench.flush();
  await bench.advance(10);
  await bench.flush();
  const [delivery] = await bench.deliveries();
  assert.equal(delivery?.state, "failed");
  assert.deepEqual(
    delivery.attempts.map(({ status, error }) => [status, error]),
    [
      [null, "ECONNREFUSED"],
      [null, "ECONNREFUSED"],
    ],
  );
});

test("events go out by themselves, also of a call whose answer was lost", async (context) => {
  const { url } = await sandboxOf(context);
  const receiver = await receiverOf(context);
  await post(`${url}/sandbox/webhooks`, { provider: "plain", url: receiver.url });
  await post(`${url}/sandbox/faults`, { next: ["reset-after"] });
  await assert.rejects(post(`${url}/v1/charges`, CHARGE));
  while (receiver.received.length === 0) await new Promise(setImmediate);
  assert.match(receiver.received[0]?.text ?? "", /"cartId":"c1"/);
});

test("a restart on the same file sends what was not sent", async (context) => {
  const file = join(await directoryOf(context), "provider.db");
  const receiver = await receiverOf(context);
  const one = await startSandbox({ file, port: 0 });
  const registration = { provider: "plain", url: receiver.url };
  await post(`${one.url}/sandbox/webhooks`, registration);
  await post(`${one.url}/sandbox/webhook-faults`, { next: ["delay:60000"] });
  await post(`${one.url}/v1/charges`, CHARGE);
  await one.close();
  const other = await startSandbox({ file, port: 0 });
  context.after(() => other.close());
  await post(`${other.url}/sandbox/clock`, { advanceMs: 60_000 });
  await post(`${other.url}/sandbox/webhooks/flush`, {});
  assert.equal(receiver.received.length, 1);
});

test("faults are aimed at a type, and drawn by chance from a seed", async (context) => {
  const bench = await plainBench(context, { types: ["charge.succeeded"] });
  await bench.control("webhook-faults", { next: ["drop"], type: "refund.succeeded" });
  const order = { probability: 0.5, faults: ["drop"], seed: 7, provider: "plain" };
  await bench.control("webhook-faults", order);
  for (let amount = 1; amount <= 12; amount += 1) await bench.charge(amount);
  await bench.flush();
  const some = bench.amounts().length;
  assert.ok(some > 0 && some < 12, `${some} of 12`);
  const rules = await bench.control<{ next: unknown[]; chances: unknown[] }>("webhook-faults");
  assert.deepEqual(rules.next, [{ fault: "drop", type: "refund.succeeded" }]);
  assert.deepEqual(rules.chances, [{ ...order, drawn: 12 }]);
  await bench.control("webhook-faults", undefined, "DELETE");
  await bench.control(`webhooks/${bench.endpoint.id}`, undefined, "DELETE");
  await bench.charge(13);
  assert.deepEqual(await bench.flush(), []);
});

test("a registration that makes no sense is refused", async (context) => {
  const { url } = await sandboxOf(context);
  const good = { provider: "plain", url: "http://localhost:1/" };
  for (const [path, body] of [
    ["webhooks", { ...good, provider: "nobody" }],
    ["webhooks", { ...good, url: "http://192.0.2.1/" }],
    ["webhooks", { ...good, url: "http://127.0.0.1.example.com/" }],
    ["webhooks", { ...good, url: "file:///etc/passwd" }],
    ["webhooks", { ...good, retryMs: [-1] }],
    ["webhooks", { ...good, types: "all" }],
    ["webhooks", { ...good, secret: 7 }],
    ["webhook-faults", { next: ["duplicate:1"] }],
    ["webhook-faults", { next: ["delay:604800001"] }],
    ["webhooks/redeliver", {}],
  ] as const)
    assert.equal((await post(`${url}/sandbox/${path}`, body)).status, 400, JSON.stringify(body));
  const unknown = await post(`${url}/sandbox/webhooks/redeliver`, { event: "msg_none" });
  assert.equal(unknown.status, 404);
});

test("endpoints on other machines are accepted where the sandbox was started so", async (context) => {
  const file = join(await directoryOf(context), "provider.db");
  const sandbox = await startSandbox({ file, port: 0, webhooksAnywhere: true });
  context.after(() => sandbox.close());
  const registration = { provider: "plain", url: "https://192.0.2.1/", manual: true };
  const response = await post(`${sandbox.url}/sandbox/webhooks`, registration);
  assert.equal(response.status, 200);
});

test("the page lists every fault of webhooks, and no other", () => {
  const [, table = ""] = sectionOf(readPage("docs/reference/sandbox.md"), "Webhooks").split(
    "| fault |",
  );
  const listed = [...table.matchAll(/^\| `([^`]+)` \|/gm)].map(([, name]) => name);
  assert.deepEqual(listed, [...WEBHOOK_FAULT_NAMES]);
});
