import assert from "node:assert/strict";
import { systemClock } from "../../model/clock.ts";
import { digest, recordId } from "../../model/key.ts";
import type { OperationRecord } from "../../model/operation.ts";
import type { StepBegin, StepRecord } from "../../model/step.ts";
import type {
  Answer,
  ClaimRequest,
  FencedWrite,
  MaybePromise,
  Message,
  OperationStore,
  Settlement,
  Snapshot,
  Store,
} from "../../store.ts";
import type { StoreBench } from "../bench.ts";

export const LEASE_MS = 30_000;
export const RUN_FOR_MS = 600_000;

/** A claim request whose id fits its origin, scope and key; `change` overrides the rest. */
export function claimOf(key: string, change: Partial<ClaimRequest> = {}): ClaimRequest {
  const { origin = "own", scope = "acct_1" } = change;
  return {
    id: recordId(origin, scope, key),
    attemptId: `attempt-of-${key}`,
    origin,
    scope,
    key,
    name: "checkout",
    version: 1,
    form: "resumable",
    fingerprint: digest("fingerprint", key),
    recipe: '[1,"checkout"]',
    input: bytes('{"amount":1250}'),
    leaseMs: LEASE_MS,
    runForMs: RUN_FOR_MS,
    ...change,
  };
}

export function settlementOf(change: Partial<Settlement["outcome"]> = {}): Settlement {
  const outcome = {
    kind: "succeeded",
    status: 201,
    headers: [["content-type", "application/json"]],
    body: bytes('{"orderId":"order_1"}'),
    ...change,
  } as const;
  return { outcome, keepResponse: true, messages: [] };
}

/** A send of an external step with a provider key; `change` overrides the rest. */
export function sendOf(name: string, change: Partial<StepBegin> = {}): StepBegin {
  return {
    name,
    inputDigest: `digest-of-${name}`,
    providerKey: `provider-key-of-${name}`,
    generation: 0,
    request: bytes('{"amount":1250}'),
    lookUp: false,
    ...change,
  };
}

/** A send that the provider cannot recognise. */
export function keylessSendOf(name: string): StepBegin {
  const { providerKey, ...keyless } = sendOf(name);
  return keyless;
}

export function messageOf(key: string, topic = "receipt"): Message {
  return { topic, key, payload: bytes(`{"of":"${key}"}`) };
}

/** The fenced write that records an atomic step. */
export function recordWrite(name: string, messages: readonly Message[] = []): FencedWrite {
  const inputDigest = `digest-of-${name}`;
  return { kind: "record", name, inputDigest, value: bytes("true"), messages };
}

/** The fenced write that ends the operation. */
export function settleWrite(settlement: Settlement = settlementOf()): FencedWrite {
  return { kind: "settle", settlement };
}

/** A callback that inserts one row of the user's and returns `value`. */
export function inserting<R>(
  bench: StoreBench,
  row: string,
  value: R,
): (tx: unknown) => MaybePromise<R> {
  return (tx) => after(bench.userRows.insert(tx, row), () => value);
}

/** Goes on at once after a value, later after a promise: so one callback fits both modes. */
export function after<A, B>(
  value: MaybePromise<A>,
  next: (value: A) => MaybePromise<B>,
): MaybePromise<B> {
  return isThenable(value) ? value.then(next) : next(value);
}

function isThenable<T>(value: MaybePromise<T>): value is PromiseLike<T> {
  return typeof value === "object" && value !== null && "then" in value;
}

/** The value of an answer that must be ok. */
export function answered<T>(answer: Answer<T>): T {
  if (answer.kind === "ok") return answer.value;
  throw new Error(`The store answered ${answer.kind}.`, { cause: answer.error });
}

/** Claims a key that must be free. */
export async function claimed(store: OperationStore, request: ClaimRequest): Promise<Snapshot> {
  const answer = answered(await store.claim(request));
  assert.equal(answer.kind, "claimed");
  return (answer as { snapshot: Snapshot }).snapshot;
}

/** Lets the lease lapse and takes over, as the next fence. */
export async function takenOver(bench: StoreBench, record: OperationRecord): Promise<Snapshot> {
  await bench.advance(LEASE_MS + 1_000);
  const answer = answered(await bench.store.takeOver(takeOverOf(record)));
  assert.equal(answer.kind, "claimed");
  return (answer as { snapshot: Snapshot }).snapshot;
}

export function takeOverOf(record: OperationRecord): Parameters<OperationStore["takeOver"]>[0] {
  const { id, fence } = record;
  return {
    id,
    fence,
    attemptId: `attempt-after-${fence}`,
    leaseMs: LEASE_MS,
    runForMs: RUN_FOR_MS,
  };
}

/** The record of an operation that must exist. */
export async function recordOf(store: OperationStore, id: string): Promise<OperationRecord> {
  const snapshot = answered(await store.read(id));
  assert.ok(snapshot, "the operation is known");
  return snapshot.record;
}

/** The step of an operation; both must exist. */
export async function stepOf(store: OperationStore, id: string, name: string): Promise<StepRecord> {
  const step = (await recordOf(store, id)).steps.find((known) => known.name === name);
  assert.ok(step, "the step is known");
  return step;
}

/** The same instance twice if the bench has one handle, else two handles, in turn. */
export async function handlesOf(bench: StoreBench): Promise<readonly Store[]> {
  return [bench.store, (await bench.again?.()) ?? bench.store];
}

/** Calls `count` times over both handles at the same time. */
export async function crowd<T>(
  bench: StoreBench,
  count: number,
  call: (store: Store, index: number) => Promise<T>,
): Promise<T[]> {
  const handles = await handlesOf(bench);
  const calls = Array.from({ length: count }, (_, index) =>
    call(handles[index % handles.length] ?? bench.store, index),
  );
  return within(20_000, Promise.all(calls));
}

/** The promise's value; an error if it blocks for longer than `ms` milliseconds. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  const first = await firstOf(ms, promise);
  if (first === undefined) throw new Error(`Nothing was answered within ${ms} ms.`);
  return first.value;
}

/** The promise's value, or undefined if `ms` milliseconds pass without one. */
export async function firstOf<T>(
  ms: number,
  promise: Promise<T>,
): Promise<{ readonly value: T } | undefined> {
  const over = new AbortController();
  const late = systemClock.sleep(ms, over.signal).then(() => undefined);
  try {
    return await Promise.race([promise.then((value) => ({ value })), late]);
  } finally {
    over.abort();
  }
}

export function bytes(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "utf8"));
}

/** Bytes are compared as bytes, whatever class of array a store gives back. */
export function assertBytes(actual: Uint8Array | undefined, expected: Uint8Array): void {
  assert.ok(actual, "the bytes are there");
  assert.deepEqual(Array.from(actual), Array.from(expected));
}

/** Two records or lists of them are the same, whatever class of array carries their bytes. */
export function assertSame<T>(actual: T, expected: T): void {
  assert.deepEqual(structuredClone(actual), structuredClone(expected));
}

/** Two times of the same moment, read by statements a little apart. */
export function assertNear(actual: number | undefined, expected: number): void {
  const apart = Math.abs((actual ?? Number.NaN) - expected);
  assert.ok(apart < 5_000, `${actual} is near ${expected}`);
}
