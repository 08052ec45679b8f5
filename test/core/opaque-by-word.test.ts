import assert from "node:assert/strict";
import { test } from "node:test";
import { recordId } from "../../src/model/key.ts";
import {
  evidenceOf,
  LEASE_MS,
  type Process,
  quietClock,
  type Scene,
  settleTurn,
  word,
} from "./acquirer.ts";
import { stage } from "./stage.ts";

const call = {
  origin: "http",
  scope: "acct_1",
  key: "k1",
  payload: { json: { amount: 1 } },
} as const;
const named = { scope: "acct_1", key: "k1" };

const never = () => new Promise<never>(() => undefined);

/** A wrapped handler that counts its runs. */
function counting() {
  const runs = { times: 0 };
  const handler = async () => {
    runs.times += 1;
    return { status: 201, headers: [], body: Buffer.from("made") };
  };
  return { runs, handler };
}

/** Crashed wrapped handlers of these keys, parked by a worker. */
async function crashed(scene: Scene, keys: readonly string[] = ["k1"]): Promise<Process> {
  const { door } = scene.process({ clock: quietClock }).opaque("orders", { afterCrash: "doubt" });
  for (const key of keys) void door.perform({ ...call, key }, never);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const once = scene.process({ clock: quietClock });
  once.opaque("orders", { afterCrash: "doubt" });
  assert.equal((await once.worker.runOnce()).recovery.found, keys.length);
  return once;
}

test("H9: executed, by the word of a person: the key answers with the reference, and nothing runs", async () => {
  const scene = stage();
  const once = await crashed(scene);
  const { runs, handler } = counting();
  const { door } = once.opaque("orders", { afterCrash: "doubt" });
  const doubt = await door.perform(call, handler);
  assert.equal(doubt.kind === "refused" && doubt.code, "in-doubt");
  const told = { ...word, step: "handler", executed: "order_7" };
  assert.equal(await once.settle(named, told), "reopened");
  for (let round = 0; round < 2; round += 1) {
    const end = await door.perform(call, handler);
    assert.ok(end.kind === "refused" && end.code === "response-not-replayable");
    assert.deepEqual(end.outcome, { kind: "succeeded", status: 200, reference: "order_7" });
  }
  assert.equal(runs.times, 0);
  const status = await once.lookup(named);
  assert.deepEqual([status?.state, status?.reference], ["succeeded", "order_7"]);
  assert.equal(await once.settle(named, { ...told, executed: "order_8" }), "final");
});

test("H9: a worker ends what a person said to be done, although nobody brings its request", async () => {
  const scene = stage();
  const once = await crashed(scene);
  await once.settle(named, { ...word, step: "handler", executed: "order_7", value: { n: 7 } });
  await once.worker.runOnce();
  assert.equal((await once.lookup(named))?.state, "succeeded");
  assert.equal((await once.lookup(named))?.reference, "order_7");
});

test("H9: not executed, by the word of a person: the handler runs once, and its answer is replayed", async () => {
  const scene = stage();
  const once = await crashed(scene);
  const { runs, handler } = counting();
  const { door } = once.opaque("orders", { afterCrash: "doubt" });
  const told = { ...word, step: "handler", notExecuted: true } as const;
  assert.equal(await once.settle(named, told), "reopened");
  assert.equal((await once.worker.runOnce()).recovery.settled, 0, "a worker has no request");
  const first = await door.perform(call, handler);
  assert.ok(first.kind === "succeeded" && !first.replayed);
  const replay = await door.perform(call, handler);
  assert.ok(replay.kind === "succeeded" && replay.replayed);
  assert.equal(runs.times, 1);
});

test("H9: a second crash after the word of a person needs a word of its own", async () => {
  const scene = stage();
  const once = await crashed(scene);
  const told = { ...word, step: "handler", notExecuted: true } as const;
  await once.settle(named, told);
  const { door } = once.opaque("orders", { afterCrash: "doubt" });
  void door.perform(call, never);
  await settleTurn();
  assert.equal(await once.settle(named, told), "held");
  scene.advance(LEASE_MS + 1);
  const { runs, handler } = counting();
  const other = scene.process().opaque("orders", { afterCrash: "doubt" }).door;
  const end = await other.perform(call, handler);
  assert.equal(end.kind === "refused" && end.code, "in-doubt");
  assert.equal(await once.settle(named, told), "reopened");
  assert.equal((await other.perform(call, handler)).kind, "succeeded");
  assert.equal(runs.times, 1);
});

test("H9: a deploy that crashed many wrapped handlers is settled in bulk", async () => {
  const scene = stage();
  const keys = ["k1", "k2", "k3", "k4", "k5"];
  const once = await crashed(scene, keys);
  const listed = await scene.store.list({ state: "in_doubt", name: "orders", limit: 10 });
  const ids = listed.kind === "ok" ? listed.value.map(({ record }) => record.id) : [];
  assert.equal(ids.length, keys.length);
  for (const id of ids)
    assert.equal(
      await once.settle({ id }, { ...word, step: "handler", executed: `order of ${id}` }),
      "reopened",
    );
  assert.equal((await once.worker.runOnce()).recovery.found, keys.length);
  for (const key of keys) {
    const id = recordId("http", "acct_1", key);
    const status = await once.lookup({ ...named, key });
    assert.deepEqual([status?.state, status?.reference], ["succeeded", `order of ${id}`]);
    assert.equal((await evidenceOf(scene, id))[0]?.by, word.by);
  }
});

test("H9: a word about a wrapped handler is about `handler`, its one step", async () => {
  const scene = stage();
  const once = await crashed(scene);
  const told = { ...word, step: "charge", notExecuted: true } as const;
  assert.equal(await once.settle(named, told), "no-such-step");
  assert.equal((await once.lookup(named))?.state, "in_doubt");
});
