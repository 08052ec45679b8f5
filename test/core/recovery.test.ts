import assert from "node:assert/strict";
import { test } from "node:test";
import { isNevertwiceError, ok, systemClock } from "../../src/index.ts";
import { recordId } from "../../src/model/key.ts";
import type { OperationStore } from "../../src/store.ts";
import { checkout, Order, provider, stage } from "./stage.ts";

const input = { cartId: "c1", amount: 1999 };
const call = { scope: "acct_1", key: "k1", input };
const id = recordId("own", "acct_1", "k1");

const LEASE_MS = 30_000;

test("S9: a crash before the external call leaves no mark, and a take-over simply executes", async () => {
  const scene = stage();
  const bank = provider();
  let crash = true;
  const options = {
    input: Order,
    handler: async (
      op: Parameters<Parameters<ReturnType<typeof scene.process>["operation"]>[1]["handler"]>[0],
    ) => {
      if (crash) await new Promise(() => undefined);
      const charge = await op.external("charge", { send: ({ key }) => bank.charge(key, 1) });
      return ok(charge, 201);
    },
  };
  void scene.process().operation("pay", options).run(call);
  await settleTurn();
  crash = false;
  scene.advance(LEASE_MS + 1);
  const result = await scene.process().operation("pay", options).run(call);
  assert.equal(result.kind, "succeeded");
  assert.equal(bank.sent, 1);
});

test("S10, S11: a crash during or after the call is one path: the same key goes out again", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("hang");
  void checkout(scene.process(), bank).run(call);
  await settleTurn();
  assert.equal(bank.charges.size, 1);
  scene.advance(LEASE_MS + 1);
  const result = await checkout(scene.process(), bank).run(call);
  assert.equal(result.kind, "succeeded");
  assert.equal(bank.charges.size, 1);
  assert.equal(bank.sent, 2);
});

test("S10: an effect without a key is never sent twice: it is in doubt until a person settles it", async () => {
  const scene = stage();
  let sent = 0;
  const operation = scene.process().operation("wire", {
    input: Order,
    handler: async (op) => {
      const send = async () => {
        sent += 1;
        throw new Error("no answer");
      };
      await op.external("transfer", { keyed: false, send });
      return ok();
    },
  });
  assert.equal((await operation.run(call)).kind, "in-doubt");
  for (let round = 0; round < 3; round += 1) {
    scene.advance(86_400_000);
    assert.equal((await operation.run(call)).kind, "in-doubt");
  }
  assert.equal(sent, 1);
});

test("H17: a worker that comes back after the provider forgot the key does not send again", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  await checkout(scene.process(), bank).run(call);
  scene.advance(25 * 3_600_000);
  const other = scene.process();
  checkout(other, bank);
  assert.equal((await other.worker.runOnce()).recovery.found, 1);
  for (let round = 0; round < 2; round += 1) {
    assert.equal((await checkout(scene.process(), bank).run(call)).kind, "in-doubt");
    scene.advance(86_400_000);
  }
  assert.equal(bank.sent, 1);
  const read = await scene.store.read(id);
  const record = read.kind === "ok" ? read.value?.record : undefined;
  assert.deepEqual(
    [record?.state, record?.doubt, record?.dueAt],
    ["in_doubt", "effect-unknown", undefined],
  );
});

test("H17: a database clock that fell back does not open the provider's deadline again", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  await checkout(scene.process(), bank).run(call);
  scene.advance(1_000);
  const clock = { ...systemClock, wall: () => Date.now() + 25 * 3_600_000 };
  assert.equal((await checkout(scene.process({ clock }), bank).run(call)).kind, "in-doubt");
  assert.equal(bank.sent, 1);
  scene.advance(1_000);
  const right = await checkout(scene.process(), bank).run(call);
  assert.equal(right.kind, "succeeded", "a process whose clock is right goes on");
  assert.equal(bank.charges.size, 1);
});

test("H17: an effect says how long its provider remembers a key", async () => {
  const scene = stage();
  let sent = 0;
  const pay = (keptForMs: number) =>
    scene.process().operation("pay", {
      input: Order,
      handler: async (op) => {
        const send = async () => {
          sent += 1;
          if (sent === 1) throw new Error("no answer");
          return { id: "ch_1" };
        };
        await op.external("charge", { keptForMs, send });
        return ok();
      },
    });
  const thirtyDays = 30 * 86_400_000;
  await pay(thirtyDays).run(call);
  scene.advance(20 * 86_400_000);
  assert.equal((await pay(thirtyDays).run(call)).kind, "succeeded");
  assert.equal(sent, 2);
});

