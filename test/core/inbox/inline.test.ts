import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import {
  type EventEvidence,
  type InboxEvent,
  inDoubt,
  ok,
  type Report,
} from "../../../src/index.ts";
import { effect, event, type Ground, ground } from "./ground.ts";

const INLINE = { mode: "inline" } as const;

async function statesOf({ store }: Ground): Promise<Record<string, string>> {
  const list = await store.inbox.list({ limit: 100 });
  assert.ok(list.kind === "ok");
  return Object.fromEntries(list.value.map(({ key, state }) => [key, state]));
}

test("inline, a handler is told all that its event says", async () => {
  const at = ground();
  const seen: InboxEvent[] = [];
  const inbox = at
    .process()
    .inbox({ source: "acme" }, { "*": (_, given) => void seen.push(given) }, INLINE);
  const given = { occurredAt: 1_700_000_000_000, payload: { amount: 7 } };
  await inbox.accept([event("evt_1", given)]);
  await inbox.accept([event("evt_2", { type: "payment.refunded" })]);
  const [first, second] = seen;
  assert.deepEqual(
    [first?.key, first?.type, first?.attempt, first?.occurredAt, first?.payload, first?.object],
    ["id:evt_1", "payment.succeeded", 1, 1_700_000_000_000, { amount: 7 }, event("").object],
  );
  assert.ok(second && !("occurredAt" in second && second.occurredAt !== undefined));
  assert.deepEqual(
    at.reports.map(({ type }) => type),
    ["event.accepted", "event.done", "event.accepted", "event.done"],
  );
  const [told] = at.reports;
  assert.ok(told?.type === "event.accepted");
  assert.deepEqual([told.source, told.route], ["acme", "webhook"]);
});

test("inline, an event without an object is about itself", async () => {
  const at = ground();
  const seen: unknown[] = [];
  const inbox = at
    .process()
    .inbox({ source: "acme" }, { "*": (_, { object }) => void seen.push(object) }, INLINE);
  const { object, ...bare } = event("evt_1");
  await inbox.accept([bare]);
  assert.deepEqual([seen, await statesOf(at)], [[undefined], { "id:evt_1": "done" }]);
});

test("inline, a hint and what is read at the provider are left to a worker", async () => {
  const at = ground();
  const once = at.process();
  const inbox = once.inbox(
    { source: "acme" },
    { "*": (tx, { key }) => effect(tx, key) },
    { ...INLINE, objects: { charge: { read: async () => ({}) } } },
  );
  await inbox.accept([event("evt_1", { object: { kind: "charge", id: "ch_1" } })]);
  await inbox.accept([event("evt_2", { hint: true, object: { kind: "payout", id: "po_1" } })]);
  await inbox.accept([event("evt_3")]);
  assert.deepEqual(at.effects(), ["id:evt_3"]);
  const states = await statesOf(at);
  assert.deepEqual([states["id:evt_1"], states["id:evt_2"]], ["waiting", "waiting"]);
});

test("inline, an object that is applied needs no handler of its type, and nobody's is kept", async () => {
  const at = ground();
  const applied: string[] = [];
  const states = {
    order: ["created", "succeeded"],
    of: (_: unknown, { payload }: { readonly payload: unknown }) => String(payload),
  };
  const inbox = at.process().inbox(
    { source: "acme" },
    {},
    {
      ...INLINE,
      objects: { payment: { states, apply: (_, __, { id }) => void applied.push(id) } },
    },
  );
  await inbox.accept([event("evt_1", { payload: "created" })]);
  await inbox.accept([event("evt_2", { object: { kind: "payout", id: "po_1" } })]);
  assert.deepEqual(applied, ["pi_1"]);
  assert.deepEqual(await statesOf(at), { "id:evt_1": "done", "id:evt_2": "unhandled" });
});

test("inline, a repetition and a second event of a change are told of, and not handled", async () => {
  const at = ground();
  const inbox = at
    .process()
    .inbox(
      { source: "acme" },
      { "payment.succeeded": { nature: "once-only", handler: (tx, { key }) => effect(tx, key) } },
      INLINE,
    );
  await inbox.accept([event("evt_1")]);
  await inbox.accept([event("evt_1", { payload: "forged" })]);
  await inbox.accept([event("evt_2")]);
  assert.deepEqual(at.effects(), ["id:evt_1"]);
  assert.deepEqual(
    at.reports.map((one) => [one.type, "event" in one && one.event]),
    ["accepted", "done", "repeated", "conflict", "accepted"].map((name) => [
      `event.${name}`,
      "payment.succeeded",
    ]),
  );
  assert.equal((await statesOf(at))["id:evt_2"], "superseded");
});

test("inline, an event that is behind its object is superseded", async () => {
  const at = ground();
  const order = ["created", "succeeded"] as const;
  const of = (_: unknown, { payload }: { readonly payload: unknown }): string => String(payload);
  const inbox = at
    .process()
    .inbox(
      { source: "acme" },
      { "*": (tx, { payload }) => effect(tx, String(payload)) },
      { ...INLINE, objects: { payment: { states: { order, of } } } },
    );
  await inbox.accept([event("evt_1", { payload: "succeeded" })]);
  await inbox.accept([event("evt_2", { payload: "created" })]);
  assert.deepEqual(at.effects(), ["succeeded"]);
  assert.equal((await statesOf(at))["id:evt_2"], "superseded");
});

