import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { DemoState, EventRow } from "../../src/cli/demo/state.ts";
import { buy, type Demo, PURCHASE, post, startDemo } from "./shop.ts";

let directory = "";
let demo: Demo;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "nevertwice-webhooks-"));
  demo = await startDemo(directory);
  await until(demo, ({ endpoint }) => endpoint.state === "registered");
});
after(async () => {
  assert.equal(await demo.stop(), 0);
  await rm(directory, { recursive: true, force: true });
});

async function stateOf({ url }: Demo): Promise<DemoState | undefined> {
  try {
    return (await (await fetch(`${url}/demo/state`)).json()) as DemoState;
  } catch {
    // A shop that was crashed is on its way back.
    return undefined;
  }
}

/** Looks until the shop says what is expected. @returns that state */
async function until(shop: Demo, holds: (state: DemoState) => boolean): Promise<DemoState> {
  for (let looks = 0; looks < 300; looks += 1) {
    const state = await stateOf(shop);
    if (state !== undefined && holds(state)) return state;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`It never came to be so: ${JSON.stringify(await stateOf(shop))}`);
}

/** What goes wrong with the next webhooks. */
async function disturb(...next: readonly string[]): Promise<void> {
  const body = { provider: "plain", next };
  assert.equal((await post(`${demo.url}/sandbox/webhook-faults`, body)).status, 200);
}

async function purchase(key: string): Promise<{ orderId: string; chargeId: string }> {
  const bought = await buy(demo.url, key, { ...PURCHASE, cartId: key });
  assert.equal(bought.status, 201);
  return JSON.parse(bought.text);
}

/** The events of a charge once all of them have come and are at their end. */
async function settled(
  chargeId: string,
  arrivals: readonly number[],
): Promise<readonly EventRow[]> {
  const of = ({ events }: DemoState): EventRow[] =>
    events.filter((event) => event.chargeId === chargeId);
  const state = await until(demo, (seen) => {
    const arrived = of(seen).map(({ arrived: times }) => times);
    const isDone = of(seen).every((event) => event.state === "done");
    return isDone && JSON.stringify(arrived) === JSON.stringify(arrivals);
  });
  return of(state);
}

test("a purchase's event arrives and confirms the order, and its receipt is in the box", async () => {
  const { orderId, chargeId } = await purchase("plain");
  const [event] = await settled(chargeId, [1]);
  assert.deepEqual([event?.type, event?.route, event?.handled], ["charge.succeeded", "webhook", 1]);
  const { orders, receipts } = await until(demo, (state) =>
    state.receipts.some((receipt) => receipt.orderId === orderId),
  );
  const order = orders.find((one) => one.orderId === orderId);
  assert.ok(order !== undefined && order.confirmedAt !== null);
  assert.deepEqual(
    receipts.filter((receipt) => receipt.orderId === orderId).map(({ times }) => times),
    [1],
  );
});

for (const fault of ["duplicate-at-once:3", "duplicate:3"]) {
  test(`${fault}: it arrives three times and is handled once`, async () => {
    await disturb(fault);
    const { chargeId } = await purchase(fault);
    assert.deepEqual(
      (await settled(chargeId, [3])).map(({ handled }) => handled),
      [1],
    );
  });
}

test("a refund's event that overtakes its charge's: both are handled once", async () => {
  await disturb("reorder:2");
  const { orderId, chargeId } = await purchase("reorder");
  const body = { chargeId, amount: 999 };
  const refund = await post(`${demo.url}/refund`, body, { "idempotency-key": "reorder-refund" });
  assert.equal(refund.status, 201);
  const events = await settled(chargeId, [1, 1]);
  assert.deepEqual(
    events.toSorted((one, other) => one.at - other.at).map(({ type, handled }) => [type, handled]),
    [
      ["refund.succeeded", 1],
      ["charge.succeeded", 1],
    ],
  );
  const { orders } = await until(demo, () => true);
  assert.equal(orders.find((order) => order.orderId === orderId)?.refunded, 999);
});

