import assert from "node:assert/strict";
import { test } from "node:test";
import type { OpaqueHandler } from "../../src/core/attempt.ts";
import type { Definition } from "../../src/core/definition.ts";
import type { Ports } from "../../src/core/ports.ts";
import { startRecovery } from "../../src/core/recover.ts";
import { createSettings } from "../../src/core/settings.ts";
import { type AfterCrash, fail, ok, systemClock } from "../../src/index.ts";
import {
  call,
  id,
  LATER_MS,
  LEASE_MS,
  type Process,
  quietClock,
  recordOf,
  type Scene,
  settleTurn,
  stateOf,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Due = Scene["store"]["due"];

const gone = async () => ({ kind: "not-known", error: new Error("gone") }) as const;

/** An operation whose process died in its handler. */
async function abandoned(scene: Scene): Promise<void> {
  const handler = () => new Promise<never>(() => undefined);
  void scene.process({ clock: quietClock }).operation("pay", { input: Order, handler }).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
}

/** A process whose handler counts its runs. */
function counting(scene: Scene, store: Partial<Scene["store"]> = {}, attemptsMax = 10) {
  const once = scene.process({ store: { ...scene.store, ...store }, attemptsMax });
  const runs: string[] = [];
  const handler = (op: { readonly key: string }) => {
    runs.push(op.key);
    return ok();
  };
  return { once, runs, operation: once.operation("pay", { input: Order, handler }) };
}

const recovery = async (once: Process) => (await once.worker.runOnce()).recovery;

test("H2: without an answer to the take-over nothing runs, and the same key may come again", async () => {
  const scene = stage();
  await abandoned(scene);
  const { operation, runs } = counting(scene, { takeOver: gone });
  const refused = await operation.run(call);
  assert.ok(refused.kind === "store-unavailable");
  assert.deepEqual([refused.retry, refused.retryAfterMs], ["same-key", 1_000]);
  assert.match(String("error" in refused && refused.error), /gone/);
  assert.deepEqual(runs, []);
});

test("H2: who comes second to a take-over runs nothing and is told that another one does", async () => {
  const scene = stage();
  await abandoned(scene);
  const takeOver = async () => ({ kind: "ok", value: { kind: "stale" } }) as const;
  const { operation, runs } = counting(scene, { takeOver });
  const refused = await operation.run(call);
  assert.deepEqual(
    [refused.kind, "retryAfterMs" in refused && refused.retryAfterMs, runs],
    ["in-progress", 1_000, []],
  );
});

test("recovery says when the store could not be asked, and finds nothing by that", async () => {
  const { once } = counting(stage(), { due: gone });
  assert.deepEqual(await recovery(once), { found: 0, settled: 0, reachable: false });
});

test("an operation that a worker brings to its failure is settled as well", async () => {
  const scene = stage();
  await abandoned(scene);
  const once = scene.process();
  once.operation("pay", { input: Order, handler: () => fail({}) });
  assert.deepEqual(await recovery(once), { found: 1, settled: 1, reachable: true });
  assert.equal(await stateOf(scene), "failed");
});

test("an attempt that waits, or is lost to another worker, is found and not settled", async () => {
  const scene = stage();
  await abandoned(scene);
  const once = scene.process();
  once.operation("pay", {
    input: Order,
    handler: () => {
      throw new Error("always");
    },
  });
  assert.deepEqual(await recovery(once), { found: 1, settled: 0, reachable: true });
  scene.advance(LATER_MS);
  const late = scene.process();
  late.operation("pay", {
    input: Order,
    handler: async (op) => {
      scene.advance(LEASE_MS + 1);
      await counting(scene).operation.run(call);
      await op.assertOwner();
      return ok();
    },
  });
  assert.deepEqual(await recovery(late), { found: 1, settled: 0, reachable: true });
  assert.equal(await stateOf(scene), "succeeded");
});

test("a worker asks the store only for what it could take: with neither code nor room it is quiet", async () => {
  const scene = stage();
  await abandoned(scene);
  const asked: unknown[] = [];
  const due: Due = (request) => {
    asked.push(request);
    return scene.store.due(request);
  };
  const none = scene.process({ store: { ...scene.store, due } });
  assert.deepEqual(await recovery(none), { found: 0, settled: 0, reachable: true });
  const { once } = counting(scene, { due });
  const full = (await once.worker.runOnce({ limit: 0 })).recovery;
  assert.deepEqual([full.found, asked], [0, []]);
  assert.equal((await once.worker.runOnce({ limit: 3 })).recovery.found, 1);
  assert.deepEqual(asked, [{ definitions: [{ name: "pay", version: 1 }], limit: 3 }]);
});

test("what is under way counts towards the limit and is not begun a second time", async () => {
  const scene = stage();
  await abandoned(scene);
  const asked: number[] = [];
  const due: Due = (request) => {
    asked.push(request.limit);
    return scene.store.due(request);
  };
  // Only what is asked before anything runs is of interest here.
  const ports = {
    store: { ...scene.store, due },
    clock: systemClock,
    settings: createSettings({}),
  } as unknown as Ports;
  const definition = {
    ...{ name: "pay", aliases: [], version: 1, form: "resumable", previous: new Map() },
  };
  const start = (limit: number) =>
    startRecovery(ports, [definition as unknown as Definition], limit, new Map([[id, true]]));
  assert.deepEqual([await start(1), asked], [[], []]);
  assert.deepEqual([await start(3), asked], [[], [2]], "its record is due, and left to its run");
});

/** A store whose search finds what has changed meanwhile. */
function searching(scene: Scene, change: object): { due: Due } {
  return {
    due: async (request) => {
      const answer = await scene.store.due(request);
      if (answer.kind !== "ok") return answer;
      const value = answer.value.map(({ record, now }) => ({
        record: { ...record, ...change },
        now,
      }));
      return { kind: "ok", value };
    },
  };
}

for (const [what, change] of Object.entries({
  "of a version that is not here": { version: 9 },
  "of a name that is not here": { name: "refund" },
  "that somebody holds again": { leaseUntil: Number.MAX_SAFE_INTEGER, runUntil: 1e15 },
  "that is final": { state: "succeeded" },
})) {
  test(`a worker leaves an operation ${what} as it is`, async () => {
    const scene = stage();
    await abandoned(scene);
    const before = await recordOf(scene);
    const { once, runs } = counting(scene, searching(scene, change));
    assert.deepEqual(await recovery(once), { found: 1, settled: 0, reachable: true });
    assert.deepEqual([await recordOf(scene), runs], [before, []]);
  });
}

/** An external step that is begun and has no result, and is known by its key if there is one. */
const open = (name: string, providerKey?: string) => ({
  ...{ name, kind: "external", inputDigest: "", fence: 1, begunAt: 0 },
  effect: {
    ...{ generation: 0, lookUp: false, compensated: false, sends: [] },
    ...(providerKey === undefined ? {} : { providerKey }),
  },
});

test("a result that lands at the last moment does not give back attempts that are used up", async () => {
  const scene = stage();
  await abandoned(scene);
  const { once, runs } = counting(scene, searching(scene, { steps: [open("charge", "k")] }), 1);
  assert.equal((await recovery(once)).settled, 0);
  assert.deepEqual([runs, await stateOf(scene)], [[], "in_doubt: attempts-exhausted"]);
});

/** A store whose holder gives its attempt back between a look and the take-over. */
function givingBack(scene: Scene): Partial<Scene["store"]> {
  return {
    takeOver: async (request) => {
      const free = { state: "waiting", dueInMs: 0, countAttempt: false } as const;
      await scene.store.suspend(await recordOf(scene, request.id), free);
      return scene.store.takeOver(request);
    },
  };
}

test("an attempt that is given back before a take-over is one more that may be made", async () => {
  const scene = stage();
  await abandoned(scene);
  const { operation, runs } = counting(scene, givingBack(scene), 1);
  assert.deepEqual([(await operation.run(call)).kind, runs.length], ["succeeded", 1]);
});

test("H9: of a wrapped handler its probe is asked then, whoever gave the attempt back", async () => {
  for (const answer of ["not-executed", "unknown"] as const) {
    const scene = stage();
    const afterCrash = async () => answer;
    const never = () => new Promise<never>(() => undefined);
    const { door } = scene.process({ clock: quietClock }).opaque("orders", { afterCrash });
    void door.perform(request, never);
    await settleTurn();
    scene.advance(LEASE_MS + 1);
    const store = { ...scene.store, ...givingBack(scene) };
    const once = scene.process({ store, attemptsMax: 1 });
    let runs = 0;
    const handler: OpaqueHandler = async () => {
      runs += 1;
      return { status: 201, headers: [], body: new Uint8Array(0) };
    };
    const { kind } = await once.opaque("orders", { afterCrash }).door.perform(request, handler);
    assert.deepEqual([kind, runs], answer === "unknown" ? ["refused", 0] : ["succeeded", 1]);
  }
});

test("S10: code that could only meet an effect without a key again does not run at all", async () => {
  const scene = stage();
  let runs = 0;
  const build = (once: Process) =>
    once.operation("pay", {
      input: Order,
      handler: async (op) => {
        runs += 1;
        await op.external("wire", { keyed: false, send: () => new Promise(() => undefined) });
        return ok();
      },
    });
  void build(scene.process({ clock: quietClock })).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const once = scene.process();
  build(once);
  assert.deepEqual(await recovery(once), { found: 1, settled: 0, reachable: true });
  assert.deepEqual([runs, await stateOf(scene)], [1, "in_doubt: effect-unknown"]);
});

const request = { origin: "http", scope: "a", key: "k1", payload: { json: 1 } } as const;

/** What one pass of a worker makes of a wrapped handler that crashed. */
async function crashed(afterCrash: AfterCrash, change: object = {}) {
  const scene = stage();
  const never = () => new Promise<never>(() => undefined);
  const { door } = scene.process({ clock: quietClock }).opaque("orders", { afterCrash });
  void door.perform(request, never);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const once = scene.process({ store: { ...scene.store, ...searching(scene, change) } });
  once.opaque("orders", { afterCrash });
  scene.events.length = 0;
  const { found, settled } = await recovery(once);
  const listed = await scene.store.list({ limit: 1 });
  const record = listed.kind === "ok" ? listed.value[0]?.record : undefined;
  return { scene, found, settled, record };
}

test("H9: a worker parks a wrapped handler in doubt, for a person, and tells of it", async () => {
  const { scene, found, settled, record } = await crashed("doubt");
  assert.deepEqual([found, settled], [1, 0]);
  assert.deepEqual(
    [record?.state, record?.doubt, record?.dueAt],
    ["in_doubt", "effect-unknown", undefined],
  );
  const told = { name: "orders", fence: 2, doubt: "effect-unknown", dueInMs: undefined };
  assert.deepEqual(scene.events, [{ type: "operation.in-doubt", id: record?.id, ...told }]);
});

test("H9: no word that came in between lets a worker run a wrapped handler", async () => {
  const { record } = await crashed("doubt", { steps: [open("handler")] });
  assert.deepEqual([record?.state, record?.doubt], ["in_doubt", "effect-unknown"]);
});

test("H9: a worker asks the probe of a wrapped handler, and settles by its word", async () => {
  const { found, settled, record } = await crashed(async () => ({ outcome: ok({ probed: 1 }) }));
  assert.deepEqual([found, settled, record?.state], [1, 1, "succeeded"]);
});

test("H9: a wrapped handler that may run again waits for its client, and no worker takes it", async () => {
  const { found, record } = await crashed("rerun");
  assert.deepEqual([found, record?.state, record?.fence], [0, "running", 1]);
});