test("inline, a store that refuses or does not say leaves the event to be queued", async () => {
  const at = ground();
  const error = new Error("The connection was reset.");
  for (const kind of ["not-known", "not-applied"] as const) {
    const store = {
      ...at.store,
      inbox: { ...at.store.inbox, acceptHandled: async () => ({ kind, error, again: true }) },
    };
    const once = at.process({ store: store as typeof at.store });
    const inbox = once.inbox({ source: "acme" }, { "*": (tx, { key }) => effect(tx, key) }, INLINE);
    await inbox.accept([event(kind)]);
  }
  assert.deepEqual(at.effects(), []);
  assert.deepEqual(await statesOf(at), { "id:not-known": "waiting", "id:not-applied": "waiting" });
});

test("inline, an event settles the step that it proves, and wakes a worker for it", async () => {
  const at = ground();
  const settled = Promise.withResolvers<void>();
  const onEvent = ({ type }: Report): void => {
    if (type === "operation.settled") settled.resolve();
  };
  const once = at.process({ onEvent });
  const keys: string[] = [];
  const charged = once.operation("checkout", {
    input: z.unknown(),
    handler: async (op) => {
      const charge = await op.external("charge", {
        target: { provider: "acme", kind: "payment" },
        keyed: false,
        send: ({ key }): { readonly id: string } => {
          keys.push(key);
          throw new Error("The answer was lost.");
        },
        judge: () => inDoubt("unanswered"),
        reference: ({ id }) => id,
        retrieve: (id) => ({ id }),
      });
      return ok({ paid: charge.declined ? "" : charge.value.id });
    },
  });
  const request = { scope: "acct_1", key: "k1", input: {} };
  assert.equal((await charged.run(request)).kind, "in-doubt");
  const evidence: EventEvidence = {
    ...{ provider: "acme", kind: "payment", providerKey: keys[0] ?? "", reference: "pi_1" },
    finding: "executed",
    stands: true,
  };
  const inbox = once.inbox({ source: "acme" }, { "*": (tx, { key }) => effect(tx, key) }, INLINE);
  // By itself the worker would look again after an hour.
  once.worker.start({ pollMs: 3_600_000 });
  await new Promise((resolve) => setImmediate(resolve));
  await inbox.accept([event("evt_1", { evidence })]);
  assert.deepEqual(at.effects(), ["id:evt_1"]);
  await settled.promise;
  await once.worker.stop();
  const listed = await at.store.list({ limit: 1 });
  const known = await at.store.evidence(
    listed.kind === "ok" ? (listed.value[0]?.record.id ?? "") : "",
  );
  assert.ok(known.kind === "ok");
  const { source, finding, detail } = known.value.at(-1) ?? {};
  assert.deepEqual(
    [source, finding, detail],
    ["webhook", "executed", "acme sent payment.succeeded"],
  );
  const last = await charged.run(request);
  assert.deepEqual("body" in last && last.body, { paid: "pi_1" });
});

test("inline, an event about a run that is under way is left to a worker", async () => {
  const at = ground();
  const once = at.process();
  const gate = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<string>();
  const slow = once.operation("slow", {
    input: z.object({}),
    handler: async (op) => {
      await op.external("charge", {
        send: async ({ key }) => {
          begun.resolve(key);
          await gate.promise;
          return { id: "pi_1" };
        },
      });
      return ok({});
    },
  });
  const inbox = once.inbox({ source: "acme" }, { "*": (tx, { key }) => effect(tx, key) }, INLINE);
  const running = slow.run({ scope: "acct_1", key: "k1", input: {} });
  const providerKey = await begun.promise;
  const evidence = { provider: "acme", providerKey, finding: "executed" } as const;
  await inbox.accept([event("evt_1", { evidence: { ...evidence, reference: "pi_1" } })]);
  assert.deepEqual([at.effects(), await statesOf(at)], [[], { "id:evt_1": "waiting" }]);
  gate.resolve();
  assert.equal((await running).kind, "succeeded");
});

test("inline, an event whose proof cannot be looked up is left to a worker", async () => {
  const at = ground();
  const error = new Error("The connection was reset.");
  const store = { ...at.store, stepOf: async () => ({ kind: "not-known", error }) as const };
  const once = at.process({ store });
  const inbox = once.inbox({ source: "acme" }, { "*": (tx, { key }) => effect(tx, key) }, INLINE);
  const evidence = { provider: "acme", providerKey: "k", finding: "executed" } as const;
  await inbox.accept([event("evt_1", { evidence: { ...evidence, reference: "pi_1" } })]);
  assert.deepEqual([at.effects(), await statesOf(at)], [[], { "id:evt_1": "waiting" }]);
});
