import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { ok } from "../../src/index.ts";
import type { MemoryStore } from "../../src/stores/memory/store.ts";
import { type Stage, stage } from "./stage.ts";

const call = { scope: "acct_1", key: "k1", input: {} };
const LEASE_MS = 30_000;
const LATER_MS = 3_600_000;
const LOST = { kind: "not-known", error: new Error("the answer was lost") } as const;

/** An operation that charges without a key, so that a second charge would be one too many. */
function wire(scene: Stage, store: MemoryStore, sent: string[], wait?: Promise<void>) {
  return scene.process({ store }).operation("wire", {
    input: z.object({}),
    handler: async (op) => {
      const charge = await op.external("charge", {
        keyed: false,
        send: async ({ key }) => {
          sent.push(key);
          await wait;
          return { id: "w_1" };
        },
      });
      return ok({ paid: charge.declined ? "" : charge.value.id });
    },
  });
}

test("a result of a keyless send that landed is found, although no answer told of it", async () => {
  const scene = stage();
  const sent: string[] = [];
  const cut: MemoryStore = {
    ...scene.store,
    record: async (...given) => {
      await scene.store.record(...given);
      return LOST;
    },
    read: async () => LOST,
  };
  const first = await wire(scene, cut, sent).run(call);
  assert.notEqual(first.kind, "succeeded");
  scene.advance(LATER_MS);
  const again = wire(scene, scene.store, sent);
  assert.equal((await again.run(call)).kind, "succeeded");
  assert.equal(sent.length, 1);
});

test("a result of a keyless send that never landed leaves it in doubt", async () => {
  const scene = stage();
  const sent: string[] = [];
  const cut: MemoryStore = { ...scene.store, record: async () => LOST };
  await wire(scene, cut, sent).run(call);
  scene.advance(LATER_MS);
  assert.equal((await wire(scene, scene.store, sent).run(call)).kind, "in-doubt");
  assert.equal(sent.length, 1);
});

test("a result that lands between a worker's look and its take-over ends the doubt", async () => {
  const scene = stage();
  const sent: string[] = [];
  const gate = Promise.withResolvers<void>();
  const recorded = Promise.withResolvers<void>();
  const woken = Promise.withResolvers<void>();
  const slow: MemoryStore = {
    ...scene.store,
    record: async (...given) => {
      const answer = await scene.store.record(...given);
      recorded.resolve();
      return answer;
    },
    // The process stands still as soon as its result has landed.
    settle: (...given) => woken.promise.then(() => scene.store.settle(...given)),
  };
  const stale = wire(scene, slow, sent, gate.promise).run(call);
  while (sent.length === 0) await new Promise(setImmediate);
  scene.advance(LEASE_MS + 1);
  const looking: MemoryStore = {
    ...scene.store,
    takeOver: async (request) => {
      gate.resolve();
      await recorded.promise;
      return scene.store.takeOver(request);
    },
  };
  const last = await wire(scene, looking, sent).run(call);
  assert.equal(last.kind, "succeeded");
  woken.resolve();
  assert.equal((await stale).kind, "succeeded");
  assert.equal(sent.length, 1);
});