test("a forged event is refused; the true one, and one that never came, are asked for", async () => {
  const { endpoint } = await until(demo, () => true);
  await disturb("forge", "drop");
  const forged = await purchase("forged");
  const lost = await purchase("lost");
  const refused = await until(demo, (state) => state.endpoint.refused > endpoint.refused);
  const chargeIds = [forged.chargeId, lost.chargeId];
  assert.ok(!refused.events.some(({ chargeId }) => chargeIds.includes(chargeId ?? "")));
  for (const chargeId of chargeIds) {
    const [event] = await settled(chargeId, [1]);
    assert.deepEqual([event?.route, event?.handled], ["sweep", 1]);
  }
});

test("a delivery that nobody signed is refused and leaves nothing", async () => {
  const before = await until(demo, () => true);
  const data = { id: "ch_x", amount: 1, idempotencyKey: null };
  const event = { type: "charge.succeeded", data };
  assert.equal((await post(`${demo.url}/webhooks/sandbox`, event)).status, 401);
  const { endpoint, events } = await until(demo, () => true);
  assert.equal(endpoint.refused, before.endpoint.refused + 1);
  assert.equal(events.length, before.events.length);
});

test("the shop dies after the charge: it is back, and the event is handled once", async () => {
  await disturb("duplicate-at-once:3");
  assert.equal((await post(`${demo.url}/demo/crash`, { at: "after-charge" })).status, 200);
  const { orderId, chargeId } = await purchase("crash");
  const [event] = await settled(chargeId, [3]);
  assert.equal(event?.handled, 1);
  const { orders } = await until(demo, () => true);
  const order = orders.find((one) => one.orderId === orderId);
  assert.ok(order?.status === "paid" && order.confirmedAt !== null);
});

test("the webhook settles a charge whose answer was lost, whatever the lists say", async () => {
  await post(`${demo.url}/sandbox/faults`, { next: ["reset-after"] });
  // Every look-up is lost from now on.
  const lists = {
    provider: "plain",
    endpoint: "GET /v1/charges",
    probability: 1,
    faults: ["500-before"],
  };
  assert.equal((await post(`${demo.sandboxUrl}/sandbox/faults`, lists)).status, 200);
  const body = { ...PURCHASE, cartId: "blind" };
  await post(`${demo.url}/checkout`, body, { "idempotency-key": "blind" });
  const state = async (): Promise<DemoState> =>
    (await (await fetch(`${demo.url}/demo/state?key=blind`)).json()) as DemoState;
  let seen = await state();
  for (let looks = 0; looks < 200 && !proves(seen); looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, 100));
    seen = await state();
  }
  assert.ok(proves(seen), JSON.stringify(seen.operation));
  await fetch(`${demo.url}/sandbox/faults`, { method: "DELETE" });
  const { chargeId } = await purchase("blind");
  assert.deepEqual(
    (await settled(chargeId, [1])).map(({ handled }) => handled),
    [1],
  );
});

function proves({ operation }: DemoState): boolean {
  return operation?.events.some(({ text }) => /from a webhook: executed/.test(text)) ?? false;
}

test("a receipt whose answer was lost is handed over again, and lies in the box once", async () => {
  await post(`${demo.url}/demo/lose-receipt`, {});
  const { orderId } = await purchase("receipt");
  const { receipts } = await until(demo, (state) =>
    state.receipts.some((receipt) => receipt.orderId === orderId && receipt.times === 2),
  );
  assert.equal(receipts.filter((receipt) => receipt.orderId === orderId).length, 1);
});

test("a provider that knows no webhooks does not stop the shop", async (t) => {
  const stranger = createServer((_, response) => response.writeHead(404).end("Nothing here."));
  await new Promise<void>((resolve) => stranger.listen(0, "127.0.0.1", resolve));
  t.after(() => stranger.close());
  const { port } = stranger.address() as AddressInfo;
  const other = await startDemo(join(directory, "other"), [
    "--sandbox",
    `http://127.0.0.1:${port}`,
  ]);
  try {
    const { endpoint } = await until(other, (state) => state.endpoint.state === "absent");
    assert.equal(endpoint.refused, 0);
    assert.equal((await fetch(`${other.url}/healthz`)).status, 200);
  } finally {
    assert.equal(await other.stop(), 0);
  }
});
