import { isNevertwiceError, NevertwiceError } from "../model/errors.ts";
import type { Doubt, OperationRecord } from "../model/operation.ts";
import { isStorable } from "../model/reference.ts";
import type { StepRecord } from "../model/step.ts";
import type { Answer, Snapshot } from "../store.ts";
import type { Lease } from "./lease.ts";
import type { Performed } from "./performed.ts";
import { type Ports, within } from "./ports.ts";

/** Why a run can go no further. */
export interface Suspension {
  readonly error: unknown;
  readonly doubt: Doubt | undefined;
  /** No later attempt can resolve the doubt. */
  readonly parked?: boolean;
  /** Not before then may a later attempt know more, in milliseconds from now. */
  readonly dueInMs?: number;
  /** Nothing was tried that could have helped yet, which costs no attempt. */
  readonly early?: boolean;
}

/** A step that failed, and whether its handler ever asked for it. */
export interface FailedStep {
  readonly held: { readonly asked: boolean };
  readonly error: unknown;
}

/**
 * One attempt of an operation: its claim, what is recorded so far, and whether it may still write.
 */
export interface Run {
  readonly ports: Ports;
  readonly lease: Lease;
  readonly record: OperationRecord;
  /** The database's time now, reckoned from the claim; milliseconds since the epoch. */
  databaseNow(): number;
  /** The record as this run knows it now. */
  recordNow(): OperationRecord;
  readonly steps: Map<string, StepRecord>;
  /** Steps under way; made with the first. */
  pending: Set<Promise<unknown>> | undefined;
  /** Steps that failed; made with the first. */
  failed: FailedStep[] | undefined;
  readonly namesUsed: Set<string>;
  /** The outcome that this run committed. */
  settled: Performed | undefined;
  suspended: Suspension | undefined;
  /** The last settle callback threw, so the outcome could not be written. */
  settleThrew: boolean;
}

export function createRun(ports: Ports, lease: Lease, snapshot: Snapshot): Run {
  return new StartedRun(ports, lease, snapshot);
}

/**
 * A class, because there is one for every attempt, and most attempts take no step: what only steps
 * need is made when it is first asked for.
 */
class StartedRun implements Run {
  readonly ports: Ports;
  readonly lease: Lease;
  readonly record: OperationRecord;
  pending: Set<Promise<unknown>> | undefined = undefined;
  failed: FailedStep[] | undefined = undefined;
  settled: Performed | undefined = undefined;
  suspended: Suspension | undefined = undefined;
  settleThrew = false;
  /** What the database's clock is ahead of this process's, in milliseconds. */
  readonly #aheadMs: number;
  #steps: Map<string, StepRecord> | undefined;
  #namesUsed: Set<string> | undefined;

  constructor(ports: Ports, lease: Lease, { record, now }: Snapshot) {
    this.ports = ports;
    this.lease = lease;
    this.record = record;
    this.#aheadMs = now - ports.clock.monotonic();
  }

  databaseNow(): number {
    return this.#aheadMs + this.ports.clock.monotonic();
  }

  get steps(): Map<string, StepRecord> {
    this.#steps ??= new Map(this.record.steps.map((step) => [step.name, step]));
    return this.#steps;
  }

  get namesUsed(): Set<string> {
    this.#namesUsed ??= new Set();
    return this.#namesUsed;
  }

  recordNow(): OperationRecord {
    return this.#steps ? { ...this.record, steps: [...this.#steps.values()] } : this.record;
  }
}

/** @throws operation-settled, operation-suspended */
export function checkAlive(run: Run): void {
  if (run.settled) throw new NevertwiceError("operation-settled");
  if (run.lease.lost && !run.suspended) suspendLost(run);
  if (run.suspended) throw suspension(run.suspended);
}

/** Takes a step's name for this run. @throws step-repeated, option-invalid */
export function takeName(run: Run, name: string): void {
  if (typeof name !== "string" || name === "" || name.length > 200 || !isStorable(name)) {
    throw new NevertwiceError(
      "option-invalid",
      "A step's name has 1 to 200 characters, none of them a NUL or cut in two.",
    );
  }
  if (run.namesUsed.has(name)) throw new NevertwiceError("step-repeated", `The step is "${name}".`);
  run.namesUsed.add(name);
}