test("S17, H2: a stale holder changes nothing and answers from the record", async () => {
  const scene = stage();
  const bank = provider();
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const signals: AbortSignal[] = [];
  const owners: unknown[] = [];
  const build = (slow: boolean) =>
    scene.process().operation("checkout", {
      input: Order,
      handler: async (op) => {
        signals.push(op.signal);
        const charge = await op.external("charge", { send: ({ key }) => bank.charge(key, 7) });
        if (slow) await held;
        if (slow) owners.push(await op.assertOwner().catch((error: unknown) => error));
        return op.settle((tx) => {
          tx.table("orders").insert(slow ? "of the zombie" : "of the owner", {});
          return ok({ charge, slow }, 201);
        });
      },
    });
  const zombie = build(true).run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const owner = await build(false).run(call);
  release();
  const stale = await zombie;
  assert.deepEqual("body" in stale && stale.body, "body" in owner && owner.body);
  assert.ok(isNevertwiceError(owners[0], "lease-lost"));
  assert.equal(signals[0]?.aborted, true);
  assert.equal(bank.charges.size, 1);
  assert.deepEqual([...scene.store.table("orders").values()].length, 1);
});

test("S18: once claimed, an operation goes to its end although nobody waits for it", async () => {
  const scene = stage();
  const bank = provider();
  const operation = checkout(scene.process(), bank);
  void operation.run(call);
  await settleTurn();
  const read = await scene.store.read(id);
  assert.equal(read.kind === "ok" && read.value?.record.state, "succeeded");
});

test("S19: a client that never comes back: the worker finishes its operation", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  await checkout(scene.process(), bank).run(call);
  scene.advance(1_000);
  const other = scene.process();
  checkout(other, bank);
  const pass = await other.worker.runOnce();
  assert.deepEqual(pass.recovery, { found: 1, settled: 1, reachable: true });
  assert.equal(bank.charges.size, 1);
});

test("S19: attempts are bounded; the last resort is in doubt, for a person", async () => {
  const scene = stage();
  const operation = scene.process({ attemptsMax: 3 }).operation("broken", {
    input: Order,
    handler: () => {
      throw new Error("always");
    },
  });
  const kinds: string[] = [];
  for (let round = 0; round < 5; round += 1) {
    kinds.push((await operation.run(call)).kind);
    scene.advance(600_000);
  }
  assert.deepEqual(kinds, [
    "retry-scheduled",
    "retry-scheduled",
    "in-doubt",
    "in-doubt",
    "in-doubt",
  ]);
});

test("S22: with the store out of reach nothing runs, and the answer is bounded", async () => {
  const scene = stage();
  const bank = provider();
  const down: OperationStore = {
    ...scene.store,
    claim: async () => ({ kind: "not-known", error: new Error("connection refused") }),
  } as never;
  const operation = checkout(scene.process({ store: down as never }), bank);
  const result = await operation.run(call);
  assert.equal(result.kind, "store-unavailable");
  assert.equal("retry" in result && result.retry, "same-key");
  assert.equal(bank.sent, 0);
});

test("S22: a store that hangs counts as not known after its time-out", async () => {
  const scene = stage();
  const hung = { ...scene.store, claim: () => new Promise(() => undefined) };
  const operation = checkout(
    scene.process({ store: hung as never, storeTimeoutMs: 20 }),
    provider(),
  );
  assert.equal((await operation.run(call)).kind, "store-unavailable");
});

test("S23: a store that is lost after the effect is answered with doubt, never with a guess", async () => {
  const scene = stage();
  const bank = provider();
  let lost = false;
  const failing = <Name extends keyof OperationStore>(name: Name) =>
    ((...parameters: never[]) =>
      lost
        ? Promise.resolve({ kind: "not-known", error: new Error("gone") })
        : (scene.store[name] as (...given: never[]) => unknown)(...parameters)) as never;
  const names = ["record", "suspend", "read", "settle", "transact"] as const;
  const broken = {
    ...scene.store,
    ...Object.fromEntries(names.map((name) => [name, failing(name)])),
  };
  const charge = bank.charge.bind(bank);
  bank.charge = async (key, amount) => {
    const charged = await charge(key, amount);
    lost = true;
    return charged;
  };
  const first = await checkout(scene.process({ store: broken as never }), bank).run(call);
  assert.equal(first.kind, "in-doubt");
  lost = false;
  scene.advance(LEASE_MS + 1);
  const second = await checkout(scene.process(), bank).run(call);
  assert.equal(second.kind, "succeeded");
  assert.equal(bank.charges.size, 1);
});

