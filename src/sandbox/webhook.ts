/** An event as its provider makes it. */
export interface ProviderEvent {
  /** The provider's own id, or one of the sandbox's where the provider has none. */
  readonly id: string;
  readonly type: string;
  /** The provider's id of what it is about. */
  readonly object: string;
  /** What a delivery says, as far as it does not depend on the endpoint. */
  readonly body: unknown;
}

export interface KeptEvent extends ProviderEvent {
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly createdAt: number;
}

/** What happened to an object in the books. */
export interface Change {
  readonly kind: string;
  /** Undefined for a new object. */
  readonly before: unknown;
  readonly after: unknown;
}

/** Where a change happened. */
export interface Scene {
  readonly account: string;
  /** The address that the provider has here. */
  readonly base: string;
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly now: number;
  identify(prefix: string, length?: number): string;
  find<T>(kind: string, id: string): T | undefined;
}

/** Who is told of events. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly provider: string;
  /** Null for every account of the provider. */
  readonly account: string | null;
  readonly url: string;
  /** What the provider signs with; empty where it does not sign. */
  readonly secret: string;
  /** The name of the secret, where the provider sends one. */
  readonly publicKey: string;
  /** Only these types; all of them if it is empty. */
  readonly types: readonly string[];
  /** Nothing is sent but by a flush. */
  readonly manual: boolean;
  /** How long the sandbox waits before each further attempt, in milliseconds. */
  readonly retryMs: readonly number[];
}

/** One attempt to deliver an event. */
export interface Posting {
  readonly event: KeptEvent;
  readonly endpoint: Pick<WebhookEndpoint, "url" | "secret" | "publicKey">;
  /** Milliseconds since the epoch, by the machine's clock: a receiver has no other. */
  readonly now: number;
  /** The sandbox's own address. */
  readonly base: string;
  /** Letters and digits that nobody can guess. */
  readonly letters: (length: number) => string;
}

/** A delivery as it goes over the wire. */
export interface Letter {
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** What a provider makes of an answer: it stops for ever, or sends it again later. */
export type Receipt = "taken" | "again" | "stop";

/** The webhooks of a provider: what it tells, how it signs, and which answer it wants. */
export interface Webhooks {
  /** The events of a change; a provider is not told of what it made itself. */
  events(change: Change, scene: Scene): readonly ProviderEvent[];
  /** A secret for an endpoint that brings none. */
  secretOf(letters: (length: number) => string): string;
  write(posting: Posting): Letter;
  receipt(status: number): Receipt;
}

/** The receipt that most providers give: any 2xx will do. */
export function anySuccess(status: number): Receipt {
  return status >= 200 && status < 300 ? "taken" : "again";
}

export const JSON_TYPE = { "content-type": "application/json" } as const;
export const FORM_TYPE = { "content-type": "application/x-www-form-urlencoded" } as const;
