import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/index.ts";
import type { OperationRecord } from "../../src/model/operation.ts";
import type { Snapshot } from "../../src/store.ts";
import {
  type MemoryStore,
  type MemoryTransaction,
  memoryStore,
} from "../../src/stores/memory/store.ts";
import { doneOf, eventOf, taken, workOf } from "../../src/verify/cases/inbox-sample.ts";
import {
  answered,
  bytes,
  claimed,
  claimOf,
  LEASE_MS,
  recordOf,
  sendOf,
  settlementOf,
  settleWrite,
  takeOverOf,
} from "../../src/verify/cases/sample.ts";

const TARGET = { provider: "stripe", kind: "payment_intent" };
const END = { kind: "succeeded", value: bytes("charged"), reference: "pi_1" } as const;

test("it says of itself what it can do, and that nothing of it outlives the process", async () => {
  const store = memoryStore();
  assert.deepEqual(store.capabilities, {
    ...{ callbacks: "async", durable: false, separateLeases: true, noticesDeath: false },
  });
  assert.equal(store.schema(), "");
  assert.deepEqual(await store.migrate(), []);
});

test("a claim has all of its time before it, however slowly its record is read", async () => {
  let now = 1_000;
  const wall = () => {
    now += 7;
    return now;
  };
  const store = memoryStore({ clock: { ...systemClock, wall } });
  const { record, now: claimedAt } = await claimed(store, claimOf("k"));
  assert.equal((record.leaseUntil ?? 0) - claimedAt, LEASE_MS);
  now += LEASE_MS;
  const answer = answered(await store.takeOver(takeOverOf(record)));
  const { snapshot: taken = assert.fail() } = answer as { snapshot?: Snapshot };
  assert.equal((taken.record.leaseUntil ?? 0) - taken.now, LEASE_MS);
});

test("what a reader does to a record is done to nobody else's", async () => {
  const store = memoryStore();
  const { record } = await claimed(store, claimOf("k"));
  answered(await store.begin(record, sendOf("charge", { target: TARGET })));
  answered(await store.record(record, "charge", END));
  answered(await store.settle(record, settlementOf()));
  const untouched = structuredClone(await recordOf(store, record.id));
  spoil(await recordOf(store, record.id));
  assert.deepEqual(await recordOf(store, record.id), untouched);
});

test("what a writer does to its bytes later is done to nothing that is stored", async () => {
  const store = memoryStore();
  const fingerprint = bytes("fingerprint");
  const request = bytes("request");
  const target = { ...TARGET };
  const value = bytes("charged");
  const { record } = await claimed(store, claimOf("k", { fingerprint }));
  answered(await store.renew(record, 1_000));
  answered(await store.begin(record, sendOf("charge", { request, target })));
  answered(await store.record(record, "charge", { ...END, value }));
  const stored = structuredClone(await recordOf(store, record.id));
  for (const given of [fingerprint, request, value]) given.fill(0);
  target.provider = "another";
  assert.deepEqual(await recordOf(store, record.id), stored);
});

/** Writes over all that can be written over. */
function spoil({ fingerprint, request, steps, outcome }: OperationRecord): void {
  const [step] = steps;
  assert.ok(request && step?.result && step.effect?.request && outcome?.response);
  const { input } = request;
  const parts = [fingerprint, input, step.result.value, step.effect.request, outcome.response.body];
  for (const part of parts) part.fill(0);
  for (const part of [request, step.result, step.effect.target, step.effect.sends[0]])
    Object.assign(part ?? {}, { kind: "spoilt", scope: "spoilt" });
  for (const part of [steps, step.effect.sends, outcome.response.headers])
    (part as unknown[]).length = 0;
  Object.assign(outcome, { kind: "spoilt" });
}

test("operations of one millisecond are listed by their ids, and their pages lose none", async () => {
  const store = atOneTime();
  const ids: string[] = [];
  for (const key of ["a", "b", "c", "d", "e"])
    ids.push((await claimed(store, claimOf(key))).record.id);
  const newest = ids.toSorted().reverse();
  const paged: string[] = [];
  for (let after: OperationRecord | undefined; paged.length < ids.length; ) {
    const filter = { limit: 2, ...(after === undefined ? {} : { after }) };
    const page = answered(await store.list(filter));
    assert.ok(page.length > 0);
    paged.push(...page.map(({ record }) => record.id));
    after = page.at(-1)?.record;
  }
  assert.deepEqual(paged, newest);
});

test("an event that was begun first comes before what came while it was handled", async () => {
  const store = memoryStore();
  const answer = await store.inbox.acceptHandled(eventOf("slow"), async (_, { number }) => {
    await taken(store, eventOf("quick", { object: "another" }));
    return workOf(doneOf([{ number }]));
  });
  assert.equal(answered(answer).kind, "committed");
  const keys = answered(await store.inbox.list({ limit: 10 })).map(({ key }) => key);
  assert.deepEqual(keys, ["quick", "slow"]);
});

test("a row is read, replaced and deleted within a transaction, and seen once it commits", async () => {
  const store = memoryStore();
  const seen: unknown[] = [];
  await transacted(store, "one", (tx) => {
    const orders = tx.table<{ total: number }>("orders");
    const order = { total: 1 };
    orders.insert("a", order);
    orders.put("b", { total: 2 });
    order.total = 9;
    seen.push(orders.get("a"), orders.get("c"), store.table("orders").values());
  });
  assert.deepEqual([...seen], [{ total: 1 }, undefined, []]);
  await transacted(store, "two", (tx) => {
    const orders = tx.table<{ total: number }>("orders");
    orders.put("a", { total: 3 });
    orders.delete("b");
    seen.push(store.table("orders").values());
  });
  assert.deepEqual(seen.at(-1), [{ total: 1 }, { total: 2 }]);
  assert.deepEqual(store.table("orders").values(), [{ total: 3 }]);
  assert.deepEqual(store.table("orders").get("a"), { total: 3 });
});

test("a transaction ends with its callback, and so does every table of it", async () => {
  const store = memoryStore();
  const kept: MemoryTransaction[] = [];
  await transacted(store, "one", (tx) => {
    tx.table("orders").insert("a", 1);
    kept.push(tx);
  });
  const [tx] = kept;
  assert.ok(tx);
  assert.throws(() => tx.table("orders"), /has ended/);
  assert.deepEqual(store.table("orders").values(), [1]);
});

/** A store whose clock stands still. */
function atOneTime(): MemoryStore {
  const clock = { wall: () => 1, monotonic: () => 1, sleep: async () => {}, timer: () => () => {} };
  return memoryStore({ clock });
}

/** Runs the callback in a transaction that ends an operation. */
async function transacted(
  store: MemoryStore,
  key: string,
  work: (tx: MemoryTransaction) => void,
): Promise<void> {
  const { record } = await claimed(store, claimOf(key));
  const answer = await store.transact(record, (tx) => {
    work(tx);
    return { write: settleWrite(), value: 1 };
  });
  assert.equal(answered(answer).kind, "committed");
}
