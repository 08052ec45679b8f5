import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import {
  type Effect,
  type EventEvidence,
  inDoubt,
  type Operation,
  ok,
} from "../../../src/index.ts";
import { event, ground, type MemoryOnce } from "./ground.ts";

const request = { scope: "acct_1", key: "k1", input: {} };

/** A charge whose answer is always lost, and which only its reference brings back. */
function lostCharge(keys: string[]): Effect<{ readonly id: string }, never> {
  return {
    target: { provider: "acme", kind: "payment" },
    keyed: false,
    send: ({ key }) => {
      keys.push(key);
      throw new Error("The answer was lost.");
    },
    judge: () => inDoubt("unanswered"),
    reference: ({ id }) => id,
    retrieve: (id) => ({ id }),
  };
}

function said(reference: string, providerKey = ""): EventEvidence {
  const target = { provider: "acme", kind: "payment" };
  return { ...target, providerKey, reference, finding: "executed", stands: true };
}

function checkout(once: MemoryOnce, keys: string[]): Operation<unknown, unknown> {
  return once.operation("checkout", {
    input: z.unknown(),
    handler: async (op) => {
      const charge = await op.external("charge", lostCharge(keys));
      return ok({ paid: charge.declined ? "" : charge.value.id });
    },
  });
}

test("a webhook settles the step that it proves, and the operation runs on", async () => {
  const { process, advance } = ground();
  const once = process();
  const keys: string[] = [];
  const charged = checkout(once, keys);
  const inbox = once.inbox({ source: "acme" }, {});
  const first = await charged.run(request);
  assert.equal(first.kind, "in-doubt");
  const evidence = said("pi_1", keys[0]);
  await inbox.accept([event("evt_1", { evidence })]);
  await once.worker.runOnce();
  advance(1);
  await once.worker.runOnce();
  const last = await charged.run(request);
  assert.deepEqual([last.kind, "body" in last && last.body], ["succeeded", { paid: "pi_1" }]);
  assert.equal(keys.length, 1, "nothing was charged again");
});

test("a hint settles nothing by itself", async () => {
  const { process, store } = ground();
  const once = process();
  const keys: string[] = [];
  const charged = checkout(once, keys);
  const inbox = once.inbox({ source: "acme" }, {});
  await charged.run(request);
  const evidence = said("pi_evil", keys[0]);
  await inbox.accept([event("evt_1", { hint: true, evidence })]);
  for (let pass = 0; pass < 3; pass += 1) await once.worker.runOnce();
  const again = await charged.run(request);
  assert.equal(again.kind, "in-doubt");
  assert.equal(keys.length, 1, "a hint is no leave to charge again");
  const listed = await store.list({ limit: 1 });
  const id = listed.kind === "ok" ? (listed.value[0]?.record.id ?? "") : "";
  const known = await store.evidence(id);
  assert.ok(known.kind === "ok" && known.value.some(({ source }) => source === "webhook"));
});

test("a success under a key that a person called unused raises an alarm", async () => {
  const { process, reports } = ground();
  const once = process();
  const keys: string[] = [];
  const charged = checkout(once, keys);
  const inbox = once.inbox({ source: "acme" }, {});
  await charged.run(request);
  const named = { scope: "acct_1", key: "k1", origin: "own" } as const;
  const word = { step: "charge", notExecuted: true, by: "ann", reason: "not seen" } as const;
  assert.equal(await once.settle(named, word), "reopened");
  const evidence = said("pi_1", keys[0]);
  await inbox.accept([event("evt_1", { evidence })]);
  await once.worker.runOnce();
  const alarms = reports.filter(({ type }) => type === "effect.orphan");
  assert.equal(alarms.length, 1);
});

test("an event of something else that carries the key settles nothing", async () => {
  const { process } = ground();
  const once = process();
  const keys: string[] = [];
  const charged = checkout(once, keys);
  const inbox = once.inbox({ source: "acme" }, {});
  await charged.run(request);
  const evidence = { ...said("cap_1", keys[0]), kind: "capture" };
  await inbox.accept([event("evt_1", { evidence })]);
  for (let pass = 0; pass < 3; pass += 1) await once.worker.runOnce();
  assert.equal((await charged.run(request)).kind, "in-doubt");
});

test("an event about an operation that runs waits until it is over", async () => {
  const { process, advance, store } = ground();
  const once = process();
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
  const inbox = once.inbox({ source: "acme" }, { "payment.succeeded": () => undefined });
  const running = slow.run(request);
  const providerKey = await begun.promise;
  const evidence = {
    provider: "acme",
    providerKey,
    reference: "pi_1",
    finding: "executed",
  } as const;
  await inbox.accept([event("evt_1", { evidence })]);
  assert.equal((await once.worker.runOnce()).handling?.ended, 0);
  gate.resolve();
  assert.equal((await running).kind, "succeeded");
  advance(2_000);
  assert.equal((await once.worker.runOnce()).handling?.ended, 1);
  const list = await store.inbox.list({ limit: 1 });
  assert.equal(list.kind === "ok" && list.value[0]?.state, "done");
});
