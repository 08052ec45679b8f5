import assert from "node:assert/strict";
import { test } from "node:test";
import { createSealer } from "../../src/core/seal.ts";
import { type EncryptionOptions, fail, ok, systemRandom } from "../../src/index.ts";
import type { FencedWrite, Message } from "../../src/store.ts";
import { call, id, recordOf, type Scene } from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Process = ReturnType<Scene["process"]>;
const LOST = { kind: "not-known", error: new Error("the answer was lost") } as const;
const encryption: EncryptionOptions = { current: "a", keys: { a: new Uint8Array(32).fill(7) } };
const otherKey: EncryptionOptions = { current: "b", keys: { b: new Uint8Array(32).fill(8) } };
const asked = { ...call, origin: "own" } as const;

/** An operation that settles with a callback, or by what it returns. */
function ending(once: Process, answer: () => unknown, way: "settle" | "return" = "settle") {
  return once.operation("end", {
    input: Order,
    handler: (op) => (way === "settle" ? op.settle(() => answer()) : answer()),
  });
}

/** A store whose first settlement lands, but for its answer; then something else happens. */
function losing({ store }: Scene, after: () => Promise<unknown> = async () => undefined) {
  let left = 1;
  const settle: typeof store.settle = async (...given) => {
    const answer = await store.settle(...given);
    if (left-- <= 0) return answer;
    await after();
    return LOST;
  };
  const transact: typeof store.transact = async (...given) => {
    const answer = await store.transact(...given);
    if (left-- <= 0) return answer;
    await after();
    return LOST;
  };
  return { ...store, settle, transact };
}

test("an answer is sealed for its own place, and replayed byte for byte", async () => {
  const scene = stage();
  const run = () => ending(scene.process({ encryption }), () => ok({ id: 1 }, 201)).run(call);
  const first = await run();
  assert.deepEqual([first.kind, "body" in first && first.body], ["succeeded", { id: 1 }]);
  assert.deepEqual(await run(), { ...first, replayed: true });
  const body = (await recordOf(scene)).outcome?.response?.body ?? new Uint8Array(0);
  const sealer = createSealer(encryption, systemRandom);
  assert.equal(Buffer.from(sealer.open(id, "response", body) ?? []).toString(), '{"id":1}');
  for (const place of ["", "input", "message"])
    assert.equal(sealer.open(id, place, body), undefined);
});

test("an answer that cannot be read any more is told with what is still known of it", async () => {
  const scene = stage();
  const answer = () => ok({ id: 1 }, 201, { reference: "order_1" });
  await ending(scene.process({ encryption }), answer).run(call);
  const { door } = ending(scene.process({ encryption: otherKey }), answer);
  const end = await door.perform(asked);
  assert.ok(end.kind === "refused" && end.code === "response-not-replayable");
  assert.deepEqual(end.outcome, { kind: "succeeded", status: 201, reference: "order_1" });
});

test("a settlement that landed without its answer, and is too large to keep, is told by its status", async () => {
  const scene = stage();
  const process = scene.process({ store: losing(scene), responseBytesMax: 10 });
  const answer = () => ok("x".repeat(11), 201, { reference: "order_1" });
  const end = await ending(process, answer).door.perform(asked);
  assert.ok(end.kind === "refused" && end.code === "response-not-replayable");
  assert.deepEqual(end.outcome, { kind: "succeeded", status: 201, reference: "order_1" });
});

test("a settlement that landed without its answer, and is pruned already, has expired", async () => {
  const scene = stage();
  const prune = async () => {
    scene.advance(1_000);
    return scene.store.prune({ responseMs: 0, limit: 10, wall: Date.now() });
  };
  const process = scene.process({ store: losing(scene, prune) });
  const end = await ending(process, () => fail({ reason: "no" }, 402)).run(call);
  assert.deepEqual([end.kind, "retry" in end && end.retry], ["key-expired", "new-key"]);
});

test("what a handler returned answers its own call, also if it is too large to be read back", async () => {
  const scene = stage();
  const body = "x".repeat(11);
  const process = () => scene.process({ store: losing(scene), responseBytesMax: 10 });
  const first = await ending(process(), () => ok(body, 201), "return").run(call);
  assert.deepEqual(
    [first.kind, "body" in first && first.body, "replayed" in first && first.replayed],
    ["succeeded", body, false],
  );
  assert.equal((await ending(process(), ok).run(call)).kind, "response-not-replayable");
});

test("a `fail` settles whatever its status, and an `ok` of a 4xx settles as failed with its own body", async () => {
  for (const [answer, status] of [
    [() => fail({ own: true }, 503), 503],
    [() => fail({ own: true }, 429), 429],
    [() => ok({ own: true }, 404), 404],
  ] as const) {
    const scene = stage();
    const end = await ending(scene.process(), answer).run(call);
    assert.deepEqual(
      [end.kind, "status" in end && end.status, "body" in end && end.body],
      ["failed", status, { own: true }],
    );
    assert.equal((await recordOf(scene)).state, "failed");
  }
});

test("a message that belongs to no aggregate says nothing of one", async () => {
  const scene = stage();
  const written: FencedWrite[] = [];
  const { store } = scene;
  const transact: typeof store.transact = (holder, work) =>
    store.transact(holder, async (tx) => {
      const done = await work(tx);
      written.push(done.write);
      return done;
    });
  const once = scene.process({ store: { ...store, transact } });
  const operation = once.operation("stage", {
    input: Order,
    handler: (op) =>
      op.settle((_, write) => {
        write.stage("receipt", {}, { key: "k" });
        write.stage("receipt", {}, { aggregate: "order_1" });
        return ok();
      }),
  });
  assert.equal((await operation.run(call)).kind, "succeeded");
  const [write] = written;
  const messages: readonly Message[] = write?.kind === "settle" ? write.settlement.messages : [];
  assert.deepEqual(
    messages.map(({ payload: _, ...message }) => message),
    [
      { topic: "receipt", key: "k" },
      { topic: "receipt", key: `${id}:settle:1`, aggregate: "order_1" },
    ],
  );
});

test("the input of a wrapped handler is not ours to store, whatever it is", async () => {
  const scene = stage();
  const { door } = scene.process().opaque("orders", { afterCrash: "doubt" });
  const end = await door.perform(
    { ...asked, input: { cycle: 1n, text: "x".repeat(100) }, payload: { json: {} } },
    async () => ({ status: 201, headers: [], body: Buffer.from("made") }),
  );
  assert.equal(end.kind, "succeeded");
  const stored = (await recordOf(scene)).request?.input;
  const empty = createSealer(undefined, systemRandom).seal(id, "input", new Uint8Array(0));
  assert.deepEqual([...(stored ?? [])], [...empty]);
});
