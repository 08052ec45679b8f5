import assert from "node:assert/strict";
import { test } from "node:test";
import { declined, fail, inDoubt, isNevertwiceError, ok } from "../../src/index.ts";
import type { EvidenceRecord } from "../../src/model/evidence.ts";
import type { StepRecord } from "../../src/model/step.ts";
import {
  acquirer,
  type ChargeEffect,
  call,
  evidenceOf,
  findingsOf,
  id,
  LATER_MS,
  named,
  pay,
  type Scene,
  stateOf,
  word,
} from "./acquirer.ts";
import { Order, stage } from "./stage.ts";

type Store = Scene["store"];

const alarmsOf = ({ events }: Scene) =>
  events.flatMap((event) =>
    event.type === "effect.duplicate" || event.type === "effect.orphan"
      ? [`${event.type} ${event.step} ${event.reference}`]
      : [],
  );

const result = (kind: "succeeded" | "declined" | "not-executed") => ({
  result: { kind, value: new Uint8Array(0) },
});

/** A charge of `ch_1` whose claim is lost: whoever made it is told so, and nothing else. */
async function lose(scene: Scene, store: Store, effect: Partial<ChargeEffect>) {
  const takenBack: string[] = [];
  const heard: unknown[] = [];
  const operation = scene.process({ store }).operation("pay", {
    input: Order,
    compensations: { charge: () => ({ send: () => takenBack.push("charge") }) },
    handler: async (op) => {
      await op
        .external("charge", acquirer().effect(effect))
        .catch((error: unknown) => heard.push(error));
      return ok();
    },
  });
  await operation.run(call);
  assert.equal(isNevertwiceError(heard[0] as Error, "lease-lost"), true);
  return takenBack;
}

/** No result of the charge is taken; those of other operations are. */
const staleFor = ({ store }: Scene): Store["record"] => {
  return async (holder, name, end) =>
    holder.id === id ? { kind: "ok", value: "stale" } : store.record(holder, name, end);
};

/** What that charge is called, by what the record shows by then. */
async function told(state: string, known: object | undefined, effect: Partial<ChargeEffect> = {}) {
  const scene = stage();
  const store: Store = {
    ...scene.store,
    record: staleFor(scene),
    read: async (of) => {
      const read = await scene.store.read(of);
      if (read.kind !== "ok" || read.value === undefined || of !== id) return read;
      const { record, now } = read.value;
      const [step] = record.steps;
      const other = { ...step, name: "another", ...result("succeeded") };
      const steps = [other, ...(known === undefined ? [] : [{ ...step, ...known }])];
      const changed = {
        ...record,
        state: state as typeof record.state,
        steps: steps as StepRecord[],
      };
      return { kind: "ok", value: { record: changed, now } };
    },
  };
  const takenBack = await lose(scene, store, effect);
  const noted = (await evidenceOf(scene)).map(({ source, finding }) => `${source}: ${finding}`);
  return { alarms: alarmsOf(scene), noted, takenBack };
}

const adopted = (reference: string) => ({
  ...result("succeeded"),
  effect: { reference, sends: [], compensated: false, generation: 0, lookUp: false },
});

for (const [what, state, known, alarm] of [
  ["the newer owner has no result", "running", {}, undefined],
  ["the newer owner never met the step", "running", undefined, undefined],
  ["the newer owner has the same", "succeeded", adopted("ch_1"), undefined],
  ["the newer owner has another one", "succeeded", adopted("ch_2"), "effect.duplicate"],
  ["the newer owner was declined", "running", result("declined"), "effect.duplicate"],
  ["the operation failed without it", "failed", undefined, "effect.orphan"],
  ["the operation failed and was declined", "failed", result("declined"), "effect.orphan"],
  ["the operation failed and never knew", "failed", {}, "effect.orphan"],
  ["the operation failed and took the same back", "failed", adopted("ch_1"), undefined],
] as const)
  test(`S17: a success that comes too late is kept, and judged by the record: ${what}`, async () => {
    const end = await told(state, known);
    assert.deepEqual(end.alarms, alarm === undefined ? [] : [`${alarm} charge ch_1`]);
    assert.equal(end.noted[0], "stale-holder: executed");
    assert.deepEqual(end.noted.slice(1), alarm === undefined ? [] : ["alarm: executed"]);
    assert.deepEqual(end.takenBack, alarm === "effect.orphan" ? ["charge"] : []);
  });

for (const [what, answer] of [
  ["cannot be read", { kind: "not-known", error: new Error("gone") }],
  ["is no longer there", { kind: "ok", value: undefined }],
] as const)
  test(`S17: a success that comes too late is kept, and raises no alarm by a record that ${what}`, async () => {
    const scene = stage();
    const store: Store = {
      ...scene.store,
      record: staleFor(scene),
      read: async () => answer,
    };
    assert.deepEqual(await lose(scene, store, {}), []);
    assert.deepEqual(await findingsOf(scene), ["stale-holder: executed"]);
    assert.deepEqual(alarmsOf(scene), []);
  });

