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
  | { readonly type: "attempt.failed" | "store.failed"; readonly error: unknown }
  | { readonly type: "step.begun" | "step.recorded"; readonly step: string }
  | {
      readonly type: "effect.duplicate" | "effect.orphan";
      readonly step: string;
      readonly reference: string | undefined;
    }
);

export type EventListener = (event: OperationEvent) => void;

/**
 * Where events go: to the listener, and to whoever subscribed to the diagnostics channel
 * `nevertwice`.
 */
export interface Events {
  /** Whether anybody would hear an event; one that nobody hears need not be made. */
  isHeard(): boolean;
  emit(event: OperationEvent): void;
}

export function createEvents(listener: EventListener | undefined): Events {
  const published = channel("nevertwice");
  return {
    isHeard: () => listener !== undefined || published.hasSubscribers,
    emit(event) {
      if (published.hasSubscribers) published.publish(event);
      if (listener) return listener(event);
      // An error that nobody listens for must not vanish behind a 503.
      const told = event.type === "attempt.failed" || event.type === "store.failed";
      if (told && !published.hasSubscribers) warn(event.type, event.name, event.error);
    },
  };
}

function warn(type: "attempt.failed" | "store.failed", name: string, error: unknown): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const message =
    type === "attempt.failed"
      ? `An attempt of the operation "${name}" failed.`
      : `The store could not take the operation "${name}", so nothing ran.`;
  process.emitWarning(message, { code: CODES[type], detail });
}

const CODES = {
  "attempt.failed": "NEVERTWICE_ATTEMPT_FAILED",
  "store.failed": "NEVERTWICE_STORE_FAILED",
} as const;
