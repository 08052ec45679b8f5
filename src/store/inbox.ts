import type { Answer, MaybePromise } from "../model/answer.ts";
import type { EventRoute, EventState } from "../model/event.ts";
import type { StagedMessage } from "../model/message.ts";
import type { Ruling, RulingRecord } from "./ruling.ts";

/**
 * The contract for what comes in: events, each once, and the objects that they are about.
 *
 * 33. One event: of any number of accepts of one source and key, exactly one is told that it is
 *     new; the others count a delivery.
 * 34. A call accepts all of its events or none; its cursor moves in the same commit, and only from
 *     where the caller read it.
 * 35. A known key with another fingerprint, or a known alias under another key, is told as a
 *     conflict and counted with the event that the answer names; it never changes what was there,
 *     and a new key under a known alias is a new event all the same. A fingerprint of one byte is
 *     compared with none.
 * 36. A change is unique within its source: a second event of it is taken in as superseded.
 * 37. Of many claims of an object one gets it, with its waiting events that are due, lowest number
 *     first; a claim that lapsed is taken by the next one, under a higher fence.
 * 38. A handler's writes, its messages, the ends of its events and the object's state commit
 *     together or not at all. An older fence, a claim that was given back, and an end of what is no
 *     waiting event of the object commit nothing and are told `stale`.
 * 39. A claim counts a start of each event before anything is handled; after a start without an end
 *     events are given one at a time.
 * 40. Nothing is lost: while an event waits, its object is due no later than the event.
 * 41. An event that waits for a name is due at once when that name arrives.
 * 42. An event that is handled as it is accepted commits its key, its end and its effects together;
 *     it is answered `busy`, and not taken in, while its object has waiting events or a holder.
 * 43. A redelivery makes ended events wait again, with no starts and attempts, but never one that
 *     was done or whose body is pruned; it is kept with its author and reason, and a dry run
 *     changes nothing else.
 * 44. Pruning takes bodies and, later, keys of events that have ended, never of those that wait or
 *     are dead.
 */
export interface InboxStore<Tx = unknown> {
  /** Takes events in; `stale` if the cursor stands elsewhere by now. */
  accept(request: AcceptRequest): Promise<Answer<readonly Accepted[] | "stale">>;
  /**
   * Takes one event in and handles it in the same transaction. The callback returns the one end of
   * this event. An event that is superseded by its change is `known` as a new one, and not handled.
   */
  acceptHandled<T>(
    event: NewEvent,
    work: (tx: Tx, taken: TakenEvent) => MaybePromise<EventWork<T>>,
  ): Promise<Answer<AcceptHandledAnswer<T>>>;
  /** Claims objects with events that are due, those that are due for longest first. */
  claim(request: ObjectClaimRequest): Promise<Answer<readonly ClaimedObject[]>>;
  /** Runs the callback in one transaction with the ends of events that it returns. */
  handle<T>(
    holder: ObjectHolder,
    work: (tx: Tx) => MaybePromise<EventWork<T>>,
  ): Promise<Answer<HandleAnswer<T>>>;
  /** Ends events without writes of the user, and gives the object back. */
  release(holder: ObjectHolder, ends: readonly EventEnd[]): Promise<Answer<"done" | "stale">>;
  /** Makes the events that wait for a name due at once; says how many. */
  arrive(name: string): Promise<Answer<number>>;
  /** How far a sweep has covered its provider's list. */
  cursor(source: string): Promise<Answer<string | undefined>>;
  /** Events for a person to look at, newest first. */
  list(filter: EventFilter): Promise<Answer<readonly EventRecord[]>>;
  /** One event with its body, which is undefined once pruned. */
  read(number: number): Promise<Answer<StoredEvent | undefined>>;
  /** What came by which route, per source. */
  counts(): Promise<Answer<readonly SourceCounts[]>>;
  /** Makes ended events wait again; answers their numbers. */
  redeliver(ruling: Ruling<EventFilter>): Promise<Answer<readonly number[]>>;
  /** What persons ordered here, newest first; its action is `inbox.redeliver`. */
  rulings(limit: number): Promise<Answer<readonly RulingRecord[]>>;
  prune(request: InboxPruneRequest): Promise<Answer<InboxPruneAnswer>>;
}

/** An event to be taken in. */
export interface NewEvent {
  /** The endpoint, unique per provider and account. */
  readonly source: string;
  readonly key: string;
  readonly aliases: readonly string[];
  readonly fingerprint: Uint8Array;
  readonly type: string;
  /** What it is about, as one string; its own key if it is about nothing else. */
  readonly object: string;
  /** What an event of a once-only type changes: a second one is superseded. */
  readonly change?: string;
  readonly route: EventRoute;
  readonly state: Extract<EventState, "waiting" | "unhandled">;
  /** The event as JSON bytes, sealed if encryption is on. */
  readonly body: Uint8Array;
}

