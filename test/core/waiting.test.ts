import assert from "node:assert/strict";
import { test } from "node:test";
import { fail, ok, systemRandom } from "../../src/index.ts";
import {
  acquirer,
  call,
  gate,
  id,
  LEASE_MS,
  type Process,
  pay,
  quietClock,
  recordOf,
  type Scene,
  settleTurn,
} from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];
type Handler = Parameters<Process["operation"]>[1]["handler"];

const gone = { kind: "not-known", error: new Error("gone") } as const;
const charge = (once: Process, handler: Handler) =>
  once.operation("pay", { input: Order, handler: handler as never });

/** A clock whose pauses are over at once, on both clocks. */
function leaping(scene: Scene, fraction = 1) {
  const clock = handClock();
  const pauses: number[] = [];
  const sleep = async (ms: number): Promise<void> => {
    pauses.push(ms);
    scene.advance(ms);
    await clock.pass(ms);
  };
  const random = { ...systemRandom, fraction: () => fraction };
  return { clock: { ...clock, monotonic: clock.monotonic, sleep }, pauses, random };
}

/** A handler under way in another process, until it is let go. */
async function underWay(scene: Scene) {
  const held = gate();
  const running = charge(scene.process({ clock: quietClock }), async () => {
    await held.passed;
    return ok("done");
  }).run(call);
  await settleTurn();
  return { open: () => held.open(), running };
}

for (const [fraction, first] of [
  [1, [20, 40, 80, 160, 250, 250]],
  [0, [10, 20, 40, 80, 125, 125]],
] as const)
  test(`a duplicate looks again after growing pauses, for as long as it may wait: ${fraction}`, async () => {
    const scene = stage();
    await underWay(scene);
    const attempts = new Set<string>();
    const claim: Store["claim"] = (request) => {
      attempts.add(request.attemptId);
      return scene.store.claim(request);
    };
    const { pauses, ...ports } = leaping(scene, fraction);
    const once = scene.process({ ...ports, store: { ...scene.store, claim }, waitMs: 1_000 });
    scene.events.length = 0;
    const result = await charge(once, () => ok()).run(call);
    assert.equal(result.kind, "in-progress");
    assert.deepEqual(pauses.slice(0, 6), first);
    const waited = pauses.reduce((sum, ms) => sum + ms, 0);
    assert.ok(waited <= 1_000 && waited > 990, `${waited} ms`);
    assert.deepEqual([attempts.size, scene.events], [1, []]);
  });

test("a duplicate that may not wait is told at once", async () => {
  const scene = stage();
  await underWay(scene);
  const { pauses, ...ports } = leaping(scene);
  const result = await charge(scene.process(ports), () => ok()).run({ ...call, waitMs: 0 });
  assert.deepEqual([result.kind, pauses], ["in-progress", []]);
});

for (const [waitMs, kind] of [
  [499, "retry-scheduled"],
  [500, "succeeded"],
] as const)
  test(`an attempt that is due in 500 ms is waited for by whoever may wait so long: ${waitMs}`, async () => {
    const scene = stage();
    const { pauses, ...ports } = leaping(scene);
    const claim: Store["claim"] = async (request) => {
      const answer = await scene.store.claim(request);
      if (answer.kind !== "ok" || answer.value.kind !== "found") return answer;
      const { record, now } = answer.value.snapshot;
      const dueAt = pauses.length === 0 ? now + 500 : now;
      const snapshot = { record: { ...record, dueAt }, now };
      return { kind: "ok", value: { kind: "found", snapshot } };
    };
    await charge(scene.process(), () => {
      throw new Error("once");
    }).run(call);
    scene.advance(LEASE_MS);
    const once = scene.process({ ...ports, store: { ...scene.store, claim }, waitMs });
    const result = await charge(once, () => ok()).run(call);
    assert.deepEqual([result.kind, pauses], [kind, kind === "succeeded" ? [500] : []]);
  });

test("a caller whose own attempt failed is told at once, however long it would wait", async () => {
  const scene = stage();
  const { pauses, ...ports } = leaping(scene);
  let ran = 0;
  const operation = charge(scene.process({ ...ports, waitMs: 600_000 }), () => {
    ran += 1;
    throw new Error("a bug");
  });
  assert.equal((await operation.run(call)).kind, "retry-scheduled");
  assert.deepEqual([ran, pauses], [1, []]);
});

test("a doubt of one's own that another send resolves is waited for, under another attempt", async () => {
  const scene = stage();
  const { pauses, ...ports } = leaping(scene);
  const attempts: string[] = [];
  const claim: Store["claim"] = (request) => {
    attempts.push(request.attemptId);
    return scene.store.claim(request);
  };
  const bank = acquirer(["lost after"]);
  const once = scene.process({ ...ports, store: { ...scene.store, claim }, waitMs: 600_000 });
  assert.equal((await pay(once, bank.effect()).run(call)).kind, "succeeded");
  assert.deepEqual([bank.keys.length, bank.charges.size, pauses.length], [2, 1, 1]);
  assert.deepEqual([attempts.length, new Set(attempts).size], [2, 2]);
});

test("a claim without an answer is tried three times, and told as what it is", async () => {
  const scene = stage();
  const { pauses, ...ports } = leaping(scene);
  const attempts: string[] = [];
  const claim: Store["claim"] = async (request) => {
    attempts.push(request.attemptId);
    return gone;
  };
  const once = scene.process({ ...ports, store: { ...scene.store, claim }, waitMs: 600_000 });
  const operation = charge(once, () => ok());
  const result = await operation.run(call);
  assert.ok(result.kind === "store-unavailable");
  assert.deepEqual([result.retryAfterMs, result.error], [1_000, gone.error]);
  assert.deepEqual([attempts.length, new Set(attempts).size, pauses], [3, 1, [20, 40]]);
  assert.deepEqual(scene.events, [
    { type: "store.failed", id, name: "pay", fence: 0, error: gone.error },
  ]);
});

