import assert from "node:assert/strict";
import { test } from "node:test";
import { effect, event, ground } from "./ground.ts";

const HOUR_MS = 3_600_000;

test("an event that comes twice is handled once, after it was acknowledged", async () => {
  const { process, effects, reports } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key }) => effect(tx, key),
    },
  );
  await Promise.all([inbox.accept([event("evt_1")]), inbox.accept([event("evt_1")])]);
  assert.deepEqual(effects(), [], "queued events wait for a worker");
  const { handling } = await once.worker.runOnce();
  assert.equal(handling?.ended, 1);
  await inbox.accept([event("evt_1")]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1"]);
  const kinds = reports.map(({ type }) => type);
  assert.deepEqual(kinds.sort(), [
    ...["event.accepted", "event.done", "event.repeated", "event.repeated"],
  ]);
});

test("inline, the event and its effect are one commit, and a failure is queued", async () => {
  const { process, effects, store } = ground();
  const once = process();
  let fails = true;
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key, attempt }) => {
        effect(tx, key);
        if (fails) throw new Error(`attempt ${attempt}`);
      },
    },
    { mode: "inline" },
  );
  await inbox.accept([event("evt_1")]);
  assert.deepEqual(effects(), []);
  fails = false;
  await inbox.accept([event("evt_2", { object: { kind: "payment", id: "pi_2" } })]);
  await inbox.accept([event("evt_2", { object: { kind: "payment", id: "pi_2" } })]);
  assert.deepEqual(effects(), ["id:evt_2"], "inline needs no worker");
  // An event of an object that has one waiting queues up behind it.
  await inbox.accept([event("evt_3")]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_2", "id:evt_1", "id:evt_3"]);
  const list = await store.inbox.list({ limit: 10 });
  assert.deepEqual(list.kind === "ok" && list.value.map(({ state }) => state), [
    ...["done", "done", "done"],
  ]);
});

test("a handler that fails ten times has its effect once, with growing pauses", async () => {
  const { process, effects, advance, store } = ground();
  const once = process();
  const seen: number[] = [];
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key, attempt }, write) => {
        seen.push(attempt);
        effect(tx, key);
        write.stage("receipt", { key }, { key });
        if (attempt <= 10) throw new Error("The mail server is down.");
      },
    },
  );
  await inbox.accept([event("evt_1")]);
  for (let pass = 0; pass < 11; pass += 1) {
    await once.worker.runOnce();
    advance(HOUR_MS);
  }
  assert.deepEqual(seen, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  assert.deepEqual(effects(), ["id:evt_1"]);
  const messages = await store.outbox.list({ topic: "receipt", limit: 10 });
  assert.equal(messages.kind === "ok" && messages.value.length, 1);
});

test("an event that fails for three days is dead, and a person may redeliver it", async () => {
  const { process, effects, advance, store } = ground();
  const once = process();
  let fails = true;
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key }) => {
        if (fails) throw new Error("Never.");
        effect(tx, key);
      },
    },
  );
  await inbox.accept([event("evt_1")]);
  for (let pass = 0; pass < 80; pass += 1) {
    await once.worker.runOnce();
    advance(HOUR_MS);
  }
  const dead = await store.inbox.list({ state: "dead", limit: 10 });
  assert.ok(dead.kind === "ok" && dead.value.length === 1);
  fails = false;
  const ruling = { filter: { state: "dead", limit: 10 }, by: "ann", reason: "mended" } as const;
  await store.inbox.redeliver({ ...ruling, dryRun: true });
  await once.worker.runOnce();
  assert.deepEqual(effects(), []);
  await store.inbox.redeliver({ ...ruling, dryRun: false });
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1"]);
});

test("one bad event of an object does not fail the others with it", async () => {
  const { process, effects } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key }) => effect(tx, key),
      "payment.odd": (tx, { key, refuse }) => {
        effect(tx, key);
        refuse("nobody knows what it is");
      },
    },
  );
  await inbox.accept([event("evt_1"), event("evt_2", { type: "payment.odd" }), event("evt_3")]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1", "id:evt_3"]);
});

test("what nobody handles is kept, and is handled once somebody does", async () => {
  const { process, effects, store } = ground();
  const first = process();
  const inbox = first.inbox({ source: "acme" }, {});
  await inbox.accept([event("evt_1")]);
  await first.worker.runOnce();
  const later = process();
  later.inbox({ source: "acme" }, { "*": (tx, { key }) => effect(tx, key) });
  const filter = { state: "unhandled", limit: 10 } as const;
  await store.inbox.redeliver({ filter, by: "ann", reason: "now we do", dryRun: false });
  await later.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1"]);
});

test("an event that came too early waits, and is released by what it is about", async () => {
  const { process, effects, advance } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { waitFor }) => {
        if (tx.table("orders").get("order_1") === undefined) waitFor("order:order_1");
        effect(tx, "paid order_1");
      },
    },
  );
  await inbox.accept([event("evt_1")]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), []);
  const order = once.atomic("order", {
    input: { "~standard": { version: 1, vendor: "test", validate: (value) => ({ value }) } },
    handler: (op) => {
      op.tx.table("orders").insert("order_1", {});
      op.arrived("order:order_1");
      return { made: true };
    },
  });
  await order.run({ scope: "a", key: "k", input: {} });
  advance(1);
  // The first pass releases it, the second one handles it.
  await once.worker.runOnce();
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["paid order_1"]);
});

test("a process that dies with an event in its hands is noticed, and spares the others", async () => {
  const { process, effects, advance, store } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": (tx, { key }) => effect(tx, key),
    },
  );
  await inbox.accept([event("evt_1"), event("evt_2")]);
  // A process that claims and is never heard of again, as often as it takes.
  const request = { sources: ["acme"], leaseMs: 1_000, limit: 1, eventsMax: 10 };
  const sizes: number[] = [];
  for (let death = 0; death < 4; death += 1) {
    const claimed = await store.inbox.claim(request);
    assert.ok(claimed.kind === "ok");
    sizes.push(...claimed.value.map(({ events }) => events.length));
    advance(1_001);
  }
  assert.deepEqual(sizes, [2, 1, 1, 1], "after a death events come one at a time");
  await once.worker.runOnce();
  await once.worker.runOnce();
  const dead = await store.inbox.list({ state: "dead", limit: 10 });
  assert.deepEqual(dead.kind === "ok" && dead.value.map(({ key }) => key), ["id:evt_1"]);
  assert.deepEqual(effects(), ["id:evt_2"]);
});
