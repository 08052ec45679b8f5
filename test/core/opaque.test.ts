import assert from "node:assert/strict";
import { test } from "node:test";
import { type AfterCrash, currentOperation, ok } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import { stage } from "./stage.ts";

const call = {
  origin: "http",
  scope: "acct_1",
  key: "k1",
  payload: { json: { amount: 1 } },
} as const;
const id = recordId("http", "acct_1", "k1");
const LEASE_MS = 30_000;

const created = async () => ({ status: 201, headers: [], body: Buffer.from("made") });
const broken = async () => ({ status: 500, headers: [], body: Buffer.from("oops") });
const never = () => new Promise<never>(() => undefined);

function mount(afterCrash: AfterCrash, scene = stage()) {
  return { scene, door: scene.process().opaque("orders", { afterCrash }).door };
}

test("H9: a wrapped handler that answered is replayed byte for byte", async () => {
  const { door } = mount("doubt");
  const first = await door.perform(call, created);
  const second = await door.perform(call, broken);
  for (const [end, replayed] of [
    [first, false],
    [second, true],
  ] as const) {
    assert.ok(end.kind === "succeeded");
    const { status, headers, body } = end;
    const text = Buffer.from(body).toString();
    assert.deepEqual(
      { status, headers, text, replayed: end.replayed },
      { status: 201, headers: [], text: "made", replayed },
    );
  }
});

test("H9: doubt: a 500 of a wrapped handler is never stored and never runs again", async () => {
  const { scene, door } = mount("doubt");
  let ran = 0;
  const handler = async () => {
    ran += 1;
    return broken();
  };
  for (let round = 0; round < 3; round += 1) {
    const end = await door.perform(call, handler);
    assert.equal(end.kind === "refused" && end.code, "in-doubt");
    scene.advance(86_400_000);
  }
  assert.equal(ran, 1);
});

test("H9: doubt: a crash in a wrapped handler parks the operation", async () => {
  const { scene, door } = mount("doubt");
  void door.perform(call, never);
  await new Promise(setImmediate);
  scene.advance(LEASE_MS + 1);
  let ran = 0;
  const other = scene.process().opaque("orders", { afterCrash: "doubt" }).door;
  const end = await other.perform(call, async () => {
    ran += 1;
    return created();
  });
  assert.equal(end.kind === "refused" && end.code, "in-doubt");
  assert.equal(ran, 0);
  const read = await scene.store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.doubt, "effect-unknown");
});

test("H9: rerun: a mount that says so runs again after a crash and after a 500", async () => {
  const { scene, door } = mount("rerun");
  const failed = await door.perform(call, broken);
  assert.equal(failed.kind === "refused" && failed.code, "retry-scheduled");
  scene.advance(1_000);
  assert.equal((await door.perform(call, created)).kind, "succeeded");
});

test("H9: probe: found out that nothing happened, it runs; found the outcome, it replays it", async () => {
  const answers = ["unknown", "not-executed"] as const;
  for (const answer of answers) {
    const { scene, door } = mount(async () => answer);
    await door.perform(call, broken);
    scene.advance(1_000);
    const end = await door.perform(call, created);
    assert.equal(end.kind, answer === "unknown" ? "refused" : "succeeded");
  }
  const { scene, door } = mount(async () => ({ outcome: ok({ found: true }, 201) }));
  await door.perform(call, broken);
  scene.advance(1_000);
  const found = await door.perform(call, created);
  assert.equal("body" in found && Buffer.from(found.body).toString(), '{"found":true}');
  const pass = await scene.process().worker.runOnce();
  assert.equal(pass.recovery.found, 0);
});

test("H9: a worker parks what a wrapped handler left, and never runs it without its request", async () => {
  const { scene, door } = mount("doubt");
  void door.perform(call, never);
  await new Promise(setImmediate);
  scene.advance(LEASE_MS + 1);
  const other = scene.process();
  other.opaque("orders", { afterCrash: "doubt" });
  const pass = await other.worker.runOnce();
  assert.equal(pass.recovery.found, 1);
  const read = await scene.store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.state, "in_doubt");
});

test("a refusal that speaks of the moment passes through, and the key stays free", async () => {
  const { door } = mount("doubt");
  const busy = async () => ({ status: 429, headers: [], body: Buffer.from("slow down") });
  const passing = await door.perform(call, busy);
  assert.equal(passing.kind, "passing");
  assert.equal((await door.perform(call, created)).kind, "succeeded");
});

test("currentOperation() gives key, scope, attempt and provider keys anywhere inside, and only there", async () => {
  const { door } = mount("doubt");
  const keys = new Set<string>();
  const deep = async () => {
    await new Promise(setImmediate);
    const { scope, key, attempt, providerKey } = currentOperation();
    assert.deepEqual({ scope, key, attempt }, { scope: "acct_1", key: "k1", attempt: 1 });
    keys.add(providerKey("charge")).add(providerKey("charge")).add(providerKey("mail"));
  };
  await door.perform(call, async () => {
    await deep();
    return created();
  });
  assert.equal(keys.size, 2);
  for (const key of keys)
    assert.match(key, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.throws(() => currentOperation(), /inside a protected handler/);
});

test("H9: a wrapped handler's 408 may tell of an effect that timed out, so it is never run again", async () => {
  const { scene, door } = mount("doubt");
  let ran = 0;
  const late = async () => {
    ran += 1;
    return { status: 408, headers: [], body: Buffer.from("upstream timed out") };
  };
  for (let round = 0; round < 3; round += 1) {
    const end = await door.perform(call, late);
    assert.equal(end.kind === "refused" && end.code, "in-doubt");
    scene.advance(86_400_000);
  }
  assert.equal(ran, 1);
});

test("H9: a probe that outlives its claim lets nothing run: the newer claim does", async () => {
  const scene = stage();
  let ran = 0;
  const made = async () => {
    ran += 1;
    return created();
  };
  const answers: (() => void)[] = [];
  const asked = () =>
    new Promise<"not-executed">((resolve) => {
      answers.push(() => resolve("not-executed"));
    });
  await mount(asked, scene).door.perform(call, broken);
  scene.advance(1_000);
  const slow = mount(asked, scene).door.perform(call, made);
  while (answers.length < 1) await new Promise(setImmediate);
  scene.advance(LEASE_MS + 1);
  const quick = mount(asked, scene).door.perform(call, made);
  while (answers.length < 2) await new Promise(setImmediate);
  answers[1]?.();
  assert.equal((await quick).kind, "succeeded");
  answers[0]?.();
  const end = await slow;
  assert.equal("replayed" in end && end.replayed, true);
  assert.equal(ran, 1);
});

test("H9: a probe that never answers or throws at once leaves the doubt, and its caller is answered", async () => {
  const probes: AfterCrash[] = [
    () => never(),
    () => {
      throw new Error("no such table");
    },
  ];
  for (const probe of probes) {
    const scene = stage();
    const once = scene.process({ leaseMs: 100 });
    const { door } = once.opaque("orders", { afterCrash: probe });
    await door.perform(call, broken);
    scene.advance(1_000);
    const end = await door.perform(call, created);
    assert.equal(end.kind === "refused" && end.code, "in-doubt");
  }
});
