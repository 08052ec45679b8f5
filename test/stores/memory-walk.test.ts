import assert from "node:assert/strict";
import fc from "fast-check";
import { decide } from "../../src/model/decide.ts";
import type { Evidence, Reopening } from "../../src/model/evidence.ts";
import { isFinal, type OperationRecord, TRANSITIONS } from "../../src/model/operation.ts";
import {
  isUntouched,
  nextGeneration,
  RESULT_KINDS,
  type SendRecord,
  type StepBegin,
  type StepEnd,
  type StepRecord,
  standing,
  unfinished,
  VERDICTS,
} from "../../src/model/step.ts";
import type { Answer, ClaimRequest, OperationStore } from "../../src/store.ts";
import type { MemoryTransaction } from "../../src/stores/memory/store.ts";
import { memoryStore } from "../../src/stores/memory/store.ts";
import { takenOver } from "../../src/stores/memory/writes.ts";
import { anyRecord, anyRecover } from "../model/records.ts";
import { testProperty } from "../property.ts";

type Store = OperationStore<MemoryTransaction, "async">;

interface Step {
  readonly act: (typeof ACTS)[number];
  readonly fence: number;
  readonly ms: number;
  readonly failed: boolean;
  readonly end: StepEnd;
}

const VALUE = new Uint8Array([1]);

/** Every end that a step can come to; the references meet each other. */
const ENDS: readonly StepEnd[] = [
  ...RESULT_KINDS.filter((kind) => kind !== "not-executed").flatMap((kind) => [
    { kind, value: VALUE },
    { kind, value: VALUE, reference: "pi_1" },
  ]),
  ...VERDICTS.filter((verdict) => verdict !== "definite").map((kind) => ({ kind })),
  { kind: "not-executed", proven: true },
];

const ACTS = [
  "claim",
  "takeOver",
  "renew",
  "begin",
  "record",
  "note",
  "reopen",
  "settle",
  "park",
  "wait",
  "transact",
  "atomic",
] as const;

const REQUEST: ClaimRequest = {
  ...{ id: "ab".repeat(32), attemptId: "a", origin: "own", scope: "acct_1", key: "k" },
  ...{ name: "checkout", version: 1, form: "resumable", recipe: "[]" },
  ...{ fingerprint: new Uint8Array(32), input: new Uint8Array(0), leaseMs: 100, runForMs: 300 },
};

const walk: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    act: fc.constantFrom(...ACTS),
    fence: fc.integer({ min: 1, max: 4 }),
    ms: fc.constantFrom(0, 0, 50, 150, 400),
    failed: fc.boolean(),
    end: fc.constantFrom(...ENDS),
  }),
  { minLength: 5, maxLength: 40 },
);

testProperty(
  "on any walk the transitions are legal, the fence only grows, and a final record stays",
  fc.asyncProperty(walk, async (steps) => {
    const skew = { ms: 0 };
    const store = memoryStore({ skew, clock: STILL });
    let before: OperationRecord | undefined;
    for (const [index, step] of steps.entries()) {
      skew.ms += step.ms;
      const answer = await take(store, step, index, before);
      assert.notEqual(answer.kind, "not-known");
      const snapshot = await store.read(REQUEST.id);
      assert.ok(snapshot.kind === "ok");
      const record = snapshot.value?.record;
      if (before !== undefined) assertLegal(before, record, skew.ms);
      before = record;
    }
    // The user's rows are there exactly if what they belong to is.
    const rows = (value: string): number =>
      store
        .table("orders")
        .values()
        .filter((row) => row === value).length;
    const committed = before?.form === "atomic" && before.state === "succeeded";
    assert.equal(rows("settled by atomic"), committed ? 1 : 0);
    const recorded = before?.steps.filter(({ kind }) => kind === "atomic") ?? [];
    assert.equal(rows("recorded"), recorded.length);
  }),
);

testProperty(
  "the store takes over exactly what the rules say",
  fc.property(anyRecord, anyRecover, (record, event) => {
    const { id, fence } = record;
    const request = { id, fence, attemptId: "b", leaseMs: 1, runForMs: 1 };
    const taken = takenOver(request)(record, event.now) !== "stale";
    assert.equal(taken, decide(record, event).kind === "take-over");
  }),
);

function assertLegal(before: OperationRecord, after: OperationRecord | undefined, now: number) {
  assert.ok(after, "a record never vanishes without a prune");
  if (isFinal(before.state)) assert.deepEqual(after, before);
  if (after.state !== before.state) assert.ok(TRANSITIONS[before.state].includes(after.state));
  const grown = after.fence - before.fence;
  assert.ok(grown === 0 || grown === 1);
  // A reopening makes it due at once; a claim is a take-over of what was due.
  if (grown === 1 && after.state !== "running")
    assert.deepEqual([after.attempts, after.dueAt], [0, now]);
  else if (grown === 1) {
    const ready = before.state === "running" ? before.leaseUntil : before.dueAt;
    assert.ok((ready ?? Number.POSITIVE_INFINITY) <= now);
  }
  assert.ok((after.leaseUntil ?? 0) <= (after.runUntil ?? 0));
  for (const step of before.steps) assertKept(step, after);
  if (!isFinal(after.state)) return;
  assert.deepEqual(unfinished(after.steps), []);
  if (after.state === "failed") assert.deepEqual(standing(after.steps), []);
}

