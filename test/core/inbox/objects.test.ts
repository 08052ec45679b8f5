import assert from "node:assert/strict";
import { test } from "node:test";
import { type EventHandlers, systemClock } from "../../../src/index.ts";
import type { MemoryTransaction } from "../../../src/stores/memory/store.ts";
import { effect, event, ground } from "./ground.ts";

const ORDER = ["created", "processing", "failed", "succeeded", "refunded"] as const;

interface Payment {
  readonly status: string;
}

const statusOf = (_: unknown, { payload }: { readonly payload: unknown }): string =>
  (payload as Payment).status;

test("an event that is behind its object is superseded, unless its type corrects", async () => {
  const { process, effects, store } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.updated": (tx, { payload }) => effect(tx, (payload as Payment).status),
      "payment.reversed": {
        nature: "corrective",
        handler: (tx, { payload }) => effect(tx, `back to ${(payload as Payment).status}`),
      },
    },
    {
      objects: {
        payment: { states: { order: ORDER, also: [["failed", "processing"]], of: statusOf } },
      },
    },
  );
  const type = "payment.updated";
  const updates = ["processing", "created", "succeeded", "failed"];
  for (const [index, status] of updates.entries()) {
    await inbox.accept([event(`evt_${index}`, { type, payload: { status } })]);
    await once.worker.runOnce();
  }
  assert.deepEqual(effects(), ["processing", "succeeded"]);
  await inbox.accept([event("evt_9", { type: "payment.reversed", payload: { status: "failed" } })]);
  await once.worker.runOnce();
  await inbox.accept([event("evt_10", { type, payload: { status: "processing" } })]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["processing", "succeeded", "back to failed", "processing"]);
  const superseded = await store.inbox.list({ state: "superseded", limit: 10 });
  assert.equal(superseded.kind === "ok" && superseded.value.length, 2);
});

test("a type that happens once to an object is not repeated by a second event", async () => {
  const { process, effects } = ground();
  const once = process();
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.succeeded": { nature: "once-only", handler: (tx, { key }) => effect(tx, key) },
    },
  );
  await inbox.accept([event("evt_1"), event("evt_2")]);
  await inbox.accept([event("evt_3", { object: { kind: "payment", id: "pi_2" } })]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1", "id:evt_3"]);
});

test("an object is read once for all its events, outside of the transaction", async () => {
  const { process, effects } = ground();
  const once = process();
  const read: string[] = [];
  const moves: unknown[] = [];
  const inbox = once.inbox(
    { source: "acme" },
    {
      "payment.updated": (tx, { key, current }) =>
        effect(tx, `${key} ${(current as Payment).status}`),
    },
    {
      objects: {
        payment: {
          read: async (id) => {
            read.push(id);
            return { status: "succeeded" };
          },
          states: { order: ORDER, of: ({ status }: Payment) => status },
          apply: (tx, { status }: Payment, move) => {
            moves.push(move);
            effect(tx, `applied ${status}`);
          },
        },
      },
    },
  );
  const type = "payment.updated";
  await inbox.accept(["1", "2", "3"].map((id) => event(id, { type, payload: { id } })));
  await once.worker.runOnce();
  assert.deepEqual(read, ["pi_1"]);
  assert.deepEqual(moves, [{ id: "pi_1", from: undefined, to: "succeeded" }]);
  await inbox.accept([event("4", { type, payload: { id: "4" } })]);
  await once.worker.runOnce();
  assert.deepEqual(
    effects().filter((name) => name.startsWith("applied")),
    ["applied succeeded"],
  );
  assert.equal(effects().length, 5);
});

test("what was read before the event happened is read again", async () => {
  const { process, effects, advance } = ground();
  const once = process();
  const answers = [1, 2, 3];
  const inbox = once.inbox(
    { source: "acme" },
    { "payment.updated": (tx, { current }) => effect(tx, `version ${current}`) },
    {
      objects: {
        payment: {
          read: async () => answers.shift(),
          isBehind: (current: number, { payload }) =>
            current < (payload as { readonly version: number }).version,
        },
      },
    },
  );
  await inbox.accept([event("1", { type: "payment.updated", payload: { version: 3 } })]);
  for (let pass = 0; pass < 3; pass += 1) {
    await once.worker.runOnce();
    advance(60_000);
  }
  assert.deepEqual(effects(), ["version 3"]);
});

