import assert from "node:assert/strict";
import { test } from "node:test";
import type { Order } from "../../src/cli/demo/state.ts";
import type { Charge } from "../../src/sandbox/wire.ts";
import { storm } from "./storm.ts";
import type { Told } from "./storm-clients.ts";
import { findBroken, type Remains } from "./storm-count.ts";

const KILLS = 8;
const LONGEST_MS = 120_000;

test("shops killed at random moments under load charge each key once", async (t) => {
  const seed = Date.now() % 1_000_000_000;
  const task = { url: undefined, kills: KILLS, clients: 6, seed, ms: LONGEST_MS, tell: () => {} };
  await storm(task, async ({ progress, remains, findings }) => {
    const { length } = remains.charges;
    t.diagnostic(`seed ${seed}: ${progress.kills} kills, ${progress.keys} keys, ${length} charges`);
    assert.equal(progress.kills, KILLS);
    assert.ok(length > 0);
    for (const [what, keys] of Object.entries(findings)) assert.deepEqual(keys, [], what);
  });
});

const charge = (id: string, cartId: string): Charge => ({
  id,
  amount: 1_999,
  currency: "eur",
  description: null,
  metadata: { cartId },
  status: "succeeded",
  createdAt: 1,
  idempotencyKey: id,
});
const order = (cartId: string, chargeId: string | null): Order => ({
  orderId: `order of ${cartId}`,
  cartId,
  amount: 1_999,
  currency: "eur",
  chargeId,
  status: "paid",
  createdAt: 1,
  confirmedAt: null,
  refunded: 0,
});
const told = (status: number, ...bodies: string[]): Told => ({ status, bodies: new Set(bodies) });
const RIGHT: Remains = {
  told: new Map([
    ["a", told(201, '201 {"chargeId":"ch_a"}')],
    ["b", told(402, "402 declined")],
  ]),
  orders: [order("a", "ch_a")],
  charges: [charge("ch_a", "a")],
  refunds: [],
  entered: new Map([["evt_a", 1]]),
  open: [],
};

test("the count of a storm finds nothing where all is right", () => {
  for (const [what, keys] of Object.entries(findBroken(RIGHT))) assert.deepEqual(keys, [], what);
});

const WRONGS: readonly (readonly [string, Partial<Remains>])[] = [
  ["charges without an order", { orders: [] }],
  ["orders without a charge", { charges: [] }],
  ["orders without a charge", { orders: [order("a", "ch_a"), order("c", null)] }],
  ["keys charged twice", { charges: [charge("ch_a", "a"), charge("ch_2", "a")] }],
  ["keys with two orders", { orders: [order("a", "ch_a"), order("a", "ch_a")] }],
  ["operations that are not final", { open: ["a"] }],
  ["keys with two different answers", { told: new Map([["a", told(201, "201 x", "201 y")]]) }],
  ["answers that the ledger denies", { charges: [charge("ch_a", "a"), charge("ch_b", "b")] }],
  ["answers that the ledger denies", { charges: [charge("ch_2", "a")] }],
  ["events entered twice", { entered: new Map([["evt_a", 2]]) }],
];

for (const [what, change] of WRONGS)
  test(`the count of a storm finds ${what}: ${Object.keys(change)}`, () => {
    const findings = Object.entries(findBroken({ ...RIGHT, ...change }));
    assert.ok(findings.some(([name, keys]) => name === what && keys.length > 0));
  });