test("S23: a call whose run may have had an effect is never told that nothing ran", async () => {
  const scene = stage();
  const bank = provider();
  bank.faults.push("lost-after");
  let lost = false;
  const broken = {
    ...scene.store,
    claim: async (request: never) =>
      lost ? { kind: "not-known", error: new Error("gone") } : scene.store.claim(request),
    suspend: async (...parameters: never[]) => {
      const answer = await (scene.store.suspend as (...given: never[]) => unknown)(...parameters);
      lost = true;
      return answer;
    },
  };
  const operation = checkout(scene.process({ store: broken as never, waitMs: 2_000 }), bank);
  const refused = await operation.run(call);
  assert.equal(refused.kind, "in-doubt");
  assert.equal(bank.charges.size, 1);
});

test("S26: only final records are answered twice from one read; a claim always asks the store", async () => {
  const scene = stage();
  let claims = 0;
  const counting = {
    ...scene.store,
    claim: (request: never) => {
      claims += 1;
      return scene.store.claim(request);
    },
  };
  const operation = checkout(scene.process({ store: counting as never }), provider());
  await operation.run(call);
  await operation.run(call);
  await operation.run({ ...call, input: { ...input, amount: 4 } });
  assert.equal(claims, 3);
});

test("H16: a handler that hangs loses its claim at runUntil although it is alive", async () => {
  const scene = stage();
  const once = scene.process({ leaseMs: 100, runForMs: 150, waitMs: 0 });
  let hung = true;
  const operation = once.operation("hangs", {
    input: Order,
    handler: async (op) => {
      if (hung) await new Promise((resolve) => op.signal.addEventListener("abort", resolve));
      return ok({ attempt: op.attempt });
    },
  });
  const first = operation.run(call);
  // The record answers once the claim is lost; by then the handler no longer hangs.
  setImmediate(() => {
    hung = false;
  });
  const result = await first;
  assert.deepEqual("body" in result && result.body, { attempt: 2 });
});

test("H28: a claim that lands after its 503 is adopted by the retry", async () => {
  const scene = stage();
  let lose = true;
  const lossy = {
    ...scene.store,
    claim: async (request: never) => {
      if (lose) await scene.store.claim(request);
      return lose ? { kind: "not-known", error: new Error("lost") } : scene.store.claim(request);
    },
  };
  const bank = provider();
  const operation = checkout(scene.process({ store: lossy as never }), bank);
  assert.equal((await operation.run(call)).kind, "store-unavailable");
  lose = false;
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.equal(bank.sent, 1);
});

test("H28: an adopted claim is renewed first, because much of its lease may be gone", async () => {
  const scene = stage();
  let lose = true;
  const lossy = {
    ...scene.store,
    claim: async (request: never) => {
      const answer = await scene.store.claim(request);
      return lose ? { kind: "not-known", error: new Error("lost") } : answer;
    },
  };
  let leftMs = 0;
  const operation = scene.process({ store: lossy as never }).operation("pay", {
    input: Order,
    handler: async () => {
      const read = await scene.store.read(id);
      const snapshot = read.kind === "ok" ? read.value : undefined;
      leftMs = (snapshot?.record.leaseUntil ?? 0) - (snapshot?.now ?? 0);
      return ok();
    },
  });
  assert.equal((await operation.run(call)).kind, "store-unavailable");
  lose = false;
  scene.advance(LEASE_MS - 1_000);
  assert.equal((await operation.run(call)).kind, "succeeded");
  assert.ok(leftMs > LEASE_MS - 1_000, `${leftMs} ms of the lease were left`);
});

test("H28: single flight never joins another payload", async () => {
  const scene = stage();
  const operation = checkout(scene.process({ waitMs: 1_000 }), provider());
  const [first, other, twin] = await Promise.all([
    operation.run(call),
    operation.run({ ...call, input: { ...input, amount: 5 } }),
    operation.run(call),
  ]);
  assert.equal(first?.kind, "succeeded");
  assert.equal(other?.kind, "key-reused");
  assert.deepEqual(twin, { ...first, replayed: true });
});

/** Lets everything that needs no timer happen. */
async function settleTurn(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
}
