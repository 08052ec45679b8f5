import assert from "node:assert/strict";
import { test } from "node:test";
import { type Declined, declined, type Effect, fail, ok } from "../../src/index.ts";
import {
  acquirer,
  type Charge,
  call,
  type Decline,
  evidenceOf,
  findingsOf,
  gate,
  LATER_MS,
  LEASE_MS,
  named,
  quietClock,
  type Scene,
  settleTurn,
  stateOf,
  word,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Send = () => Promise<Charge | Declined<Decline>>;

const no: Send = async () => declined({ code: "no_funds" });
const captured = (id: string): Charge => ({ id, status: "captured" });

/** What was refunded, and what the next refunds come to. */
interface Refunds {
  readonly keys: string[];
  readonly charges: string[];
  readonly faults: string[];
  of(value: unknown): Effect<unknown, unknown>;
}

function refunds(): Refunds {
  const keys: string[] = [];
  const charges: string[] = [];
  const faults: string[] = [];
  const of = (value: unknown): Effect<unknown, unknown> => ({
    input: value,
    send: ({ key }) => {
      keys.push(key);
      charges.push((value as Charge).id);
      const fault = faults.shift();
      if (fault !== undefined) throw new Error(fault);
      return { refunded: true };
    },
  });
  return { keys, charges, faults, of };
}

/** A process whose charge ends as `send` does; a decline fails the operation. */
function shop(scene: Scene, send: Send, back?: Refunds, reference = true) {
  const once = scene.process({ clock: quietClock });
  const effect = { ...acquirer().effect(), send };
  const { reference: _, ...bare } = effect;
  const operation = once.operation("pay", {
    input: Order,
    ...(back ? { compensations: { charge: (value: never) => back.of(value) } } : {}),
    handler: async (op) => {
      const charge = await op.external("charge", reference ? effect : bare);
      return charge.declined ? fail({ reason: charge.decline.code }, 402) : ok(charge.value);
    },
  });
  return { once, operation };
}

/**
 * Holders that hang in their send until they are woken with a charge, one after the other, and a
 * last one that was declined: the operation has failed.
 */
async function failedWith(scene: Scene, values: readonly Charge[], back?: Refunds, named = true) {
  const zombies: (() => Promise<string>)[] = [];
  for (const value of values) {
    const late = gate<Charge>();
    const running = shop(scene, () => late.passed, back, named).operation.run(call);
    await settleTurn();
    scene.advance(LEASE_MS + 1);
    zombies.push(async () => {
      late.open(value);
      const { kind } = await running;
      await settleTurn();
      return kind;
    });
  }
  assert.equal((await shop(scene, no, back, named).operation.run(call)).kind, "failed");
  return zombies;
}

function alarms(scene: Scene): string[] {
  return scene.events.flatMap((event) =>
    event.type === "effect.orphan" || event.type === "effect.duplicate"
      ? [`${event.type} ${event.step} ${event.reference}`]
      : [],
  );
}

test("H20: a charge of a failed operation leaves the outcome, and is taken back once, told twice", async () => {
  const scene = stage();
  const back = refunds();
  const [first, second] = await failedWith(scene, [captured("ch_1"), captured("ch_1")], back);
  assert.equal(await first?.(), "failed", "the zombie is answered from the record");
  assert.equal(await second?.(), "failed");
  assert.equal(await stateOf(scene), "failed");
  assert.deepEqual(back.charges, ["ch_1"]);
  assert.deepEqual(alarms(scene), ["effect.orphan charge ch_1", "effect.orphan charge ch_1"]);
  assert.deepEqual(await findingsOf(scene), [
    ...["stale-holder: executed", "alarm: executed"],
    ...["stale-holder: executed", "alarm: executed"],
  ]);
  const [told] = await evidenceOf(scene);
  assert.equal(told?.reference, "ch_1");
  const listed = await scene.store.list({ name: "pay.orphan", limit: 10 });
  const orphans = listed.kind === "ok" ? listed.value : [];
  assert.deepEqual(
    orphans.map(({ record }) => [record.state, record.request?.origin, record.request?.scope]),
    [["succeeded", "own", "acct_1"]],
  );
});

test("H20: two charges of one failed operation are taken back each, under keys of their own", async () => {
  const scene = stage();
  const back = refunds();
  const long = "r".repeat(300);
  const values = [captured("ch 1 ä"), captured("ch_2"), captured(`${long}1`), captured(`${long}2`)];
  for (const wake of await failedWith(scene, values, back)) assert.equal(await wake(), "failed");
  assert.deepEqual(
    back.charges,
    values.map(({ id }) => id),
  );
  assert.equal(new Set(back.keys).size, 4);
});

test("H20: an orphan without a reference is taken back too", async () => {
  const scene = stage();
  const back = refunds();
  const [wake] = await failedWith(scene, [captured("ch_1")], back, false);
  await wake?.();
  assert.deepEqual(back.charges, ["ch_1"]);
  assert.deepEqual(alarms(scene), ["effect.orphan charge undefined"]);
});

test("H20: without a declared compensation an orphan is told, and nothing is done", async () => {
  const scene = stage();
  const [wake] = await failedWith(scene, [captured("ch_1")]);
  assert.equal(await wake?.(), "failed");
  assert.deepEqual(alarms(scene), ["effect.orphan charge ch_1"]);
  const listed = await scene.store.list({ limit: 10 });
  assert.equal(listed.kind === "ok" && listed.value.length, 1);
});

test("H20: a person who tells of a charge after the end changes nothing, and it is taken back", async () => {
  const scene = stage();
  const back = refunds();
  const { once, operation } = shop(scene, no, back);
  assert.equal((await operation.run(call)).kind, "failed");
  const word = { step: "charge", executed: "ch_9", by: "ann", reason: "in the dashboard" };
  const named = { scope: call.scope, key: call.key, origin: "own" } as const;
  assert.equal(await once.settle(named, word), "final");
  assert.deepEqual(back.charges, [], "nothing is taken back of which no value is known");
  const told = { ...word, value: captured("ch_9") };
  for (const _ of [1, 2]) assert.equal(await once.settle(named, told), "final");
  assert.deepEqual(back.charges, ["ch_9"]);
  assert.equal(await stateOf(scene), "failed");
  assert.deepEqual(new Set(alarms(scene)), new Set(["effect.orphan charge ch_9"]));
  assert.deepEqual(new Set(await findingsOf(scene)), new Set(["person: executed"]));
});

test("H20: the taking back of an orphan that gets no answer is finished by a worker, with its key", async () => {
  const scene = stage();
  const back = refunds();
  back.faults.push("no answer");
  const [wake] = await failedWith(scene, [captured("ch_1")], back);
  await wake?.();
  assert.deepEqual(back.charges, ["ch_1"]);
  scene.advance(LATER_MS);
  const { once } = shop(scene, no, back);
  assert.deepEqual((await once.worker.runOnce()).recovery, {
    ...{ found: 1, settled: 1, reachable: true },
  });
  assert.deepEqual([back.charges.length, new Set(back.keys).size], [2, 1]);
});

test("H20: a late decline of a failed operation is evidence and no alarm", async () => {
  const scene = stage();
  const late = gate<Declined<Decline>>();
  const back = refunds();
  const zombie = shop(scene, () => late.passed, back).operation.run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  await shop(scene, no, back).operation.run(call);
  late.open(declined({ code: "no_funds" }));
  await zombie;
  await settleTurn();
  assert.deepEqual(await findingsOf(scene), ["stale-holder: declined"]);
  assert.deepEqual([alarms(scene), back.charges], [[], []]);
});

test("H19: a zombie and its owner with the same reference raise no alarm", async () => {
  const scene = stage();
  const late = gate<Charge>();
  const zombie = shop(scene, () => late.passed).operation.run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const owner = await shop(scene, async () => captured("ch_1")).operation.run(call);
  late.open(captured("ch_1"));
  assert.deepEqual(await zombie, { ...owner, replayed: true });
  await settleTurn();
  assert.deepEqual(await findingsOf(scene), ["stale-holder: executed"]);
  assert.deepEqual(alarms(scene), []);
});

test("S17: a zombie and its owner with two references are two effects: an alarm", async () => {
  const scene = stage();
  const late = gate<Charge>();
  const zombie = shop(scene, () => late.passed).operation.run(call);
  await settleTurn();
  scene.advance(LEASE_MS + 1);
  const owner = await shop(scene, async () => captured("ch_2")).operation.run(call);
  late.open(captured("ch_1"));
  assert.deepEqual(await zombie, { ...owner, replayed: true });
  await settleTurn();
  assert.deepEqual(alarms(scene), ["effect.duplicate charge ch_1"]);
  assert.deepEqual(await findingsOf(scene), ["stale-holder: executed", "alarm: executed"]);
});

test("S17, S23: a result whose answer was lost, while a newer claim recorded another, is told too", async () => {
  const scene = stage();
  let lost = true;
  const record = async (...given: Parameters<typeof scene.store.record>) => {
    if (!lost) return scene.store.record(...given);
    lost = false;
    scene.advance(LEASE_MS + 1);
    const owner = await shop(scene, async () => captured("ch_2")).operation.run(call);
    assert.equal(owner.kind, "succeeded");
    return { kind: "not-known", error: new Error("connection lost") } as const;
  };
  const process = scene.process({ store: { ...scene.store, record } });
  const zombie = process.operation("pay", {
    input: Order,
    handler: async (op) => {
      const effect = { ...acquirer().effect(), send: async () => captured("ch_1") };
      const charge = await op.external("charge", effect);
      return charge.declined ? fail({}) : ok(charge.value);
    },
  });
  const end = await zombie.run(call);
  assert.deepEqual("body" in end && end.body, captured("ch_2"));
  await settleTurn();
  assert.deepEqual(alarms(scene), ["effect.duplicate charge ch_1"]);
  assert.deepEqual(await findingsOf(scene), ["stale-holder: executed", "alarm: executed"]);
});

test("H20: a step named as every object's own members are has nothing that takes it back", async () => {
  const scene = stage();
  const once = scene.process();
  const operation = once.operation("pay", {
    input: Order,
    compensations: { charge: (value: never) => refunds().of(value) },
    handler: () => fail({}),
  });
  assert.equal((await operation.run(call)).kind, "failed");
  const value = captured("ch_1");
  const told = { step: "constructor", executed: "ch_1", value, ...word };
  assert.equal(await once.settle(named, told), "final");
  assert.deepEqual(alarms(scene), ["effect.orphan constructor ch_1"]);
  const listed = await scene.store.list({ name: "pay.orphan", limit: 1 });
  assert.deepEqual(listed.kind === "ok" && listed.value, []);
});
