import type { Origin, RecordId } from "./key.ts";
import type { HeaderList, OutcomeKind } from "./outcome.ts";
import { progressOf, type StepRecord } from "./step.ts";

/** An expired lease is a fact about time, not a state. */
export const STATES = ["running", "waiting", "in_doubt", "succeeded", "failed"] as const;
export type State = (typeof STATES)[number];

/** The only table of legal transitions; the stores' CHECK constraints and triggers repeat it. */
export const TRANSITIONS: Readonly<Record<State, readonly State[]>> = {
  running: ["running", "waiting", "in_doubt", "succeeded", "failed"],
  waiting: ["running", "waiting", "in_doubt"],
  in_doubt: ["running", "waiting", "in_doubt"],
  succeeded: [],
  failed: [],
};

/** Why an operation is in doubt. */
export const DOUBTS = [
  "effect-unknown",
  "settle-failed",
  "compensation-failed",
  "definition-changed",
  "unreadable",
  "attempts-exhausted",
] as const;
export type Doubt = (typeof DOUBTS)[number];

/**
 * How an operation runs: `resumable` by named steps, `atomic` in one transaction, or `opaque`:
 * a handler that we only wrap and that counts as one keyless external step.
 */
export const FORMS = ["resumable", "atomic", "opaque"] as const;
export type Form = (typeof FORMS)[number];

/** The right to write to an operation until a newer claim exists. */
export interface Holder {
  readonly id: RecordId;
  /** The fencing token: grows with every claim. */
  readonly fence: number;
  /** Drawn by the claim; two have one fence if a failover forgot the first of them. */
  readonly attemptId: string;
  /** How far the holder has seen the steps come, by `progressOf`; less means a forgotten commit. */
  readonly seen?: number;
}

/** The stored response; absent once pruned or when it was too large to keep. */
export interface StoredResponse {
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

export interface StoredOutcome {
  readonly kind: OutcomeKind;
  readonly status: number;
  readonly reference?: string;
  readonly response?: StoredResponse;
  /** Why there is no response. */
  readonly missing?: "pruned" | "too-large";
}

/**
 * One operation as the store knows it. Times are the database's, in milliseconds since the epoch.
 */
export interface OperationRecord {
  readonly id: RecordId;
  readonly name: string;
  readonly version: number;
  readonly form: Form;
  readonly state: State;
  readonly fence: number;
  /** Made by the claimer, so that a claim whose answer was lost is recognised as one's own. */
  readonly attemptId: string;
  readonly attempts: number;
  readonly leaseUntil?: number;
  readonly runUntil?: number;
  /** When a waiting or doubtful operation may run again; absent if only a person can help. */
  readonly dueAt?: number;
  readonly doubt?: Doubt;
  readonly lastError?: string;
  readonly fingerprint: Uint8Array;
  readonly recipe: string;
  readonly createdAt: number;
  readonly finalAt?: number;
  readonly outcome?: StoredOutcome;
  readonly steps: readonly StepRecord[];
  /** The operation's identity and input; absent once pruned to a tombstone. */
  readonly request?: {
    readonly origin: Origin;
    readonly scope: string;
    readonly key: string;
    readonly input: Uint8Array;
  };
}

export function isFinal(state: State): state is OutcomeKind {
  return state === "succeeded" || state === "failed";
}

/** The holder by the claim that made the record what it is. */
export function holderOf({ id, fence, attemptId, steps }: OperationRecord): Holder {
  return { id, fence, attemptId, seen: progressOf(steps) };
}

/** Whether the record's newest claim is the holder's. */
export function isClaimOf(record: OperationRecord, { fence, attemptId }: Holder): boolean {
  return record.fence === fence && record.attemptId === attemptId;
}

/** Whether the holder may write: nothing that it has seen committed was forgotten since. */
export function isHeldBy(record: OperationRecord, holder: Holder): boolean {
  const { seen = 0 } = holder;
  if (record.state !== "running" || !isClaimOf(record, holder)) return false;
  return seen === 0 || progressOf(record.steps) >= seen;
}