test("an older version is late, also of a type that corrects; one must be a number", async () => {
  const { process, effects, store } = ground();
  const once = process();
  const versionOf = ({ payload }: { readonly payload: unknown }): number =>
    (payload as { readonly version: number }).version;
  const inbox = once.inbox(
    { source: "acme" },
    { "*": { nature: "corrective", handler: (tx, given) => effect(tx, `v${versionOf(given)}`) } },
    { objects: { payment: { version: (_: unknown, given) => versionOf(given) } } },
  );
  for (const version of [2, 1, Number.NaN, 3]) {
    await inbox.accept([event(`evt_${version}`, { payload: { version } })]);
    await once.worker.runOnce();
  }
  assert.deepEqual(effects(), ["v2", "v3"]);
  const late = await store.inbox.list({ state: "superseded", limit: 10 });
  assert.deepEqual(late.kind === "ok" && late.value.map(({ key }) => key), ["id:evt_1"]);
});

test("a reading that is older than what was applied is read again", async () => {
  const { process, effects, advance } = ground();
  const once = process();
  const answers = [
    { version: 2, status: "succeeded" },
    { version: 1, status: "processing" },
    { version: 3, status: "failed" },
  ];
  const inbox = once.inbox(
    { source: "acme" },
    {},
    {
      objects: {
        payment: {
          read: async () => answers.shift(),
          version: ({ version }) => version,
          states: { order: ["processing", "succeeded", "failed"], of: ({ status }) => status },
          apply: (tx, { status }, { from }) => effect(tx, `${from} to ${status}`),
        },
      },
    },
  );
  await inbox.accept([event("evt_1")]);
  await once.worker.runOnce();
  await inbox.accept([event("evt_2")]);
  for (let pass = 0; pass < 2; pass += 1) {
    await once.worker.runOnce();
    advance(3_600_000);
  }
  assert.deepEqual(effects(), ["undefined to succeeded", "succeeded to failed"]);
});

test("a hint has no effect unless its object is read back", async () => {
  const { process, effects, store } = ground();
  const once = process();
  const handlers: EventHandlers<MemoryTransaction, "async"> = {
    "payment.succeeded": (tx, { key }) => effect(tx, key),
  };
  const bare = once.inbox({ source: "bare" }, handlers);
  const reading = once.inbox({ source: "reading" }, handlers, {
    objects: { payment: { read: async (id) => ({ id }) } },
  });
  await bare.accept([event("evt_1", { hint: true })]);
  await reading.accept([event("evt_2", { hint: true })]);
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_2"]);
  const dead = await store.inbox.list({ source: "bare", state: "dead", limit: 10 });
  assert.match((dead.kind === "ok" && dead.value[0]?.error) || "", /declare `read` for "payment"/);
});

test("a provider that cannot be read keeps the event waiting, for as long as it is down", async () => {
  const { process, effects, advance } = ground();
  let now = 0;
  const once = process({ clock: { ...systemClock, monotonic: () => now } });
  let down = true;
  const inbox = once.inbox(
    { source: "acme" },
    { "payment.succeeded": (tx, { key }) => effect(tx, key) },
    {
      objects: {
        payment: {
          read: async () => {
            if (down) throw new Error("503");
            return {};
          },
        },
      },
    },
  );
  await inbox.accept([event("evt_1")]);
  for (let pass = 0; pass < 20; pass += 1) {
    await once.worker.runOnce();
    advance(3_600_000);
    now += 3_600_000;
  }
  assert.deepEqual(effects(), []);
  down = false;
  await once.worker.runOnce();
  assert.deepEqual(effects(), ["id:evt_1"]);
});
