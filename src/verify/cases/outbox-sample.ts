import assert from "node:assert/strict";
import type { Message } from "../../model/message.ts";
import type {
  ClaimedMessage,
  MessageClaimRequest,
  MessageEnd,
  MessageRecord,
  OutboxStore,
} from "../../store/outbox.ts";
import type { Store } from "../../store.ts";
import { answered, LEASE_MS, messageOf } from "./sample.ts";

/** The topic of `messageOf`. */
export const TOPIC = "receipt";

/** A message of an aggregate. */
export function orderedOf(key: string, aggregate: string, topic: string = TOPIC): Message {
  return { ...messageOf(key, topic), aggregate };
}

export function messagesOf(
  store: Store,
  change: Partial<MessageClaimRequest> = {},
): ReturnType<OutboxStore["claim"]> {
  return store.outbox.claim({ topics: [TOPIC], leaseMs: LEASE_MS, limit: 100, ...change });
}

/** Claims all messages that are due; answers their keys. */
export async function claimedKeys(
  store: Store,
  change: Partial<MessageClaimRequest> = {},
): Promise<string[]> {
  return answered(await messagesOf(store, change)).map(({ key }) => key);
}

/** Claims the one message that is due. */
export async function claimedMessage(store: Store): Promise<ClaimedMessage> {
  const [message, ...others] = answered(await messagesOf(store));
  assert.ok(message, "a message is due");
  assert.deepEqual(others, []);
  return message;
}

export async function ended(
  store: Store,
  message: ClaimedMessage,
  end: MessageEnd,
): Promise<MessageRecord> {
  assert.equal(answered(await store.outbox.end(message, end)), "done");
  return messageRecordOf(store, message.number);
}

/** A failed send, to be tried again at once. */
export function waits(change: Partial<Extract<MessageEnd, { kind: "waiting" }>> = {}): MessageEnd {
  return { kind: "waiting", dueInMs: 0, doubted: false, error: "It is away.", ...change };
}

/** The record of a message that must exist. */
export async function messageRecordOf(store: Store, number: number): Promise<MessageRecord> {
  const [record] = answered(await store.outbox.list({ numbers: [number], limit: 1 }));
  assert.ok(record, "the message is known");
  return record;
}
