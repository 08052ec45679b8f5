import type { RecordId } from "./key.ts";

/**
 * `sending` is committed before the call, so that a crash inside it is seen; `in_doubt` may have
 * arrived and is not sent again on a guess; `dead` waits for a person.
 */
export const MESSAGE_STATES = ["waiting", "sending", "sent", "in_doubt", "dead"] as const;
export type MessageState = (typeof MESSAGE_STATES)[number];

/** Those that keep later messages of their aggregate back. */
export const OPEN_MESSAGE_STATES: readonly MessageState[] = ["waiting", "sending", "in_doubt"];

/** A message that leaves after the commit of what staged it. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
  /** Unique per topic over all operations; derived from the operation if the user gives none. */
  readonly key: string;
  /** Messages of one topic and aggregate leave in the order in which they were staged. */
  readonly aggregate?: string;
}

export interface StoredMessage extends Message {
  readonly stagedAt: number;
}

/** A message together with what staged it: an operation, or an event that came in. */
export interface StagedMessage extends Message {
  readonly origin: RecordId;
}

/** The topic whose messages release parked events; the core relays them itself. */
export const ARRIVED_TOPIC = "nevertwice.arrived";