test("after a run of one's own that became stale a store that is away is told as a doubt", async () => {
  const scene = stage();
  const { pauses: _, ...ports } = leaping(scene);
  let claims = 0;
  const store: Store = {
    ...scene.store,
    claim: async (request) => {
      claims += 1;
      return claims === 1 ? scene.store.claim(request) : gone;
    },
    settle: async () => ({ kind: "ok", value: "stale" }),
  };
  const result = await charge(scene.process({ ...ports, store }), () => ok()).run(call);
  assert.ok(result.kind === "in-doubt");
  assert.deepEqual([result.retryAfterMs, result.error], [5_000, gone.error]);
});

for (const [answer, kind] of [
  ["busy", "in-progress"],
  ["key-too-old", "key-too-old"],
] as const)
  test(`a claim that is answered ${answer} is told as ${kind}`, async () => {
    const scene = stage();
    const claim: Store["claim"] = async () => ({ kind: "ok", value: { kind: answer } });
    const once = scene.process({ store: { ...scene.store, claim } });
    assert.equal((await charge(once, () => ok()).run(call)).kind, kind);
  });

for (const [what, end, kind] of [
  ["a failure", () => fail({ reason: "no" }), "failed"],
  ["an outcome", () => ok({ id: 7 }), "succeeded"],
  [
    "an attempt that failed",
    () => {
      throw new Error("a bug");
    },
    "retry-scheduled",
  ],
] as const)
  test(`duplicates of one process share one run: ${what}`, async () => {
    const scene = stage();
    const clock = handClock();
    const held = gate();
    let ran = 0;
    const operation = charge(scene.process({ clock, waitMs: 1_000 }), async () => {
      ran += 1;
      await held.passed;
      return end();
    });
    const [first, second] = [operation.run(call), operation.run(call)];
    await settleTurn();
    held.open();
    const [one, other] = [await first, await second];
    assert.deepEqual([one.kind, other.kind, ran], [kind, kind, 1]);
    if ("replayed" in one) assert.deepEqual(other, { ...one, replayed: true });
    assert.equal(clock.pending, 0);
  });

test("a duplicate waits for the run of its process up to its time, and then makes room", async () => {
  const scene = stage();
  const clock = handClock();
  const held = gate();
  const once = scene.process({ clock, waitMs: 500, waitersMax: 1 });
  const operation = charge(once, async () => {
    await held.passed;
    return ok();
  });
  const first = operation.run(call);
  await settleTurn();
  for (let round = 0; round < 2; round += 1) {
    let told: string | undefined;
    const waiting = operation.run(call).then((result) => {
      told = result.kind;
      return result;
    });
    await settleTurn();
    assert.equal((await operation.run(call)).kind, "in-progress", "there is room for one");
    await clock.pass(499);
    assert.equal(told, undefined);
    await clock.pass(1);
    const result = await waiting;
    assert.deepEqual([told, "retryAfterMs" in result && result.retryAfterMs], ["in-progress", 500]);
  }
  held.open();
  assert.equal((await first).kind, "succeeded");
});

for (const [waitMs, kinds, runs] of [
  [1_000, ["passing", "passing"], 2],
  [0, ["passing", "refused"], 1],
] as const)
  test(`a passing answer is that of its own request: ${waitMs} ms to wait`, async () => {
    const scene = stage();
    const clock = handClock();
    const held = gate();
    const payload = { json: { amount: 1 } };
    const request = { origin: "http", scope: "a", key: "k1", payload, waitMs } as const;
    const { door } = scene.process({ clock }).opaque("orders", { afterCrash: "doubt" });
    let ran = 0;
    const handler = async () => {
      ran += 1;
      await held.passed;
      return { status: 429, headers: [], body: Buffer.from("slow") };
    };
    const both = [door.perform(request, handler), door.perform(request, handler)];
    await settleTurn();
    if (waitMs === 0) await clock.pass(0);
    held.open();
    const ends = await Promise.all(both);
    assert.deepEqual([ends.map(({ kind }) => kind), ran], [kinds, runs]);
  });

test("who reuses a key with another payload learns nothing of its outcome", async () => {
  const scene = stage();
  const { door } = scene.process().opaque("orders", { afterCrash: "doubt" });
  const request = { origin: "http", scope: "a", key: "k1", payload: { json: 1 } } as const;
  await door.perform(request, async () => ({ status: 201, headers: [], body: new Uint8Array(1) }));
  const end = await door.perform({ ...request, payload: { json: 2 } }, async () => {
    throw new Error("It ran.");
  });
  assert.deepEqual(end, { kind: "refused", code: "key-reused", retryAfterMs: undefined });
});

test("H9: a client that meets a crashed handler parks it for a person, and nobody probes", async () => {
  const scene = stage();
  const request = { origin: "own", scope: "acct_1", key: "k1", payload: { json: 1 } } as const;
  const never = () => new Promise<never>(() => undefined);
  const mount = (once: Process) => once.opaque("orders", { afterCrash: "doubt" }).door;
  void mount(scene.process({ clock: quietClock })).perform(request, never);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const end = await mount(scene.process()).perform(request, never);
  assert.equal(end.kind === "refused" && end.code, "in-doubt");
  const { doubt, dueAt } = await recordOf(scene);
  assert.deepEqual([doubt, dueAt], ["effect-unknown", undefined]);
});