function assertKept(step: StepRecord, { steps }: OperationRecord): void {
  const kept = steps.find(({ name }) => name === step.name);
  assert.ok(kept, "a step never vanishes");
  const { effect, ...rest } = step;
  const { effect: now, ...others } = kept;
  if (step.result !== undefined && step.result.kind !== "not-executed")
    assert.deepEqual(
      [others, now && { ...now, compensated: false }],
      [rest, effect && { ...effect, compensated: false }],
    );
  if (effect === undefined || now === undefined) return;
  assert.ok(now.compensated || !effect.compensated, "what was taken back stays so");
  for (const [index, send] of effect.sends.entries()) {
    const later: SendRecord | undefined = now.sends[index];
    assert.equal(later?.number, index + 1);
    assert.equal(later.fence, send.fence);
    assert.equal(later.sentAt, send.sentAt);
    if (send.verdict !== undefined) assert.deepEqual(later, send);
  }
  // Only a step that is begun anew gets another key, and one of a later generation if it must.
  if (now.providerKey === effect.providerKey) return;
  assert.equal(step.result?.kind, "not-executed");
  assert.equal(now.sends.length, effect.sends.length + 1);
  assert.ok(now.generation > effect.generation || isUntouched(effect.sends));
}

const STILL = { wall: () => 0, monotonic: () => 0, sleep: async () => {}, timer: () => () => {} };

function take(
  store: Store,
  step: Step,
  index: number,
  before: OperationRecord | undefined,
): Promise<Answer<unknown>> {
  const { attemptId = "nobody" } = before ?? {};
  const holder = { id: REQUEST.id, fence: step.fence, attemptId };
  const body = new Uint8Array([index]);
  const kind = step.failed ? ("failed" as const) : ("succeeded" as const);
  const outcome = { kind, status: 200, headers: [], body };
  const settlement = { outcome, keepResponse: true, messages: [] };
  const row = (tx: MemoryTransaction, value: string): void =>
    tx.table<string>("orders").insert(`${index}`, value);
  switch (step.act) {
    case "claim":
      return store.claim({ ...REQUEST, attemptId: `${index}` });
    case "takeOver":
      return store.takeOver({ ...holder, attemptId: `${index}`, leaseMs: 100, runForMs: 300 });
    case "renew":
      return store.renew(holder, 100);
    case "begin":
      return store.begin(holder, beginOf(step, index, before));
    case "record":
      return store.record(holder, `s${step.ms}`, step.end);
    case "note":
      return store.note(holder.id, evidenceOf(step));
    case "reopen":
      return store.reopen(holder.id, reopeningOf(step));
    case "settle":
      return store.settle(holder, settlement);
    case "park":
      return store.suspend(holder, {
        ...{ state: "in_doubt", doubt: "effect-unknown", countAttempt: step.failed },
        dueInMs: step.failed ? undefined : step.ms,
      });
    case "wait":
      return store.suspend(holder, { state: "waiting", dueInMs: step.ms, countAttempt: true });
    case "transact":
      return store.transact(holder, (tx) => {
        row(tx, "recorded");
        const name = `a${step.ms}`;
        return {
          write: { kind: "record", name, inputDigest: "d", value: body, messages: [] },
          value: 1,
        };
      });
    case "atomic":
      return store.atomic({ ...REQUEST, form: "atomic" }, (tx) => {
        row(tx, "settled by atomic");
        return { settlement, value: 1 };
      });
  }
}

/** The send that the rules allow; the last of the names takes the first of them back. */
function beginOf(step: Step, index: number, before: OperationRecord | undefined): StepBegin {
  const name = `s${step.ms}`;
  const known = before?.steps.find((one) => one.name === name);
  return {
    ...{ name, inputDigest: "d", providerKey: `${index}`, request: VALUE, lookUp: step.failed },
    generation: known === undefined ? 0 : nextGeneration(known),
    target: { provider: "stripe", kind: "payment_intent" },
    ...(step.ms === 400 ? { compensates: "s0" } : {}),
  };
}

function evidenceOf({ ms }: Step): Evidence {
  return { step: `s${ms}`, source: "person", finding: "unknown" };
}

function reopeningOf(step: Step): Reopening {
  const evidence = evidenceOf(step);
  const { end } = step;
  if (end.kind === "not-executed") return { evidence, settled: { kind: end.kind } };
  if (end.kind === "declined")
    return { evidence, settled: { kind: "executed", reference: "pi_2" } };
  if (end.kind !== "succeeded") return { evidence };
  return { evidence, settled: { kind: "executed", reference: "pi_1", value: end.value } };
}
