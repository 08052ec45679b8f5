import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { type CrashPoint, type ShopParts, shopRoutes } from "../../src/cli/demo/routes.ts";
import type { DemoState, Order } from "../../src/cli/demo/state.ts";
import { timelineOf } from "../../src/cli/demo/timeline.ts";
import { serve } from "../../src/cli/demo/web.ts";
import { webhookControl } from "../../src/cli/demo/webhook-control.ts";
import type { EvidenceRecord } from "../../src/model/evidence.ts";
import type { OperationRecord } from "../../src/model/operation.ts";
import { sandboxClient } from "../../src/sandbox/client.ts";
import { CHARGE, post, sandboxOf } from "./sandbox.ts";

const ORDER: Order = {
  orderId: "order_1",
  cartId: "c1",
  amount: 1999,
  currency: "eur",
  chargeId: "ch_1",
  status: "paid",
  createdAt: 1,
  confirmedAt: null,
  refunded: 0,
};

const RECORD: OperationRecord = {
  id: "00",
  name: "checkout",
  version: 1,
  form: "resumable",
  state: "in_doubt",
  fence: 2,
  attemptId: "a",
  attempts: 2,
  doubt: "effect-unknown",
  fingerprint: new Uint8Array(32),
  recipe: "1",
  createdAt: 1_000,
  steps: [
    {
      name: "charge",
      kind: "external",
      inputDigest: "",
      fence: 1,
      begunAt: 1_020,
      effect: {
        generation: 0,
        lookUp: true,
        compensated: false,
        sends: [
          {
            number: 1,
            generation: 0,
            fence: 1,
            sentAt: 1_020,
            verdict: "unanswered",
            detail: "ECONNRESET",
          },
          { number: 2, generation: 0, fence: 2, sentAt: 1_040 },
        ],
      },
    },
    {
      name: "reserve",
      kind: "atomic",
      inputDigest: "",
      fence: 1,
      begunAt: 1_010,
      recordedAt: 1_010,
      result: { kind: "succeeded", value: new Uint8Array() },
    },
  ],
};

const MISS: EvidenceRecord = {
  step: "charge",
  source: "look-up",
  finding: "not-found",
  at: 1_030,
};

async function shop(
  context: TestContext,
): Promise<{ url: string; crashes: CrashPoint[]; sandboxUrl: string }> {
  const sandbox = await sandboxOf(context);
  const crashes: CrashPoint[] = [];
  const echo = (kind: string) => async (request: Request) =>
    Response.json(
      { kind, key: request.headers.get("idempotency-key"), body: await request.json() },
      { status: 201, headers: { "idempotent-replayed": "true" } },
    );
  const parts: ShopParts = {
    provider: sandboxClient(sandbox.url),
    orders: async () => [ORDER],
    checkout: echo("checkout"),
    refund: async () => {
      throw new Error("the secret inside");
    },
    naiveCheckout: echo("naive"),
    timeline: async (scope, key) =>
      scope === "demo" && key === "k1"
        ? timelineOf(key, { record: RECORD, now: 2_000 }, [MISS])
        : undefined,
    crash: (at) => crashes.push(at),
    webhook: echo("webhook"),
    control: webhookControl(sandbox.url),
    events: async () => [],
    endpoint: () => ({ state: "registered", refused: 2 }),
    receipts: async () => [{ orderId: ORDER.orderId, times: 1, at: 2 }],
    loseReceipt: () => undefined,
  };
  const running = await serve(shopRoutes(parts), { port: 0, host: "127.0.0.1" });
  context.after(() => running.close());
  return { url: running.url, crashes, sandboxUrl: sandbox.url };
}

test("checkouts reach their handlers with key and body, and answers keep their headers", async (context) => {
  const { url } = await shop(context);
  for (const [path, kind] of [
    ["/checkout", "checkout"],
    ["/naive/checkout", "naive"],
  ]) {
    const response = await post(`${url}${path}`, CHARGE, '"k1"');
    assert.equal(response.status, 201);
    assert.equal(response.headers.get("idempotent-replayed"), "true");
    assert.deepEqual(await response.json(), { kind, key: '"k1"', body: CHARGE });
  }
});

test("health, orders and the provider's ledger are read as data", async (context) => {
  const { url, sandboxUrl } = await shop(context);
  await post(`${sandboxUrl}/v1/charges`, CHARGE, "k1");
  const read = async (path: string): Promise<unknown> => (await fetch(`${url}${path}`)).json();
  assert.deepEqual(await read("/healthz"), { ok: true, pid: process.pid });
  assert.deepEqual(await read("/orders"), { data: [ORDER] });
  const charges = await (await fetch(`${sandboxUrl}/v1/charges`)).json();
  assert.deepEqual(await read("/sandbox/charges"), charges);
  assert.deepEqual(await read("/sandbox/refunds"), { data: [] });
});

