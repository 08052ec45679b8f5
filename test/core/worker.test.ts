import assert from "node:assert/strict";
import { test } from "node:test";
import { ok, systemRandom } from "../../src/index.ts";
import { call, gate, LATER_MS, type Process, type Scene, settleTurn } from "./acquirer.ts";
import { handClock } from "./hand-clock.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];
type Start = Parameters<Process["worker"]["start"]>[0];

const gone = { kind: "not-known", error: new Error("gone") } as const;

/** A clock of the test's whose pauses end with their signal too, as the system's do. */
function endingClock() {
  const clock = handClock();
  const aborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => {
      if (signal.aborted) resolve();
      else signal.addEventListener("abort", () => resolve(), { once: true });
    });
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    signal === undefined ? clock.sleep(ms) : Promise.race([clock.sleep(ms), aborted(signal)]);
  return { ports: { ...clock, monotonic: clock.monotonic, sleep }, pass: clock.pass };
}

/** A process whose worker's questions to the store are counted, each with its limit. */
function working(scene: Scene, over: Partial<Store> = {}, fraction = 0.5) {
  const { ports: clock, pass } = endingClock();
  const asked: number[] = [];
  const prunes: number[] = [];
  const began = clock.monotonic();
  const store: Store = {
    ...scene.store,
    due: (request) => {
      asked.push(request.limit);
      return (over.due ?? scene.store.due)(request);
    },
    prune: (request) => {
      prunes.push(clock.monotonic() - began);
      return (over.prune ?? scene.store.prune)(request);
    },
  };
  const random = { ...systemRandom, fraction: () => fraction };
  const once = scene.process({ store, clock, random });
  return { once, asked, prunes, pass };
}

/** Operations of a process that died, whose time to be recovered has come. */
async function left(scene: Scene, count: number): Promise<void> {
  const dying = scene.process().operation("pay", {
    input: Order,
    handler: () => {
      throw new Error("crash");
    },
  });
  for (let number = 0; number < count; number += 1) await dying.run({ ...call, key: `k${number}` });
  scene.advance(LATER_MS);
}

/** Handlers that end when the test lets them, in the order in which they began. */
function held(once: Process) {
  const gates: { open(): void }[] = [];
  once.operation("pay", {
    input: Order,
    handler: async () => {
      const { passed, open } = gate();
      gates.push({ open: () => open() });
      await passed;
      return ok();
    },
  });
  return {
    begun: () => gates.length,
    async end(...numbers: readonly number[]): Promise<void> {
      for (const number of numbers) gates[number]?.open();
      await settleTurn();
    },
  };
}

async function started(worker: Process["worker"], options?: Start): Promise<void> {
  worker.start(options);
  await settleTurn();
}

for (const [what, options, fraction, pauseMs, limit] of [
  ["by default each second", {}, 0.5, 1_000, 16],
  ["as it is told", { pollMs: 100, limit: 3 }, 0.5, 100, 3],
  ["a quarter sooner", { pollMs: 100 }, 0, 75, 16],
  ["a quarter later", { pollMs: 100 }, 1, 125, 16],
] as const)
  test(`a worker looks at once, and again after its pause: ${what}`, async () => {
    const { once, asked, pass } = working(stage(), {}, fraction);
    held(once);
    await started(once.worker, options);
    assert.deepEqual(asked, [limit]);
    for (const looks of [2, 3]) {
      await pass(pauseMs - 1);
      assert.equal(asked.length, looks - 1);
      await pass(1);
      assert.equal(asked.length, looks);
    }
    await once.worker.stop();
  });

for (const [what, options, everyMs] of [
  ["by default each ten minutes", {}, 600_000],
  ["as it is told", { pruneMs: 5_000 }, 5_000],
] as const)
  test(`a worker prunes at once, and again after its pause: ${what}`, async () => {
    const { once, prunes, pass } = working(stage());
    await started(once.worker, { pollMs: 3_600_000, ...options });
    await pass(2 * everyMs);
    assert.deepEqual(prunes, [0, everyMs, 2 * everyMs]);
    await once.worker.stop();
  });

test("a worker goes on after a pass whose store could not be asked", async () => {
  const over = { due: async () => gone, prune: async () => gone };
  const { once, asked, prunes, pass } = working(stage(), over);
  held(once);
  await started(once.worker, { pollMs: 100, pruneMs: 100 });
  await pass(100);
  assert.deepEqual([asked.length, prunes.length], [2, 2]);
  await once.worker.stop();
});

test("starting twice changes nothing, and what was stopped can be started again", async () => {
  const { once, asked, pass } = working(stage());
  held(once);
  await started(once.worker);
  await started(once.worker);
  assert.equal(asked.length, 1);
  await once.worker.stop();
  await pass(10_000);
  assert.equal(asked.length, 1);
  await started(once.worker);
  assert.equal(asked.length, 2);
  await once.worker.stop();
  await once.worker.stop();
});

test("stopping waits for the pass under way, and lets it start nothing more", async () => {
  const scene = stage();
  const answer = gate();
  const due: Store["due"] = async (request) => {
    await answer.passed;
    return scene.store.due(request);
  };
  const { once, asked } = working(scene, { due });
  held(once);
  await started(once.worker);
  let stopped = false;
  const stopping = once.worker.stop().then(() => {
    stopped = true;
  });
  await settleTurn();
  assert.equal(stopped, false);
  answer.open();
  await stopping;
  assert.equal(asked.length, 1);
});

