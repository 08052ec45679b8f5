import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, ok } from "../../src/index.ts";
import { call, gate, type Process, quietClock, type Scene, settleTurn } from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];
type Handler = Parameters<Process["operation"]>[1]["handler"];

const pay = (once: Process, handler: Handler) =>
  once.operation("pay", { input: Order, handler: handler as never });

/** The same store, whose claims are counted and may be held back. */
function counting({ store }: Scene, before: () => Promise<void> = async () => {}) {
  const counted = { claims: 0 };
  const claim: Store["claim"] = async (request) => {
    counted.claims += 1;
    await before();
    return store.claim(request);
  };
  return { counted, store: { ...store, claim } };
}

for (const [kind, end] of [
  ["failed", () => fail({ reason: "no" })],
  ["succeeded", () => ok({ id: 7 })],
] as const)
  test(`duplicates of one process share one claim and its outcome: ${kind}`, async () => {
    const scene = stage();
    const held = gate();
    const { counted, store } = counting(scene);
    const operation = pay(scene.process({ store, clock: quietClock, waitMs: 1_000 }), async () => {
      await held.passed;
      return end();
    });
    const running = [operation.run(call), operation.run(call), operation.run(call)];
    await settleTurn();
    held.open();
    const ends = await Promise.all(running);
    assert.deepEqual(
      ends.map((one) => [one.kind, "replayed" in one && one.replayed]),
      [false, true, true].map((replayed) => [kind, replayed]),
    );
    assert.equal(counted.claims, 1);
  });

test("who may wait longer than the call that it joined looks again by itself", async () => {
  const scene = stage();
  const elsewhere = gate();
  const first = pay(scene.process({ clock: quietClock }), async () => {
    await elsewhere.passed;
    return ok("done");
  }).run(call);
  await settleTurn();
  const clock = handClock();
  const asked = gate();
  const { store } = counting(scene, () => asked.passed);
  const operation = pay(scene.process({ clock, store }), () => ok());
  const hasty = operation.run({ ...call, waitMs: 0 });
  const patient = operation.run({ ...call, waitMs: 1_000 });
  await settleTurn();
  asked.open();
  assert.equal((await hasty).kind, "in-progress");
  elsewhere.open();
  await first;
  await clock.pass(100);
  const end = await patient;
  assert.deepEqual([end.kind, "body" in end && end.body], ["succeeded", "done"]);
});

test("a passing answer that came when the wait was over is not asked for again", async () => {
  const scene = stage();
  const clock = handClock();
  const held = gate();
  let leapMs = 0;
  const leaping = { ...clock, monotonic: () => clock.monotonic() + leapMs };
  const { door } = scene
    .process({ clock: leaping, waitMs: 2_000 })
    .opaque("orders", { afterCrash: "doubt" });
  let ran = 0;
  const handler = async () => {
    ran += 1;
    await held.passed;
    return { status: 429, headers: [], body: Buffer.from("slow") };
  };
  const payload = { json: { amount: 1 } };
  const request = { origin: "http", scope: "a", key: "k1", payload, waitMs: 500 } as const;
  const both = [door.perform(request, handler), door.perform(request, handler)];
  await settleTurn();
  // The process stood still for as long as the second one would wait.
  leapMs = 500;
  held.open();
  const [first, second] = await Promise.all(both);
  assert.equal(first?.kind, "passing");
  assert.ok(second?.kind === "refused");
  assert.deepEqual([second.code, second.retryAfterMs, ran], ["in-progress", 2_000, 1]);
});

test("what waiting cannot change is told at once, however long the caller would wait", async () => {
  const scene = stage();
  const pauses: number[] = [];
  const clock = { ...quietClock, sleep: async (ms: number) => void pauses.push(ms) };
  const operation = pay(scene.process({ clock, waitMs: 1_000 }), () => ok());
  await operation.run(call);
  const other = { ...call, input: { ...call.input, amount: 7 } };
  assert.deepEqual([(await operation.run(other)).kind, pauses], ["key-reused", []]);
});