/** Ends the run for now; from here on every method of `op` rejects. */
export function suspend(
  run: Run,
  error: unknown,
  doubt: Doubt | undefined,
  when: Pick<Suspension, "parked" | "dueInMs" | "early"> = {},
): never {
  run.suspended ??= { error, doubt, ...when };
  throw suspension(run.suspended);
}

/** Ends the run because a newer claim owns the operation. */
export function suspendLost(run: Run): never {
  run.lease.lose();
  return suspend(run, new NevertwiceError("lease-lost"), undefined);
}

function suspension(cause: Suspension): NevertwiceError {
  if (isNevertwiceError(cause.error, "lease-lost"))
    return new NevertwiceError("lease-lost", undefined, { cause: cause.error });
  return new NevertwiceError("operation-suspended", undefined, { cause: cause.error });
}

/** How often a write is sent again before its answer stays unknown. */
const TRIES_MAX = 4;
const PAUSE_MS = 25;

/**
 * Carries one fenced write through lost answers: sends it again until it is answered, and reads
 * the record back whenever an answer might hide that the write has landed.
 *
 * @param landed whether the record shows the write as done under our fence
 * @param timeoutMs how long one try may take; a user's callback counts
 */
export async function insist<Value extends string>(
  run: Run,
  write: () => Promise<Answer<Value>>,
  landed: (record: OperationRecord) => boolean,
  timeoutMs: number = run.ports.settings.storeTimeoutMs,
): Promise<Insisted<Value>> {
  const first = await within(run.ports, write(), timeoutMs);
  // The first try has none before it that could have made its answer stale.
  return first.kind === "ok"
    ? { kind: "answered", value: first.value }
    : goOn(run, write, landed, timeoutMs, first);
}

type Unanswered = Exclude<Answer<never>, { kind: "ok" }>;

/** What to do after a try without an answer, until there is one. */
async function goOn<Value extends string>(
  run: Run,
  write: () => Promise<Answer<Value>>,
  landed: (record: OperationRecord) => boolean,
  timeoutMs: number,
  first: Unanswered,
): Promise<Insisted<Value>> {
  const { ports } = run;
  let definite = true;
  let answer: Answer<Value> = first;
  for (let attempt = 1; ; attempt += 1) {
    if (answer.kind === "ok" && answer.value === "done")
      return { kind: "answered", value: answer.value };
    // Our own earlier try may be what made this one stale.
    const record = await readBack(run);
    if (record && landed(record)) return { kind: "landed", record };
    if (answer.kind === "ok") return { kind: "answered", value: answer.value };
    if (answer.kind === "not-known") definite = false;
    else if (!answer.again && definite) break;
    if (attempt === TRIES_MAX) break;
    await ports.clock.sleep(PAUSE_MS * attempt * (1 + ports.random.fraction()));
    if (run.lease.lost) break;
    answer = await within(ports, write(), timeoutMs);
  }
  return { kind: "failed", error: answer.error, definite };
}

/**
 * How a write ended: with the store's answer, found in the record after a lost answer, or failed;
 * `definite` if none of its tries can have been applied.
 */
export type Insisted<Value> =
  | { readonly kind: "answered"; readonly value: Value }
  | { readonly kind: "landed"; readonly record: OperationRecord }
  | { readonly kind: "failed"; readonly error: unknown; readonly definite: boolean };

/** Absence on a read proves nothing, because the write may still be on its way. */
async function readBack(run: Run): Promise<OperationRecord | undefined> {
  const { ports, record } = run;
  const read = await within(ports, ports.store.read(record.id));
  return read.kind === "ok" ? read.value?.record : undefined;
}

/** Ends the run unless the write is done. @returns the record if only it tells what was written */
export function expectDone(
  run: Run,
  end: Insisted<string>,
  doubt: Doubt | undefined,
): OperationRecord | undefined {
  if (end.kind === "landed") return end.record;
  if (end.kind === "failed") return suspend(run, end.error, doubt);
  return end.value === "done" ? undefined : suspendLost(run);
}