export interface AcceptRequest {
  readonly events: readonly NewEvent[];
  /** Of a sweep: where the list was read from, and how far these events cover it. */
  readonly cursor?: {
    readonly source: string;
    readonly from: string | undefined;
    readonly to: string;
  };
}

export interface Accepted {
  /** The event's number in this inbox, also of one that was there. */
  readonly number: number;
  readonly isNew: boolean;
  /** The same name came with other bytes. */
  readonly conflict: boolean;
}

/** An event that is being taken in: the number that its end names, and its object's state. */
export interface TakenEvent {
  readonly number: number;
  readonly state: string | undefined;
}

export type AcceptHandledAnswer<T> =
  | { readonly kind: "committed"; readonly value: T; readonly number: number }
  | { readonly kind: "known"; readonly accepted: Accepted }
  | { readonly kind: "busy" }
  | { readonly kind: "threw"; readonly error: unknown };

export interface ObjectClaimRequest {
  readonly sources: readonly string[];
  readonly leaseMs: number;
  /** How many objects, and how many events of each. */
  readonly limit: number;
  readonly eventsMax: number;
}

/** The right to handle an object's events, while the fence is the newest. */
export interface ObjectHolder {
  readonly source: string;
  readonly object: string;
  readonly fence: number;
}

export interface ClaimedObject extends ObjectHolder {
  /** What the last committed handler left as the object's state. */
  readonly state: string | undefined;
  readonly events: readonly WaitingEvent[];
}

export interface WaitingEvent {
  readonly number: number;
  readonly key: string;
  readonly type: string;
  readonly route: EventRoute;
  /** Database time, in milliseconds since 1970. */
  readonly receivedAt: number;
  /** How often it was started, this time included, and how many of them ended with an error. */
  readonly starts: number;
  readonly attempts: number;
  readonly body: Uint8Array;
  /** The database's time of the claim. */
  readonly now: number;
}

/** What became of an event. */
export type EventEnd = { readonly number: number } & (
  | { readonly kind: "done" | "superseded" | "unhandled" }
  | { readonly kind: "dead"; readonly error: string }
  /** It waits on; `attempted` is false for one that was not tried, whose start is taken back. */
  | {
      readonly kind: "waiting";
      readonly dueInMs: number;
      readonly attempted: boolean;
      readonly error?: string;
      readonly waitsFor?: string;
    }
);

/** What a handler wants to commit. */
export interface EventWork<T> {
  readonly ends: readonly EventEnd[];
  /** The object's new state; undefined leaves it as it is. */
  readonly state: string | undefined;
  readonly messages: readonly StagedMessage[];
  /** True to go on with the object's other events under the same claim. */
  readonly keeps: boolean;
  readonly value: T;
}

export type HandleAnswer<T> =
  | { readonly kind: "committed"; readonly value: T }
  | { readonly kind: "stale" }
  | { readonly kind: "threw"; readonly error: unknown };

export interface EventRecord {
  readonly number: number;
  readonly source: string;
  readonly key: string;
  readonly type: string;
  readonly object: string;
  readonly state: EventState;
  readonly route: EventRoute;
  readonly receivedAt: number;
  readonly endedAt: number | undefined;
  /** How often it came, the first time included. */
  readonly deliveries: number;
  readonly conflicts: number;
  readonly attempts: number;
  /** When it is handled next; undefined unless it waits. */
  readonly dueAt: number | undefined;
  readonly waitsFor: string | undefined;
  readonly error: string | undefined;
}

export interface StoredEvent {
  readonly record: EventRecord;
  readonly body: Uint8Array | undefined;
}

export interface EventFilter {
  readonly numbers?: readonly number[];
  readonly source?: string;
  readonly state?: EventState;
  readonly type?: string;
  readonly object?: string;
  readonly limit: number;
  /** The number of the last one seen. */
  readonly after?: number;
}

export interface SourceCounts {
  readonly source: string;
  readonly events: number;
  /** Those that only a sweep has found: the webhook never came, or came later. */
  readonly swept: number;
  readonly waiting: number;
  readonly dead: number;
  readonly deliveries: number;
  readonly conflicts: number;
}

export interface InboxPruneRequest {
  readonly bodyMs: number;
  readonly keyMs: number;
  readonly limit: number;
  /** The process's wall clock; nothing is pruned while it and the database's disagree. */
  readonly wall: number;
}

export type InboxPruneAnswer =
  | { readonly kind: "pruned"; readonly bodies: number; readonly keys: number }
  | { readonly kind: "clocks-disagree"; readonly now: number };
