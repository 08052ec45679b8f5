import type { Answer } from "../model/answer.ts";
import type { RecordId } from "../model/key.ts";
import type { MessageState } from "../model/message.ts";
import type { Ruling, RulingRecord } from "./ruling.ts";

/**
 * The contract for what goes out: messages that were staged with the user's own data.
 *
 * 45. A claim commits `sending`, the count of sends and the time of the first one before anything
 *     is sent; of many claims of a message one gets it.
 * 46. A claim that lapsed without an end leaves a doubt, which the next claim is told of.
 * 47. An end under an older fence changes nothing and is told `stale`.
 * 48. A message is not claimed while an earlier one of its topic and aggregate is open.
 * 49. A message that was sent, is in doubt or is dead is never claimed again by itself.
 * 50. A person's word on a message is kept with author and reason; a dry run changes nothing else,
 *     and a message that was sent is never sent again.
 * 51. Pruning takes the payloads of sent messages, which are empty from then on; their business
 *     keys stay taken.
 */
export interface OutboxStore {
  /** Claims messages that are due, those that are due for longest first. */
  claim(request: MessageClaimRequest): Promise<Answer<readonly ClaimedMessage[]>>;
  /** What a send came to. */
  end(holder: MessageHolder, end: MessageEnd): Promise<Answer<"done" | "stale">>;
  /** Messages for a person to look at, newest first. */
  list(filter: MessageFilter): Promise<Answer<readonly MessageRecord[]>>;
  /** Settles messages that are in doubt or dead; answers their numbers. */
  settle(ruling: MessageRuling): Promise<Answer<readonly number[]>>;
  /** What persons ordered here, newest first; its action is `outbox.sent` or `outbox.waiting`. */
  rulings(limit: number): Promise<Answer<readonly RulingRecord[]>>;
  /** Takes the payloads of messages that were sent longer ago; says how many. */
  prune(request: OutboxPruneRequest): Promise<Answer<OutboxPruneAnswer>>;
}

export interface MessageClaimRequest {
  readonly topics: readonly string[];
  readonly leaseMs: number;
  readonly limit: number;
}

/** The right to send a message, while the fence is the newest. */
export interface MessageHolder {
  readonly number: number;
  readonly fence: number;
}

export interface ClaimedMessage extends MessageHolder {
  readonly topic: string;
  readonly key: string;
  readonly aggregate: string | undefined;
  /** What staged it; the payload is sealed for it. */
  readonly origin: RecordId;
  readonly payload: Uint8Array;
  readonly stagedAt: number;
  /** How often it was sent, this time included. */
  readonly sends: number;
  /** When the first send was committed; database time. */
  readonly firstSentAt: number;
  /** Whether an earlier send may have arrived. */
  readonly doubted: boolean;
  /** The database's time of the claim. */
  readonly now: number;
}

export type MessageEnd =
  | { readonly kind: "sent"; readonly reference?: string }
  /** `doubted` if this send may have arrived; it is kept over later ends. */
  | {
      readonly kind: "waiting";
      readonly dueInMs: number;
      readonly doubted: boolean;
      readonly error: string;
    }
  | { readonly kind: "in_doubt" | "dead"; readonly error: string };

export interface MessageFilter {
  readonly numbers?: readonly number[];
  readonly topic?: string;
  readonly state?: MessageState;
  readonly limit: number;
  /** The number of the last one seen. */
  readonly after?: number;
}

/**
 * `sent`: it has arrived. `waiting`: it has not, or may come twice; its doubt is taken away, and it
 * is due at once.
 */
export interface MessageRuling extends Ruling<MessageFilter> {
  readonly to: Extract<MessageState, "sent" | "waiting">;
}

export interface MessageRecord {
  readonly number: number;
  readonly topic: string;
  readonly key: string;
  readonly aggregate: string | undefined;
  readonly origin: RecordId;
  readonly state: MessageState;
  readonly stagedAt: number;
  readonly sends: number;
  readonly firstSentAt: number | undefined;
  readonly endedAt: number | undefined;
  /** When it is sent next; undefined unless it waits or is being sent. */
  readonly dueAt: number | undefined;
  readonly doubted: boolean;
  /** The receiver's own id of it. */
  readonly reference: string | undefined;
  readonly error: string | undefined;
}

export interface OutboxPruneRequest {
  readonly sentMs: number;
  readonly limit: number;
  /** The process's wall clock; nothing is pruned while it and the database's disagree. */
  readonly wall: number;
}

export type OutboxPruneAnswer =
  | { readonly kind: "pruned"; readonly messages: number }
  | { readonly kind: "clocks-disagree"; readonly now: number };