test("S17: a success without a reference is a second one if its newer owner was declined", async () => {
  const reference = () => undefined;
  const { alarms } = await told("running", result("declined"), { reference });
  assert.deepEqual(alarms, ["effect.duplicate charge undefined"]);
});

test("S17: what is told without a reference is kept without one", async () => {
  const scene = stage();
  await lose(scene, { ...scene.store, record: staleFor(scene) }, { reference: () => undefined });
  const [evidence] = await evidenceOf(scene);
  assert.ok(evidence !== undefined && !("reference" in evidence));
});

test("S17: a success without a reference is not called a second one", async () => {
  const reference = () => undefined;
  assert.deepEqual((await told("succeeded", adopted("ch_2"), { reference })).alarms, []);
});

test("S17: of a late decline there is evidence and no alarm, and of a late doubt neither", async () => {
  const no = await told("failed", {}, { send: async () => declined({ code: "no_funds" }) });
  assert.deepEqual(no, { alarms: [], noted: ["stale-holder: declined"], takenBack: [] });
  const send = () => {
    throw new Error("lost");
  };
  const doubt = await told("failed", {}, { send, judge: () => inDoubt("unanswered") });
  assert.deepEqual(doubt, { alarms: [], noted: [], takenBack: [] });
});

const BEFORE: EvidenceRecord = {
  ...{ step: "charge", source: "stale-holder", finding: "executed", reference: "ch_9" },
  at: 0,
};

for (const [what, before, alarms] of [
  [
    "one that cannot be told apart, and another charge",
    [{ ...BEFORE, reference: undefined }, BEFORE],
    ["effect.duplicate charge ch_9"],
  ],
  ["another charge", BEFORE, ["effect.duplicate charge ch_9"]],
  ["the same charge", { ...BEFORE, reference: "ch_1" }, []],
  ["a charge that cannot be told apart", { ...BEFORE, reference: undefined }, []],
  ["another step's", { ...BEFORE, step: "fee" }, []],
  ["a person", { ...BEFORE, source: "person" }, []],
  ["a decline", { ...BEFORE, finding: "declined" }, []],
] as const)
  test(`S17: what was told before is compared with what is recorded: ${what}`, async () => {
    const scene = stage();
    await pay(scene.process(), acquirer(["refused connection"]).effect()).run(call);
    scene.advance(LATER_MS);
    const evidence: Store["evidence"] = async () => ({
      kind: "ok",
      value: [before].flat() as EvidenceRecord[],
    });
    const once = scene.process({ store: { ...scene.store, evidence } });
    assert.equal((await pay(once, acquirer().effect()).run(call)).kind, "succeeded");
    assert.deepEqual(alarmsOf(scene), alarms);
  });

test("S17: a result stands though what was told before cannot be read", async () => {
  const scene = stage();
  await pay(scene.process(), acquirer(["refused connection"]).effect()).run(call);
  scene.advance(LATER_MS);
  const evidence: Store["evidence"] = async () => ({ kind: "not-known", error: new Error("gone") });
  const once = scene.process({ store: { ...scene.store, evidence } });
  assert.equal((await pay(once, acquirer().effect()).run(call)).kind, "succeeded");
  assert.deepEqual(alarmsOf(scene), []);
});

/** An operation that ended after a charge of `one` that stands, or was taken back. */
async function ended(
  how: "succeeded" | "failed",
): Promise<{ scene: Scene; once: ReturnType<Scene["process"]> }> {
  const scene = stage();
  const once = scene.process();
  const operation = once.operation("pay", {
    input: Order,
    handler: async (op) => {
      await op.external("one", { send: () => ({ id: "ch_1" }) });
      if (how === "succeeded") return ok();
      await op.compensate("one", { send: () => ({ refunded: true }) });
      return fail({});
    },
  });
  assert.equal((await operation.run(call)).kind, how);
  return { scene, once };
}

for (const [what, how, step, executed, alarms] of [
  [
    "executed, of a step of a failed operation that it never took",
    "failed",
    "two",
    true,
    ["effect.orphan two ch_2"],
  ],
  ["executed, of a step of a failed operation that it knows of", "failed", "one", true, []],
  ["executed, of an operation that succeeded", "succeeded", "two", true, []],
  ["not executed, of a failed operation", "failed", "two", false, []],
] as const)
  test(`H20: a person's word against a final outcome is kept, and raises an alarm where it matters: ${what}`, async () => {
    const { scene, once } = await ended(how);
    const said = executed ? { executed: "ch_2" } : ({ notExecuted: true } as const);
    assert.equal(await once.settle(named, { ...word, step, ...said }), "final");
    assert.deepEqual(alarmsOf(scene), alarms);
    const kept = (await evidenceOf(scene)).filter(({ source }) => source === "person");
    assert.deepEqual(
      kept.map(({ finding, step: of }) => [finding, of]),
      [[executed ? "executed" : "not-executed", step]],
    );
    assert.equal(await stateOf(scene), how);
  });
