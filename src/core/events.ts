import { channel } from "node:diagnostics_channel";
import type { ErrorCode } from "../model/errors.ts";
import type { EventRoute, EventState } from "../model/event.ts";
import type { RecordId } from "../model/key.ts";
import type { Doubt } from "../model/operation.ts";
import { textOf } from "./error-line.ts";

/** What can be observed of operations. Keys and bodies are never part of it; `id` is a digest. */
export type OperationEvent = {
  readonly id: RecordId;
  readonly name: string;
  readonly fence: number;
} & (
  | { readonly type: "operation.claimed" | "operation.recovered"; readonly attempt: number }
  | { readonly type: "operation.replayed" | "operation.stale" | "lease.lost" }
  | { readonly type: "operation.settled"; readonly outcome: "succeeded" | "failed" }
  | { readonly type: "operation.waiting"; readonly dueInMs: number }
  | {
      readonly type: "operation.in-doubt";
      readonly doubt: Doubt;
      readonly dueInMs: number | undefined;
    }
  | { readonly type: "attempt.failed" | "store.failed"; readonly error: unknown }
  | { readonly type: "step.begun" | "step.recorded"; readonly step: string }
  | {
      readonly type: "effect.duplicate" | "effect.orphan";
      readonly step: string;
      readonly reference: string | undefined;
    }
);

/** What can be observed of events that come in. */
export type InboxReport = { readonly source: string } & (
  | ({ readonly event: string; readonly number: number } & (
      | {
          readonly type: "event.accepted" | "event.repeated";
          readonly route: EventRoute;
        }
      | { readonly type: "event.conflict" | `event.${Exclude<EventState, "waiting" | "dead">}` }
      | {
          readonly type: "event.waiting";
          readonly dueInMs: number;
          readonly waitsFor: string | undefined;
          readonly error: string | undefined;
        }
      | { readonly type: "event.dead"; readonly error: string }
    ))
  | { readonly type: "webhook.refused"; readonly code: ErrorCode }
  | { readonly type: "inbox.failed"; readonly error: unknown }
);

/** What can be observed of messages that go out. */
export type OutboxReport =
  | ({ readonly topic: string; readonly number: number } & (
      | { readonly type: "message.sent" }
      | { readonly type: "message.waiting"; readonly dueInMs: number; readonly error: string }
      | { readonly type: "message.in-doubt" | "message.dead"; readonly error: string }
    ))
  | { readonly type: "outbox.failed"; readonly error: unknown };

export type Report = OperationEvent | InboxReport | OutboxReport;

/** What it throws, or rejects with, changes nothing and becomes a warning of the process. */
export type EventListener = (event: Report) => void;

/**
 * Where events go: to the listener, and to whoever subscribed to the diagnostics channel
 * `nevertwice`.
 */
export interface Events {
  /** Whether anybody would hear an event; one that nobody hears need not be made. */
  isHeard(): boolean;
  emit(event: Report): void;
}

export function createEvents(listener: EventListener | undefined): Events {
  const published = channel("nevertwice");
  return {
    isHeard: () => listener !== undefined || published.hasSubscribers,
    emit(event) {
      if (published.hasSubscribers) published.publish(event);
      if (listener) return tell(listener, event);
      // An error that nobody listens for must not vanish behind a 503.
      if (published.hasSubscribers) return;
      if (event.type === "attempt.failed" || event.type === "store.failed")
        warn(event.type, event.name, event.error);
      else if (event.type === "inbox.failed") warn(event.type, event.source, event.error);
      else if (event.type === "outbox.failed") warn(event.type, "outbox", event.error);
    },
  };
}

/** A listener only listens: no operation may fail over who is told of its steps. */
function tell(listener: EventListener, event: Report): void {
  const failed = (error: unknown): void =>
    process.emitWarning(`The listener of events failed at "${event.type}".`, {
      code: "NEVERTWICE_LISTENER_FAILED",
      detail: detailOf(error),
    });
  try {
    const told: unknown = listener(event);
    if (told instanceof Promise) told.catch(failed);
  } catch (error) {
    failed(error);
  }
}

function detailOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : textOf(error);
}

type Failure = "attempt.failed" | "store.failed" | "inbox.failed" | "outbox.failed";

function warn(type: Failure, name: string, error: unknown): void {
  const { code, message } = WARNINGS[type];
  process.emitWarning(message(name), { code, detail: detailOf(error) });
}

const WARNINGS: Readonly<
  Record<Failure, { readonly code: string; message(name: string): string }>
> = {
  "attempt.failed": {
    code: "NEVERTWICE_ATTEMPT_FAILED",
    message: (name) => `An attempt of the operation "${name}" failed.`,
  },
  "store.failed": {
    code: "NEVERTWICE_STORE_FAILED",
    message: (name) => `The store could not take the operation "${name}", so nothing ran.`,
  },
  "inbox.failed": {
    code: "NEVERTWICE_INBOX_FAILED",
    message: (name) => `The inbox "${name}" could not go on; it tries again.`,
  },
  "outbox.failed": {
    code: "NEVERTWICE_OUTBOX_FAILED",
    message: () => "The outbox could not be asked; it tries again.",
  },
};
