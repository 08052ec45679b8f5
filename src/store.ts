import type { Answer, CallbackMode, MaybePromise } from "./model/answer.ts";
import type { Evidence, EvidenceRecord, Reopening } from "./model/evidence.ts";
import type { Origin, RecordId } from "./model/key.ts";
import type { Message, StoredMessage } from "./model/message.ts";
import type { Doubt, Form, Holder, OperationRecord, State } from "./model/operation.ts";
import type { Outcome } from "./model/outcome.ts";
import type { Statement } from "./model/statement.ts";
import type { EffectMark, StepBegin, StepEnd, StepName } from "./model/step.ts";
import type { InboxStore } from "./store/inbox.ts";
import type { DueRequest, ListFilter, PruneAnswer, PruneRequest } from "./store/keeping.ts";
import type { OutboxStore } from "./store/outbox.ts";

/**
 * The contract between the operation and its database.
 *
 * Numbered guarantees; `nevertwice/verify/store` has a case of the same number for each.
 *
 *  1. One winner: of any number of claims of one id, exactly one is answered `claimed`.
 *  2. Fences of one operation only grow, by one with each claim and each reopening.
 *  3. A write with an older fence, of a claim or past a step that a failover forgot, or on an
 *     operation that does not run, changes nothing and says `stale`.
 *  4. Outcome, the user's writes and the messages of one settlement commit together or not at all.
 *  5. A final operation never changes, but for what pruning takes away.
 *  6. A claim that finds a record returns it whole, in every state, so that a mismatch can be told.
 *  7. Leases, due times and ages are reckoned by the database's clock alone.
 *  8. A claim never blocks on another claim of the same id: it is answered `busy`.
 *  9. Reading never blocks writing, and sees every committed write.
 * 10. What is stored is read back byte for byte.
 * 11. A step that is begun and not recorded is visible to the next owner.
 * 12. A step is recorded at most once; a second record of it is `stale` or refused, never a change.
 * 13. Settling is refused while a step is begun without result, and `failed` while an effect
 *     stands.
 * 14. A take-over needs a lapsed lease or a due time, and the fence that was read: of many, one
 *     wins.
 * 15. A lease is never renewed beyond `runUntil`.
 * 16. A failed outcome of an atomic operation leaves none of the callback's writes or messages
 *     behind.
 * 17. A callback that throws leaves nothing behind; its error comes back as `threw`.
 * 18. A transaction that the callback ended by itself is noticed, and nothing of ours is written.
 * 19. Pruning takes the response and the request of old final operations and leaves a tombstone; it
 *     never touches others.
 * 20. A claim with a horizon is answered `key-too-old` for an unknown key outside of it, and never
 *     for a known one.
 * 21. A message's business key is unique: staging it twice is refused and rolls back its
 *     transaction.
 * 22. Migrating twice, or from two processes at once, does the work once and loses nothing.
 * 23. Nothing is thrown: an answer is ok, not applied, or not known.
 * 24. Hostile text in scopes, keys, names and bodies is data and never code.
 * 25. Every begin adds a send, which the next owner sees with its number, fence and verdict.
 * 26. A step becomes not executed only if every one of its sends is, or by a proof from elsewhere;
 *     then it may be begun anew, under a later generation if the key may have been used.
 * 27. A provider's reference is adopted once per kind: a second adoption is recorded, adds an alarm
 *     to the evidence and is answered `reference-taken`; it never fails the commit.
 * 28. Evidence is only ever added, by anyone, in every state, and outlives pruning.
 * 29. A reopening changes a step only while nobody holds the operation, and makes it due at once.
 * 30. A succeeded compensation lifts the refusal of `failed` for the step that it takes back.
 * 31. A change of the database's history, such as a failover, is noticed once and remembered.
 * 32. A step is found by the provider key that it was sent with, and by the reference it adopted.
 * 52. Planned statements commit with their claim and outcome or not at all; of plans that leave
 *     together, one that fails or meets a lock fails or waits alone.
 */