test("faults are passed on, and an unknown one is a problem that names the known ones", async (context) => {
  const { url } = await shop(context);
  const queued = await post(`${url}/sandbox/faults`, { next: ["timeout-after", "slow:20"] });
  assert.equal(queued.status, 200);
  assert.deepEqual(await queued.json(), { next: ["timeout-after", "slow:20"] });
  const refused = await post(`${url}/sandbox/faults`, { next: ["explode"] });
  assert.equal(refused.status, 400);
  assert.equal(refused.headers.get("content-type"), "application/problem+json");
  assert.match(await refused.text(), /explode.*timeout-before.*truncated.*decline/);
});

test("what goes wrong with webhooks is ordered in the place of what was ordered before", async (context) => {
  const { url } = await shop(context);
  const order = (next: readonly string[]): Promise<Response> =>
    post(`${url}/sandbox/webhook-faults`, { provider: "plain", next });
  assert.equal((await order(["drop", "forge"])).status, 200);
  assert.equal((await order(["delay:20"])).status, 200);
  const { endpoint, receipts } = (await (await fetch(`${url}/demo/state`)).json()) as DemoState;
  assert.deepEqual(endpoint, { state: "registered", refused: 2, faults: ["delay:20"] });
  assert.deepEqual(receipts, [{ orderId: ORDER.orderId, times: 1, at: 2 }]);
  const refused = await order(["explode"]);
  assert.equal(refused.status, 400);
  assert.match(await refused.text(), /explode.*duplicate-at-once.*drop.*forge/);
});

test("a crash is armed for the two points only", async (context) => {
  const { url, crashes } = await shop(context);
  for (const at of ["before-charge", "after-charge"])
    assert.equal((await post(`${url}/demo/crash`, { at })).status, 200);
  for (const body of [{ at: "now" }, {}, "{", "null"]) {
    const refused = await post(`${url}/demo/crash`, body);
    assert.equal(refused.status, 400);
    assert.match(await refused.text(), /before-charge.*after-charge/);
  }
  assert.deepEqual(crashes, ["before-charge", "after-charge"]);
});

test("errors are problems without a trace of the inside", async (context) => {
  const { url } = await shop(context);
  const failed = await post(`${url}/refund`, {});
  assert.equal(failed.status, 500);
  assert.doesNotMatch(await failed.text(), /secret|at |\.ts/);
  assert.equal((await post(`${url}/checkout`, "x".repeat(70_000))).status, 413);
  assert.equal((await fetch(`${url}/nothing`)).status, 404);
  assert.equal((await fetch(`${url}/__proto__`)).status, 404);
  const wrong = await fetch(`${url}/checkout`);
  assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
});

test("the page and its files load from this origin only", async (context) => {
  const { url } = await shop(context);
  const page = await fetch(`${url}/`);
  const policy = page.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
  const html = await page.text();
  assert.doesNotMatch(html, /https?:|style="|<script>|\son[a-z]+="/);
  const files = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path]) => path ?? "");
  const script = await (await fetch(`${url}/assets/page.js`)).text();
  files.push(...[...script.matchAll(/from "\.(\/[^"]+)"/g)].map(([, path]) => `/assets${path}`));
  assert.equal(new Set(files).size, 9);
  for (const file of files) assert.equal((await fetch(`${url}${file}`)).status, 200, file);
  assert.equal((await fetch(`${url}/assets/../routes.ts`)).status, 404);
});

test("the state tells orders, ledger, faults and the operation of the key", async (context) => {
  const { url, sandboxUrl } = await shop(context);
  await post(`${sandboxUrl}/v1/charges`, CHARGE, "k1");
  await post(`${url}/sandbox/faults`, { next: ["decline"] });
  const read = async (query: string): Promise<DemoState> =>
    (await (await fetch(`${url}/demo/state${query}`)).json()) as DemoState;
  const { pid, orders, provider, operation } = await read("?key=k1");
  assert.deepEqual([pid, orders], [process.pid, [ORDER]]);
  assert.ok(provider.reachable);
  assert.deepEqual([provider.charges.length, provider.faults], [1, ["decline"]]);
  assert.deepEqual(
    operation?.events.map(({ kind, at }) => [kind, at]),
    [
      ["claimed", 1_000],
      ["taken-over", null],
      ["recorded", 1_010],
      ["lost", 1_020],
      ["evidence", 1_030],
      ["lost", 1_040],
      ["doubt", null],
    ],
  );
  const texts = operation?.events.map(({ text }) => text).join("\n") ?? "";
  assert.match(texts, /Send 1 of "charge": no answer, so it may have happened \(ECONNRESET\)/);
  assert.match(texts, /Evidence of "charge" from a look up: not found/);
  assert.match(texts, /Send 2 of "charge": no answer recorded yet/);
  assert.match(texts, /In doubt \(effect-unknown\): only a person can settle it/);
  assert.equal((await read("?key=k2")).operation, null);
  assert.equal((await read("?key=k1&scope=other")).operation, null);
});
