import { channel } from "node:diagnostics_channel";
import type { RecordId } from "../model/key.ts";
import type { Doubt } from "../model/operation.ts";

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
  | { readonly type: "attempt.failed"; readonly error: unknown }
  | { readonly type: "step.begun" | "step.recorded"; readonly step: string }
);

export type EventListener = (event: OperationEvent) => void;

/**
 * Where events go: to the listener, and to whoever subscribed to the diagnostics channel
 * `nevertwice`.
 */
export interface Events {
  emit(event: OperationEvent): void;
}

export function createEvents(listener: EventListener | undefined): Events {
  const published = channel("nevertwice");
  return {
    emit(event) {
      if (published.hasSubscribers) published.publish(event);
      if (listener) return listener(event);
      // An error that nobody listens for must not vanish behind a 503.
      if (event.type === "attempt.failed" && !published.hasSubscribers)
        warn(event.name, event.error);
    },
  };
}

function warn(name: string, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`An attempt of the operation "${name}" failed.`, {
    code: "NEVERTWICE_ATTEMPT_FAILED",
    detail: text,
  });
}