export interface OperationStore<Tx = unknown, Mode extends CallbackMode = CallbackMode> {
  readonly capabilities: Capabilities<Mode>;
  /** Inserts the record under its unique id, or returns the one that is there. */
  claim(request: ClaimRequest): Promise<Answer<ClaimAnswer>>;
  /** Claims a lapsed or due operation, if its fence is still the one that was read. */
  takeOver(request: TakeOverRequest): Promise<Answer<TakeOverAnswer>>;
  /** Prolongs the lease by `leaseMs` from the database's now, never beyond `runUntil`. */
  renew(holder: Holder, leaseMs: number): Promise<Answer<Fenced>>;
  /** Commits a send before its first byte leaves, and with the first one its step. */
  begin(holder: Holder, step: StepBegin): Promise<Answer<Fenced>>;
  /** Commits what a begun external step, or its last send, came to. */
  record(holder: Holder, name: string, end: StepEnd): Promise<Answer<Recorded>>;
  /** Adds to what is known of an operation's effects; needs no claim. */
  note(id: RecordId, evidence: Evidence): Promise<Answer<"noted" | "missing">>;
  /** All that was noted, oldest first. */
  evidence(id: RecordId): Promise<Answer<readonly EvidenceRecord[]>>;
  /** The step that was sent with a provider key, or that adopted a provider's reference. */
  stepOf(mark: EffectMark): Promise<Answer<StepName | undefined>>;
  /** Makes an operation that nobody holds due at once, with what is now known of one step. */
  reopen(id: RecordId, reopening: Reopening): Promise<Answer<Reopened>>;
  /** Ends the operation without writes of the user. */
  settle(holder: Holder, settlement: Settlement): Promise<Answer<Fenced>>;
  /** Gives the claim back: to run again later, or in doubt. */
  suspend(holder: Holder, suspension: Suspension): Promise<Answer<Fenced>>;
  /** Runs the callback in one transaction with the fenced write that it returns. */
  transact<T>(
    holder: Holder,
    work: (tx: Tx) => MaybePromise<Transacted<T>>,
  ): Promise<Answer<TransactAnswer<T>>>;
  /** Claim, the callback's writes, outcome and messages in one transaction. */
  atomic<T>(
    request: ClaimRequest,
    work: (tx: Tx) => MaybePromise<AtomicWork<T>>,
  ): Promise<Answer<AtomicAnswer<T>>>;
  /**
   * The same where the writes are known beforehand, so that all of it is one message, which may
   * carry other operations too. Absent where the store has no tables of the user's.
   */
  carryOut?(request: ClaimRequest, planned: PlannedWork): Promise<Answer<AtomicAnswer<undefined>>>;
  /**
   * The same inside a transaction that the user has opened and will end: what it answers becomes
   * true with that commit. Absent where the store cannot speak through somebody else's client.
   */
  join?<T>(
    tx: unknown,
    request: ClaimRequest,
    work: () => MaybePromise<AtomicWork<T>>,
  ): Promise<Answer<AtomicAnswer<T>>>;
  /** The record by its id, from the writer. */
  read(id: RecordId): Promise<Answer<Snapshot | undefined>>;
  /** Operations that can be taken over now, oldest first. */
  due(request: DueRequest): Promise<Answer<readonly Snapshot[]>>;
  /** Operations for a person to look at, newest first. */
  list(filter: ListFilter): Promise<Answer<readonly Snapshot[]>>;
  /** Takes away what retention allows; says how many rows. */
  prune(request: PruneRequest): Promise<Answer<PruneAnswer>>;
  /** The messages that an operation staged, in order. */
  messages(id: RecordId): Promise<Answer<readonly StoredMessage[]>>;
  /**
   * Whether the database's history is still the one that it was. Absent where the database cannot
   * tell; the first call remembers what it finds.
   */
  lineage?(): Promise<Answer<Lineage>>;
  /** Stores the namespace if none is stored, and returns the stored one. */
  namespace(name: string): Promise<Answer<string>>;
  /**
   * Creates or upgrades the tables, one process at a time. Returns the names of the migrations that
   * it ran.
   */
  migrate(): Promise<readonly string[]>;
  /** The same as text, for those who run their own migrations. */
  schema(): string;
  /** Gives back what the store itself opened; the client stays the user's. */
  close(): Promise<void>;
}

export interface Lineage {
  /**
   * When a failover, a restore or another system was first noticed, in milliseconds since 1970;
   * what was committed before then may be lost. Undefined if there was none.
   */
  readonly changedAt: number | undefined;
}

export type { Answer, CallbackMode, MaybePromise } from "./model/answer.ts";
export type { Message, StoredMessage } from "./model/message.ts";
export type { DueRequest, ListFilter, PruneAnswer, PruneRequest } from "./store/keeping.ts";

