import type { EventState } from "../../src/model/event.ts";
import type { RecordId } from "../../src/model/key.ts";
import type { OperationRecord, State } from "../../src/model/operation.ts";
import type { MessageRecord } from "../../src/store/outbox.ts";
import type { StoredMessage } from "../../src/store.ts";
import type { Plan } from "./plan.ts";
import type { Mail } from "./relay.ts";
import type { Trace } from "./trace.ts";

/** What a client was told. The body is the text of the bytes. */
export interface Told {
  readonly kind: string;
  readonly retry: string | undefined;
  readonly retryAfterMs: number | undefined;
  readonly status?: number;
  readonly body?: string;
}

/** One thing that happened, in the order in which it happened; `at` is the store's time. */
export type Fact = { readonly at: number } & (
  | {
      readonly type: "claimed";
      readonly id: RecordId;
      readonly fence: number;
      readonly leaseUntil: number;
      readonly runUntil: number;
      readonly variant: string | undefined;
      readonly state: State;
    }
  | { readonly type: "reopened"; readonly id: RecordId }
  | { readonly type: "failed-over" }
  | {
      readonly type: "restored";
      readonly id: RecordId;
      /** 0 if nothing is left. */
      readonly fence: number;
      readonly state: State | undefined;
      readonly leaseUntil: number;
      readonly runUntil: number;
    }
  | { readonly type: "renewed"; readonly id: RecordId; readonly fence: number }
  | {
      readonly type: "wrote";
      readonly id: RecordId;
      readonly fence: number;
      readonly method: string;
      readonly state: State;
    }
  | { readonly type: "ran"; readonly operation: string; readonly variant: string }
  | {
      readonly type: "called";
      readonly call: number;
      /** The process that is asked, and its how manieth life. */
      readonly to: string;
      readonly operation: string;
      readonly variant: string;
    }
  | {
      readonly type: "answered";
      readonly call: number;
      readonly operation: string;
      readonly variant: string;
      readonly told: Told;
    }
);

/** What a client was told, and of which call. */
export type Answered = Extract<Fact, { type: "answered" }>;

/** One line of the provider's ledger. */
export interface Charge {
  readonly operation: string;
  readonly step: string;
  readonly key: string | undefined;
  readonly kind: "succeeded" | "declined" | "refunded";
  /** What the provider's event of it carries of ours. */
  readonly mark?: string;
  /** When it was made, where the provider forgets its key. */
  readonly at?: number;
}

/** An event of the provider, and how often it was sent and acknowledged. */
export interface SentEvent {
  readonly key: string;
  /** Whose charge it tells of; undefined for a stranger's. */
  readonly operation: string | undefined;
  readonly deliveries: number;
  readonly acknowledged: number;
}

/** All that is left of the provider's events. */
export interface EventRemains {
  readonly sent: readonly SentEvent[];
  /** The rows that the shop's event handler has left. */
  readonly handled: readonly { readonly key: string }[];
  /** What the inbox says of them. */
  readonly kept: readonly { readonly key: string; readonly state: EventState }[];
}

/** What the receiver of messages took, and what the outbox says of them. */
export interface MailRemains {
  readonly arrived: readonly Mail[];
  readonly kept: readonly MessageRecord[];
}

/** A row of the shop's own table. */
export interface Order {
  readonly operation: string;
  readonly variant: string;
  readonly status: "reserved" | "paid" | "released";
}

/** What is left of one planned operation at the end. */
export interface Remains {
  readonly label: string;
  readonly id: RecordId;
  readonly record: OperationRecord | undefined;
  readonly messages: readonly StoredMessage[];
}

/** Everything that a checker may look at. */
export interface History {
  readonly seed: number;
  readonly plan: Plan;
  readonly facts: readonly Fact[];
  readonly charges: readonly Charge[];
  readonly orders: readonly Order[];
  readonly events: EventRemains;
  readonly mail: MailRemains;
  readonly remains: readonly Remains[];
  /** Operations whose handler threw a status that ends them as failed. */
  readonly excused: ReadonlySet<string>;
  /** What stopped the history before its end: a hang, a leak, a throw. */
  readonly broken: readonly string[];
  readonly trace: Trace;
  readonly faults: number;
  /** What the last client of each operation was told in the healed world. */
  readonly last: readonly string[];
}
