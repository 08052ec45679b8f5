import assert from "node:assert/strict";
import { test } from "node:test";
import { type AfterCrash, ok, type Probe } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { gate, LEASE_MS, quietClock, recordOf, type Scene, settleTurn, word } from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { stage } from "./stage.ts";
import { finding } from "./watched.ts";

type Store = Scene["store"];

const request = {
  origin: "http",
  scope: "acct_1",
  key: "k1",
  payload: { json: { amount: 1 } },
} as const;
const id = recordId("http", "acct_1", "k1");
const told = { ...word, step: "handler", executed: "order_7" };
const LOST = async () => ({ kind: "not-known", error: new Error("gone") }) as const;
const STALE = async () => ({ kind: "ok", value: "stale" }) as const;

const never = () => new Promise<never>(() => undefined);
const created = async () => ({ status: 201, headers: [], body: Buffer.from("made") });

/** A wrapped handler whose process died in it. */
async function crashed(afterCrash: AfterCrash): Promise<Scene> {
  const scene = stage();
  const { door } = scene.process({ clock: quietClock }).opaque("orders", { afterCrash });
  void door.perform(request, never);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  return scene;
}

/** One that a person has said to be done. */
async function concluded(value?: object): Promise<Scene> {
  const scene = await crashed("doubt");
  const once = scene.process();
  once.opaque("orders", { afterCrash: "doubt" });
  await once.worker.runOnce();
  const named = { scope: "acct_1", key: "k1" };
  assert.equal(await once.settle(named, { ...told, ...value }), "reopened");
  scene.events.length = 0;
  return scene;
}

/** What a client is told whose request meets the record. */
async function met(scene: Scene, store: Partial<Store>, afterCrash: AfterCrash = "doubt") {
  const process = scene.process({ store: { ...scene.store, ...store } });
  let ran = 0;
  const end = await process.opaque("orders", { afterCrash }).door.perform(request, () => {
    ran += 1;
    return created();
  });
  const { attempts, state, outcome } = await recordOf(scene, id);
  return { end, ran, attempts, state, reference: outcome?.reference };
}

test("H9: what a person said is done is settled once, and told", async () => {
  const scene = await concluded();
  const { end, ran, reference } = await met(scene, {});
  assert.ok(end.kind === "refused");
  assert.deepEqual([end.code, ran, reference], ["response-not-replayable", 0, "order_7"]);
  const { end: later } = await met(scene, {});
  assert.deepEqual(later, end, "nobody has its response to give");
  assert.deepEqual(scene.events, [
    { type: "operation.settled", id, name: "orders", fence: 4, outcome: "succeeded" },
  ]);
});

test("H9: a step that a person told with its value is not recorded a second time", async () => {
  const scene = await concluded({ value: { n: 7 } });
  const before = (await recordOf(scene, id)).steps;
  let recorded = 0;
  const record: Store["record"] = (...given) => {
    recorded += 1;
    return scene.store.record(...given);
  };
  const { reference } = await met(scene, { record });
  assert.deepEqual([recorded, reference], [0, "order_7"]);
  const after = (await recordOf(scene, id)).steps;
  assert.deepEqual(after, before);
});

for (const name of ["record", "settle"] as const)
  test(`H9: a conclusion whose ${name} has no answer is tried again by the next one`, async () => {
    const scene = await concluded();
    const { end, ran } = await met(scene, { [name]: LOST });
    assert.ok(end.kind === "refused");
    assert.deepEqual([end.code, end.retryAfterMs, ran], ["store-unavailable", 1_000, 0]);
    assert.match(String(end.error), /gone/);
    assert.deepEqual(
      scene.events.map(({ type }) => type),
      ["store.failed"],
    );
    scene.advance(LEASE_MS + 1);
    const next = await met(scene, {});
    assert.deepEqual([next.state, next.reference, next.ran], ["succeeded", "order_7", 0]);
  });

test("H9: a conclusion that another one overtook is answered from the record", async () => {
  const scene = await concluded();
  const { end, ran } = await met(scene, { settle: STALE });
  assert.deepEqual([end.kind === "refused" && end.code, ran], ["in-progress", 0]);
  assert.deepEqual(scene.events, []);
});

test("H9: what a probe proved not to have happened leaves the key free at once, at no cost", async () => {
  const scene = await crashed(async () => "not-executed");
  const once = scene.process();
  once.opaque("orders", { afterCrash: async () => "not-executed" });
  assert.equal((await once.worker.runOnce()).recovery.settled, 0);
  const record = await recordOf(scene, id);
  assert.deepEqual([record.state, record.attempts, record.doubt], ["waiting", 1, undefined]);
  const { end, ran } = await met(scene, {}, async () => "not-executed");
  assert.deepEqual([end.kind, ran], ["succeeded", 1]);
});

for (const [what, answer] of [
  ["knows nothing", "unknown"],
  ["gives an outcome that is none", { outcome: ok({}, 503) }],
  ["gives nothing", null],
  ["gives an outcome that is no JSON", { outcome: { amount: 1n } }],
  ["gives an unknown word", "maybe"],
  ["gives an answer without an outcome", { result: 7 }],
] as [string, Awaited<ReturnType<Probe>>][])
  test(`H9: a probe that ${what} leaves the doubt, and is asked again later`, async () => {
    const scene = await crashed(async () => answer);
    const { end, ran, state, attempts } = await met(scene, {}, async () => answer);
    assert.ok(end.kind === "refused" && end.retryAfterMs !== undefined && end.retryAfterMs > 0);
    assert.deepEqual([end.code, ran, state, attempts], ["in-doubt", 0, "in_doubt", 2]);
    const { doubt, dueAt } = await recordOf(scene, id);
    assert.ok(doubt === "effect-unknown" && dueAt !== undefined);
    scene.advance(end.retryAfterMs + 1);
    const later = await met(scene, {}, async () => ({ outcome: ok({ id: 7 }, 201) }));
    assert.ok(later.end.kind === "succeeded");
    assert.deepEqual(
      [later.end.status, later.end.replayed, later.state],
      [201, false, "succeeded"],
    );
  });

