import assert from "node:assert/strict";
import { test } from "node:test";
import type { EventHandlers, InboxEvent, Write } from "../../../src/index.ts";
import type { MemoryTransaction } from "../../../src/stores/memory/store.ts";
import { effect, event, type Ground, ground } from "./ground.ts";

const order = ["created", "paid", "refunded"] as const;
const states = { order, of: (_: unknown, { payload }: InboxEvent) => String(payload) };
const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function eventsOf({ store }: Ground) {
  const list = await store.inbox.list({ limit: 100 });
  assert.ok(list.kind === "ok");
  return list.value.toReversed();
}

test("asynchronous handlers run one after the other, and the move of their object last", async () => {
  const at = ground();
  const once = at.process();
  const write = async (tx: MemoryTransaction, name: string): Promise<void> => {
    effect(tx, `${name} begins`);
    await later();
    effect(tx, `${name} ends`);
  };
  const inbox = once.inbox(
    { source: "acme" },
    { "*": (tx, { key }) => write(tx, key) },
    { objects: { payment: { states, apply: (tx, _, { to }) => write(tx, to) } } },
  );
  await inbox.accept([event("evt_1", { payload: "created" }), event("evt_2", { payload: "paid" })]);
  await once.worker.runOnce();
  assert.deepEqual(at.effects(), [
    ...["id:evt_1 begins", "id:evt_1 ends", "id:evt_2 begins", "id:evt_2 ends"],
    ...["paid begins", "paid ends"],
  ]);
});

test("an object moves from where its last events left it, and not where it stays", async () => {
  const at = ground();
  const once = at.process();
  const moves: unknown[] = [];
  const inbox = once.inbox(
    { source: "acme" },
    { "*": () => undefined },
    { objects: { payment: { states, apply: (_, __, move) => void moves.push(move) } } },
  );
  for (const [index, payload] of ["created", "paid", "paid", "created", "refunded"].entries()) {
    await inbox.accept([event(`evt_${index}`, { payload })]);
    await once.worker.runOnce();
  }
  assert.deepEqual(moves, [
    { id: "pi_1", from: undefined, to: "created" },
    { id: "pi_1", from: "created", to: "paid" },
    { id: "pi_1", from: "paid", to: "refunded" },
  ]);
  const kinds = (await eventsOf(at)).map(({ state }) => state);
  assert.deepEqual(kinds, ["done", "done", "done", "superseded", "done"]);
});

test("of events that wait together the newest that is not late decides the move", async () => {
  const at = ground();
  const once = at.process();
  const moves: string[] = [];
  const inbox = once.inbox(
    { source: "acme" },
    { "*": () => undefined },
    { objects: { payment: { states, apply: (_, __, { to }) => void moves.push(to) } } },
  );
  const payloads = ["paid", "created"];
  await inbox.accept(payloads.map((payload, index) => event(`evt_${index}`, { payload })));
  await once.worker.runOnce();
  assert.deepEqual(moves, ["paid"]);
});

test("a state that the order does not name keeps its event waiting, and says so", async () => {
  const at = ground();
  const once = at.process();
  const inbox = once.inbox(
    { source: "acme" },
    { "*": (tx, { key }) => effect(tx, key) },
    { objects: { payment: { states } } },
  );
  await inbox.accept([event("evt_1", { payload: "disputed" })]);
  await once.worker.runOnce();
  const [first] = await eventsOf(at);
  assert.deepEqual([at.effects(), first?.state], [[], "waiting"]);
  assert.match(first?.error ?? "", /"disputed" is not in `order`\. Add it/);
});

test("a state that an event does not tell is none to compare", async () => {
  const at = ground();
  const once = at.process();
  const of = (_: unknown, { payload }: InboxEvent) =>
    payload === "" ? undefined : String(payload);
  const inbox = once.inbox(
    { source: "acme" },
    { "payment.succeeded": (tx, { key }) => effect(tx, key) },
    { objects: { payment: { states: { order, of: of as typeof states.of } } } },
  );
  await inbox.accept([event("evt_1", { payload: "paid" }), event("evt_2", { payload: "" })]);
  await once.worker.runOnce();
  await inbox.accept([event("evt_3", { payload: "created" })]);
  await once.worker.runOnce();
  assert.deepEqual(at.effects(), ["id:evt_1", "id:evt_2"]);
});

test("what a handler stages is sealed for its event, and a writer ends with its handler", async () => {
  const at = ground();
  const once = at.process();
  let kept: Write | undefined;
  const handlers: EventHandlers<MemoryTransaction, "async"> = {
    "*": async (_, { key }, write) => {
      await later();
      write.stage("receipt", { key });
      kept = write;
    },
  };
  const apply = (_: unknown, __: unknown, ___: unknown, write: Write): void => {
    write.stage("receipt", { moved: true });
  };
  const inbox = once.inbox({ source: "acme" }, handlers, {
    objects: { payment: { states, apply } },
  });
  const sent: unknown[] = [];
  once.relay("receipt", ({ payload }) => void sent.push(payload));
  await inbox.accept([event("evt_1", { payload: "paid" })]);
  await once.worker.runOnce();
  await once.worker.runOnce();
  assert.deepEqual(sent, [{ key: "id:evt_1" }, { moved: true }]);
  const staged = await at.store.outbox.list({ limit: 10 });
  assert.ok(staged.kind === "ok");
  // A run by another release makes the same keys of the same event.
  const origin = "602713ada81a0b322b5beef0af28d7f5ec28719bd6a59f5b616f67c399b4b09e";
  const keys = staged.value.map(({ key }) => key).toSorted();
  assert.deepEqual(keys, [`${origin}:apply:0`, `${origin}:event:0`]);
  assert.throws(() => kept?.stage("receipt", { late: true }));
});
