import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryStore } from "../../src/stores/memory/store.ts";
import {
  answered,
  bytes,
  claimed,
  claimOf,
  recordOf,
  recordWrite,
  sendOf,
  settlementOf,
} from "../../src/verify/cases/sample.ts";
import { gate } from "../core/acquirer.ts";

const MESSAGE = { topic: "receipt", key: "m", payload: bytes("1") };

test("what was committed since a checkpoint is forgotten, as often as it is gone back to", async () => {
  const store = memoryStore();
  const { record: kept } = await claimed(store, claimOf("kept"));
  answered(await store.begin(kept, sendOf("charge", { providerKey: "key" })));
  const before = await recordOf(store, kept.id);
  const back = store.checkpoint();
  for (let round = 0; round < 2; round += 1) {
    const { record: lost } = await claimed(store, claimOf("lost"));
    const work = store.transact(lost, (tx) => {
      tx.table<string>("orders").insert("o1", "reserved");
      return { write: recordWrite("reserve", [MESSAGE]), value: 1 };
    });
    assert.equal(answered(await work).kind, "committed");
    answered(await store.begin(lost, sendOf("charge", { providerKey: "other" })));
    const end = { kind: "succeeded", value: bytes("1") } as const;
    assert.equal(answered(await store.record(kept, "charge", end)), "done");
    assert.equal(answered(await store.settle(kept, settlementOf())), "done");
    back();
    assert.equal(answered(await store.read(lost.id)), undefined);
    assert.deepEqual(store.table("orders").values(), []);
    assert.deepEqual(answered(await store.outbox.list({ limit: 10 })), []);
    assert.equal(answered(await store.stepOf({ providerKey: "other" })), undefined);
    assert.deepEqual(await recordOf(store, kept.id), before);
    assert.equal(answered(await store.settle(kept, settlementOf())), "step-unfinished");
  }
});

test("events that came since, and what persons ordered, are forgotten too", async () => {
  const store = memoryStore();
  const event = {
    ...{
      source: "acme",
      key: "e1",
      type: "paid",
      object: "pi_1",
      aliases: ["a"],
      route: "webhook" as const,
    },
    ...{ fingerprint: bytes("1"), body: bytes("{}"), state: "waiting" as const },
  };
  const back = store.checkpoint();
  for (let round = 0; round < 2; round += 1) {
    answered(await store.inbox.accept({ events: [event] }));
    const all = { filter: { limit: 10 }, by: "ann", reason: "again", dryRun: true };
    answered(await store.inbox.redeliver(all));
    assert.equal(answered(await store.inbox.list({ limit: 10 })).length, 1);
    back();
    assert.deepEqual(answered(await store.inbox.list({ limit: 10 })), []);
    assert.deepEqual(answered(await store.inbox.rulings(10)), []);
    const claim = { sources: ["acme"], limit: 1, eventsMax: 1, leaseMs: 1_000 };
    assert.deepEqual(answered(await store.inbox.claim(claim)), []);
  }
});

test("a transaction that is under way when the store goes back commits nothing", async () => {
  const store = memoryStore();
  const { record } = await claimed(store, claimOf("k"));
  const before = await recordOf(store, record.id);
  const [begun, { passed, open }] = [gate(), gate()];
  const back = store.checkpoint();
  const answer = store.transact(record, async (tx) => {
    tx.table<string>("orders").insert("o1", "reserved");
    begun.open();
    await passed;
    return { write: recordWrite("reserve", [MESSAGE]), value: 1 };
  });
  await begun.passed;
  back();
  open();
  assert.equal((await answer).kind, "not-applied");
  assert.deepEqual(store.table("orders").values(), []);
  assert.deepEqual(await recordOf(store, record.id), before);
});

test("the lineage tells when the store went back last", async () => {
  const skew = { ms: 0 };
  const clock = {
    wall: () => 1_000,
    monotonic: () => 0,
    sleep: async () => {},
    timer: () => () => {},
  };
  const store = memoryStore({ clock, skew });
  assert.deepEqual(answered(await store.lineage()), { changedAt: undefined });
  const back = store.checkpoint();
  assert.deepEqual(answered(await store.lineage()), { changedAt: undefined });
  back();
  skew.ms = 500;
  assert.deepEqual(answered(await store.lineage()), { changedAt: 1_000 });
  back();
  assert.deepEqual(answered(await store.lineage()), { changedAt: 1_500 });
});