/** What keeps operations, and what comes in and goes out around them. */
export interface Store<Tx = unknown, Mode extends CallbackMode = CallbackMode>
  extends OperationStore<Tx, Mode> {
  readonly inbox: InboxStore<Tx>;
  readonly outbox: OutboxStore;
}

export interface Capabilities<Mode extends CallbackMode = CallbackMode> {
  /** Whether transaction callbacks must be synchronous (one connection) or may await. */
  readonly callbacks: Mode;
  /** Whether operations survive the process. */
  readonly durable: boolean;
  /** Whether leases are renewed on a connection that user work cannot exhaust. */
  readonly separateLeases: boolean;
  /** Whether the database can tell that a process has died before its leases lapse. */
  readonly noticesDeath: boolean;
}

export type Fenced = "done" | "stale" | "step-unfinished" | "effect-uncompensated";

/** A record together with the database's time at the read, in milliseconds since the epoch. */
export interface Snapshot {
  readonly record: OperationRecord;
  readonly now: number;
}

export interface ClaimRequest {
  readonly id: RecordId;
  readonly attemptId: string;
  readonly origin: Origin;
  readonly scope: string;
  readonly key: string;
  readonly name: string;
  readonly version: number;
  readonly form: Form;
  readonly fingerprint: Uint8Array;
  readonly recipe: string;
  readonly input: Uint8Array;
  readonly leaseMs: number;
  readonly runForMs: number;
  /** Accept an unknown key only if its own time lies within these bounds of the database's now. */
  readonly horizon?: {
    readonly keyTime: number;
    readonly pastMs: number;
    readonly futureMs: number;
  };
}

export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly snapshot: Snapshot }
  | { readonly kind: "found"; readonly snapshot: Snapshot }
  | { readonly kind: "busy" }
  | { readonly kind: "key-too-old" };

/** With the fence that was read, and the attempt id of the new claim. */
export interface TakeOverRequest extends Pick<Holder, "id" | "fence" | "attemptId"> {
  readonly leaseMs: number;
  readonly runForMs: number;
}

export type TakeOverAnswer =
  | { readonly kind: "claimed"; readonly snapshot: Snapshot }
  | { readonly kind: "stale" };

/** `reference-taken`: recorded, but another step has adopted the same reference before. */
export type Recorded = Fenced | "reference-taken";

/**
 * `held` while a claim is live; `no-such-step` for a step that was never begun (but a wrapped
 * handler's `handler`, which is made); `settled-before` for one with a result.
 */
export type Reopened =
  | "reopened"
  | "missing"
  | "held"
  | "final"
  | "no-such-step"
  | "settled-before";

export interface Settlement {
  readonly outcome: Outcome;
  /** False if the response is larger than the limit: then only status and reference are kept. */
  readonly keepResponse: boolean;
  readonly messages: readonly Message[];
}

export interface Suspension {
  readonly state: Extract<State, "waiting" | "in_doubt">;
  readonly doubt?: Doubt;
  /**
   * Milliseconds from the database's now until it may run again; undefined if only a person can
   * help.
   */
  readonly dueInMs: number | undefined;
  readonly error?: string;
  /** False gives the attempt back, so that a refusal such as 429 does not use it up. */
  readonly countAttempt: boolean;
}

/** The fenced write that commits with the user's own. */
export type FencedWrite =
  | {
      readonly kind: "record";
      readonly name: string;
      readonly inputDigest: string;
      readonly value: Uint8Array;
      readonly messages: readonly Message[];
    }
  | { readonly kind: "settle"; readonly settlement: Settlement };

export interface Transacted<T> {
  readonly write: FencedWrite;
  readonly value: T;
}

export type TransactAnswer<T> =
  | { readonly kind: "committed"; readonly value: T }
  | { readonly kind: "refused"; readonly reason: Exclude<Fenced, "done"> }
  | { readonly kind: "threw"; readonly error: unknown };

export interface AtomicWork<T> {
  readonly settlement: Settlement;
  readonly value: T;
}

/** Statements of the user's, in their order, and the outcome that commits with them. */
export interface PlannedWork {
  readonly statements: readonly Statement[];
  readonly settlement: Settlement;
}

export type AtomicAnswer<T> =
  | { readonly kind: "committed"; readonly value: T; readonly snapshot: Snapshot }
  | Exclude<ClaimAnswer, { kind: "claimed" }>
  | { readonly kind: "threw"; readonly error: unknown };