test("stopping waits for what is in hand, and for no longer than its grace", async () => {
  for (const [ended, options, graceMs] of [
    [true, undefined, 10_000],
    [false, undefined, 10_000],
    [false, { graceMs: 50 }, 50],
  ] as const) {
    const scene = stage();
    await left(scene, 2);
    const { once, asked, pass } = working(scene);
    const { begun, end } = held(once);
    await started(once.worker);
    assert.equal(begun(), 2);
    let stopped = false;
    const stopping = once.worker.stop(options).then(() => {
      stopped = true;
    });
    await pass(graceMs - 1);
    await end(0);
    assert.deepEqual([stopped, asked.length], [false, 1]);
    if (ended) await end(1);
    else await pass(1);
    await stopping;
    assert.equal(asked.length, 1, "nothing more was begun");
    await end(1);
  }
});

test("a message that is being sent is not cut off by the end of its worker", async () => {
  const scene = stage();
  const answer = gate();
  const once = scene.process();
  const staged = once.atomic("mail", {
    input: Order,
    handler: (op) => {
      op.stage("mail", {});
      return ok();
    },
  });
  await staged.run(call);
  once.relay("mail", () => answer.passed);
  await started(once.worker);
  const closing = once.close();
  answer.open();
  await closing;
  const list = await scene.store.outbox.list({ topic: "mail", limit: 1 });
  assert.deepEqual(list.kind === "ok" && list.value.map(({ state }) => state), ["sent"]);
});

test("closing a house ends its worker and its store", async () => {
  const scene = stage();
  let closed = 0;
  const { ports: clock, pass } = endingClock();
  const close = async (): Promise<void> => {
    closed += 1;
  };
  let looks = 0;
  const due: Store["due"] = (request) => {
    looks += 1;
    return scene.store.due(request);
  };
  const once = scene.process({ clock, store: { ...scene.store, close, due } });
  held(once);
  await started(once.worker);
  await once.close();
  await pass(10_000);
  assert.deepEqual([closed, looks], [1, 1]);
});

test("a worker has so many operations in hand as its limit says, and fills up at three quarters", async () => {
  const scene = stage();
  await left(scene, 12);
  const { once, asked, pass } = working(scene);
  const { begun, end } = held(once);
  await started(once.worker, { limit: 8, pollMs: 100 });
  assert.deepEqual([asked, begun()], [[8], 8]);
  await end(0);
  assert.deepEqual(asked, [8], "one place is not worth a question");
  await end(1);
  assert.deepEqual([asked, begun()], [[8, 2], 10], "two are");
  await pass(99);
  await end(2);
  assert.equal(asked.length, 2);
  await pass(1);
  assert.deepEqual([asked, begun()], [[8, 2, 1], 11], "nor is one left empty for long");
  await pass(1_050);
  assert.deepEqual(asked, [8, 2, 1], "while all places are taken nothing is asked");
  await end(3, 4);
  assert.deepEqual(asked, [8, 2, 1, 2], "whenever two become free");
  await end(5, 6, 7, 8, 9, 10);
  assert.equal(begun(), 12);
  await end(11);
  await once.worker.stop();
});

test("a worker that found as much as it had room for looks again at once", async () => {
  const scene = stage();
  await left(scene, 4);
  let answer = Promise.resolve();
  const due: Store["due"] = async (request) => {
    const found = await scene.store.due({ ...request, limit: 1 });
    await answer;
    return found;
  };
  const { once, asked, pass } = working(scene, { due });
  const { begun, end } = held(once);
  await started(once.worker, { limit: 2, pollMs: 100 });
  assert.deepEqual([asked, begun()], [[2], 1], "it found less, and so there is no more");
  const slow = gate();
  answer = slow.passed;
  await pass(100);
  await end(0);
  answer = Promise.resolve();
  slow.open();
  await settleTurn();
  assert.deepEqual([asked, begun()], [[2, 1, 1], 3]);
  await end(1, 2);
  await end(3);
  await once.worker.stop();
});

test("one pass by hand does each job once, for as many as the limit says", async () => {
  const scene = stage();
  await left(scene, 3);
  const { once, asked, prunes } = working(scene);
  once.operation("pay", { input: Order, handler: () => ok() });
  const { recovery, handling, relaying } = await once.worker.runOnce({ limit: 2 });
  assert.deepEqual(recovery, { found: 2, settled: 2, reachable: true });
  assert.deepEqual(handling, { objects: 0, ended: 0, reachable: true });
  assert.deepEqual(relaying, { claimed: 0, sent: 0, reachable: true });
  await once.worker.runOnce();
  assert.deepEqual([asked, prunes.length], [[2, 16], 2]);
});

test("who stages a message after the worker was stopped wakes nobody", async () => {
  const { once } = working(stage());
  const operation = once.atomic("mail", {
    input: Order,
    handler: (op) => {
      op.stage("mail", {});
      return ok();
    },
  });
  await started(once.worker);
  await once.worker.stop();
  assert.equal((await operation.run(call)).kind, "succeeded");
});

test("a store that keeps neither events nor messages has no jobs for them", async () => {
  const { store } = stage();
  const { inbox: _, outbox: __, ...only } = store;
  const { worker } = stage().process({ store: only as Store });
  const { handling, relaying } = await worker.runOnce();
  assert.deepEqual([handling, relaying], [undefined, undefined]);
  worker.start();
  await worker.stop();
});
