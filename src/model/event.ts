/** How an event came to us. */
export const EVENT_ROUTES = ["webhook", "sweep", "person"] as const;
export type EventRoute = (typeof EVENT_ROUTES)[number];

/**
 * `waiting` will be handled, now or at its time; `unhandled` means that nobody has declared a
 * handler for its type; `superseded` that its object had moved on; `dead` waits for a person.
 */
export const EVENT_STATES = ["waiting", "done", "superseded", "unhandled", "dead"] as const;
export type EventState = (typeof EVENT_STATES)[number];

/** What an event is about; events of one object are handled one after the other. */
export interface EventObject {
  /** Such as `payment_intent`. */
  readonly kind: string;
  /** The provider's own id. */
  readonly id: string;
}

/** What an event says of an effect that an operation of ours may have sent. */
export interface EventEvidence {
  /** The provider's name and what the effect makes, as in the effect's target. */
  readonly provider: string;
  readonly kind?: string;
  /** Our provider key, if the event carries it in metadata or a reference field. */
  readonly providerKey?: string;
  /** The provider's own id of what was made. */
  readonly reference?: string;
  /** `executed`: its object exists. A provider's "failed" is no final proof, so it is `unknown`. */
  readonly finding: "executed" | "unknown";
  /** Whether the effect has taken hold, such as a payment that succeeded or was reserved. */
  readonly stands?: boolean;
}

/**
 * The fingerprint of an event that its provider's API told of: it was not signed, and is written in
 * another way than the signed one, so that it is compared with none. One byte, that is no digest.
 */
export const UNSIGNED_FINGERPRINT: Uint8Array = Uint8Array.of(0);

/** An authentic event, read from what its provider has signed. */
export interface AuthenticEvent {
  /**
   * The same for every delivery of one event, and made of signed content alone: whoever holds one
   * signed request could send it again under any name that nobody signed.
   */
  readonly key: string;
  /** Names that nobody signed, such as the id in a header: noticed, never decisive. */
  readonly aliases?: readonly string[];
  /**
   * SHA-256 of the signed content; the same key with another one raises an alarm. What nobody has
   * signed has `UNSIGNED_FINGERPRINT`.
   */
  readonly fingerprint: Uint8Array;
  readonly type: string;
  readonly object?: EventObject;
  /** When it happened, as the provider says, in milliseconds since 1970; it orders nothing. */
  readonly occurredAt?: number;
  /** The body as JSON, parsed. */
  readonly payload: unknown;
  /** True if the payload itself is not proved: the object is read back before any effect. */
  readonly hint?: boolean;
  readonly evidence?: EventEvidence;
}
