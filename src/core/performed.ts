import type { ErrorCode } from "../model/errors.ts";
import type { HeaderList, OutcomeKind } from "../model/outcome.ts";

/** How a call ended: with the operation's outcome, passed through unstored, or refused for now. */
export type Performed = Settled | Passing | Refused;

/** How an attempt ended; `stale` means that the record must answer instead. */
export type AttemptEnd = Performed | "stale";

export interface Settled {
  readonly kind: OutcomeKind;
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  readonly reference: string | undefined;
  /** False for the one call whose attempt produced the outcome. */
  readonly replayed: boolean;
}

/** An answer of the handler that speaks of the moment, such as 429: given once, never stored. */
export interface Passing {
  readonly kind: "passing";
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
}

export interface Refused {
  readonly kind: "refused";
  readonly code: ErrorCode;
  readonly retryAfterMs: number | undefined;
  /** What is still known of a final operation whose response is gone. */
  readonly outcome?: {
    readonly kind: OutcomeKind;
    readonly status: number;
    readonly reference: string | undefined;
  };
  /** The handler's own error, for the caller in the same process; it never reaches a client. */
  readonly error?: unknown;
}

export function refuse(code: ErrorCode, retryAfterMs?: number, error?: unknown): Refused {
  return { kind: "refused", code, retryAfterMs, ...(error === undefined ? {} : { error }) };
}