test("H9: a probe whose answer is none ends no worker, and is told of", async () => {
  const scene = await crashed(async () => "unknown");
  const once = scene.process();
  once.opaque("orders", { afterCrash: async () => ({ outcome: { amount: 1n } }) });
  assert.deepEqual((await once.worker.runOnce()).recovery, {
    ...{ found: 1, settled: 0, reachable: true },
  });
  const told = scene.events.find(({ type }) => type === "attempt.failed");
  assert.ok(told?.type === "attempt.failed");
  assert.match(String(told.error), /JSON/);
});

test("H9: what a probe found out is settled without messages", async () => {
  const scene = await crashed("doubt");
  await met(scene, {}, async () => ({ outcome: ok({ id: 7 }, 201) }));
  assert.deepEqual(await scene.store.messages(id), { kind: "ok", value: [] });
});

test("H9: a record without its request is not asked about", async () => {
  let asked = 0;
  const probe: AfterCrash = async () => {
    asked += 1;
    return "not-executed";
  };
  const scene = await crashed(probe);
  const store = finding(scene, ({ record, now }) => {
    const { request: _, ...bare } = record;
    return { record: bare as typeof record, now };
  });
  const { end, ran } = await met(scene, store, probe);
  assert.deepEqual([end.kind === "refused" && end.code, ran, asked], ["in-doubt", 0, 0]);
});

test("H9: a handler whose record lost its request knows its name, and no key of another", async () => {
  const scene = await crashed("rerun");
  const store = finding(scene, ({ record, now }) => {
    const { request: _, ...bare } = record;
    return { record: bare as typeof record, now };
  });
  const known: unknown[] = [];
  const { door } = scene.process({ store }).opaque("orders", { afterCrash: "rerun" });
  await door.perform(request, ({ name, scope, key }) => {
    known.push(name, scope, key);
    return created();
  });
  assert.deepEqual(known, ["orders", "", ""]);
});

test("H9: a handler that a probe lets run again has what is left of its claim's time", async () => {
  const clock = handClock();
  const found = gate<"not-executed">();
  const probe: AfterCrash = () => found.passed;
  const scene = await crashed(probe);
  const { door } = scene.process({ clock, runForMs: 20_000 }).opaque("orders", {
    afterCrash: probe,
  });
  const abortedAt: number[] = [];
  const began = clock.monotonic();
  void door.perform(request, async ({ signal }) => {
    signal.addEventListener("abort", () => abortedAt.push(clock.monotonic() - began));
    return never();
  });
  await settleTurn();
  await clock.pass(5_000);
  found.open("not-executed");
  await clock.pass(30_000);
  assert.deepEqual(abortedAt, [20_000]);
});

test("H9: a probe is asked by scope and key, and what it found is answered from the record if need be", async () => {
  const asked: unknown[] = [];
  const probe: AfterCrash = async (operation) => {
    asked.push(operation);
    return { outcome: ok({ id: 7 }, 201) };
  };
  for (const settle of [LOST, STALE]) {
    const scene = await crashed(probe);
    const { end, ran } = await met(scene, { settle }, probe);
    assert.deepEqual([end.kind === "refused" && end.code, ran], ["in-progress", 0]);
  }
  assert.deepEqual(asked, Array(2).fill({ scope: "acct_1", key: "k1" }));
});

test("H9: a probe is waited for as long as the claim lasts, and leaves no timer", async () => {
  const clock = handClock();
  const gates: ((answer: "not-executed") => void)[] = [];
  const probe: AfterCrash = () => new Promise((resolve) => void gates.push(resolve));
  for (const [ms, state] of [
    [LEASE_MS - 1, "running"],
    [LEASE_MS, "in_doubt"],
  ] as const) {
    const scene = await crashed(probe);
    const once = scene.process({ clock });
    const { door } = once.opaque("orders", { afterCrash: probe });
    const running = door.perform(request, created);
    await settleTurn();
    await clock.pass(ms);
    assert.equal((await recordOf(scene, id)).state, state);
    gates.at(-1)?.("not-executed");
    await running;
    await settleTurn();
    assert.equal(clock.pending, 0);
  }
});

for (const [status, kind] of [
  [399, "succeeded"],
  [404, "failed"],
] as const)
  test(`H9: what a wrapped handler answered is judged by its status: ${status}`, async () => {
    const scene = stage();
    const { door } = scene.process().opaque("orders", { afterCrash: "doubt" });
    const answer = async () => ({ status, headers: [], body: Buffer.from("bytes") });
    const end = await door.perform(request, answer);
    assert.ok(end.kind === kind);
    assert.deepEqual([end.status, Buffer.from(end.body).toString()], [status, "bytes"]);
    assert.equal((await recordOf(scene, id)).state, kind);
  });

for (const status of [408, 500])
  test(`H9: a wrapped handler that answered ${status} is told as an error, and leaves a doubt`, async () => {
    const scene = stage();
    const { door } = scene.process().opaque("orders", { afterCrash: "doubt" });
    const answer = async () => ({ status, headers: [], body: new Uint8Array(0) });
    const end = await door.perform(request, answer);
    assert.ok(end.kind === "refused");
    assert.equal(end.code, "in-doubt");
    assert.match(String(end.error), new RegExp(`answered ${status}`));
    assert.ok(scene.events.some(({ type }) => type === "attempt.failed"));
  });
