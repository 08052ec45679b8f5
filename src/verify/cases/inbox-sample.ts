import assert from "node:assert/strict";
import { digest, recordId } from "../../model/key.ts";
import type { Message, StagedMessage } from "../../model/message.ts";
import type {
  Accepted,
  ClaimedObject,
  EventEnd,
  EventRecord,
  EventWork,
  InboxStore,
  NewEvent,
  ObjectClaimRequest,
  WaitingEvent,
} from "../../store/inbox.ts";
import type { Answer, MaybePromise, OperationStore, Store } from "../../store.ts";
import type { StoreBench } from "../bench.ts";
import {
  after,
  answered,
  bytes,
  claimed,
  claimOf,
  LEASE_MS,
  messageOf,
  settlementOf,
} from "./sample.ts";

export const SOURCE = "stripe";
export const OBJECT = "payment_intent:pi_1";

/** An event to be taken in, about one object unless `change` names another. */
export function eventOf(key: string, change: Partial<NewEvent> = {}): NewEvent {
  return {
    ...{ source: SOURCE, key, aliases: [], type: "payment_intent.succeeded", object: OBJECT },
    fingerprint: digest("content", key),
    ...{ route: "webhook", state: "waiting" },
    body: bytes(`{"id":"${key}"}`),
    ...change,
  };
}

/** Takes events in; none of them may be refused. */
export async function taken(
  store: Store,
  ...events: readonly NewEvent[]
): Promise<readonly Accepted[]> {
  const answer = answered(await store.inbox.accept({ events }));
  assert.ok(answer !== "stale");
  assert.equal(answer.length, events.length);
  return answer;
}

/** The numbers of events of one object that are taken in. */
export async function takenNumbers(store: Store, ...keys: readonly string[]): Promise<number[]> {
  const accepted = await taken(store, ...keys.map((key) => eventOf(key)));
  return accepted.map(({ number }) => number);
}

export function objectsOf(
  store: Store,
  change: Partial<ObjectClaimRequest> = {},
): ReturnType<InboxStore["claim"]> {
  return store.inbox.claim({
    ...{ sources: [SOURCE], leaseMs: LEASE_MS, limit: 100, eventsMax: 100 },
    ...change,
  });
}

/** Claims the one object that is due. */
export async function claimedObject(store: Store): Promise<ClaimedObject> {
  const [object, ...others] = answered(await objectsOf(store));
  assert.ok(object, "an object is due");
  assert.deepEqual(others, []);
  return object;
}

export function numbersOf(object: ClaimedObject | undefined): number[] {
  return (object?.events ?? []).map(({ number }) => number);
}

export function doneOf(events: readonly Pick<WaitingEvent, "number">[]): EventEnd[] {
  return events.map(({ number }) => ({ number, kind: "done" }));
}

/** What a handler commits; `change` adds to its ends. */
export function workOf(
  ends: readonly EventEnd[],
  change: Partial<EventWork<number>> = {},
): EventWork<number> {
  return { ends, state: undefined, messages: [], keeps: false, value: 7, ...change };
}

/** The message of a handler. */
export function stagedOf(key: string): StagedMessage {
  return { ...messageOf(key), origin: originOf(key) };
}

function originOf(key: string): string {
  return recordId("own", "inbox", key);
}

/** The keys of the messages that the handler of `stagedOf` staged. */
export async function stagedKeys(store: Store, key: string): Promise<string[]> {
  return answered(await store.messages(originOf(key))).map((message) => message.key);
}

/** The record of an event that must exist. */
export async function eventRecordOf(store: Store, number: number): Promise<EventRecord> {
  const event = answered(await store.inbox.read(number));
  assert.ok(event, "the event is known");
  return event.record;
}

/** A callback that writes a row and then throws. */
export function throwing(
  bench: StoreBench,
  row: string,
  error: unknown,
): (tx: unknown) => MaybePromise<never> {
  return (tx) =>
    after(bench.userRows.insert(tx, row), (): never => {
      throw error;
    });
}

/** Stages messages by operations of their own, one after the other. */
export async function staged(
  store: OperationStore,
  ...messages: readonly Message[]
): Promise<void> {
  for (const message of messages) {
    const { record } = await claimed(store, claimOf(`${message.topic}/${message.key}`));
    const settlement = { ...settlementOf(), messages: [message] };
    assert.equal(answered(await store.settle(record, settlement)), "done");
  }
}

/** The same call until the store does not ask for it again: a deadlock may end one of two. */
export async function repeated<T>(call: () => Promise<Answer<T>>): Promise<T> {
  for (let count = 0; count < 20; count += 1) {
    const answer = await call();
    if (answer.kind !== "not-applied" || !answer.again) return answered(answer);
  }
  return answered(await call());
}

/** The database's time, which a prune compares with the process's. */
export async function databaseNow(store: OperationStore): Promise<number> {
  const probe = claimOf("probe of the clock");
  answered(await store.claim(probe));
  return answered(await store.read(probe.id))?.now ?? Number.NaN;
}

export function sorted(numbers: readonly number[]): number[] {
  return numbers.toSorted((a, b) => a - b);
}

/** The event waits as it did before. */
export async function assertUntouched(store: Store, number: number): Promise<void> {
  const record = await eventRecordOf(store, number);
  assert.equal(record.state, "waiting");
  assert.equal(record.endedAt, undefined);
  assert.ok(record.dueAt !== undefined);
}
