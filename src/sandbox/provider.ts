import type { Books } from "./books.ts";
import type { Webhooks } from "./webhook.ts";

/** What is known of a request before its body was read. */
export interface Head {
  readonly method: string;
  /** Without the provider's own prefix. */
  readonly path: string;
  /** Names in lower case; lines of one name joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
}

/** What a provider is asked. */
export interface Call extends Head {
  /** The address that this provider has here, for links in answers. */
  readonly base: string;
  /** The variable parts of the route's path. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Nested by brackets, as in `created[gte]=1`. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Of JSON, or of a form with nested names; `{}` for an empty body. */
  readonly body: unknown;
  readonly account: string;
  readonly key: string | undefined;
  /** Not guessable, of this request alone. */
  readonly requestId: string;
  /** The fault `decline`: refuse the card, whichever it is. */
  readonly decline: boolean;
}

export interface Answer {
  readonly status: number;
  /** A JSON value; nothing for an answer without a body. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Refused before its execution began, so that no provider keeps it under a key. */
  readonly refused?: true;
  /** The id of the object that was made, for a provider that replays its current state. */
  readonly made?: string;
}

/** How a provider treats idempotency keys, from its documentation. */
export interface KeyRules {
  /** The header's name in lower case, or the path of a member of the body. */
  readonly carrier: { readonly header: string } | { readonly body: readonly string[] };
  readonly required: boolean;
  readonly minLength: number;
  readonly maxLength: number;
  readonly pattern?: RegExp;
  /** Whether one key on two endpoints is one key, and so a mistake, or two keys. */
  readonly space: "account" | "endpoint";
  /**
   * What is kept under a key: whatever began to execute, a 500 too; what is definite, below 500;
   * successes; or what made an object (`Answer.made`).
   */
  readonly keeps: "everything" | "definite" | "successes" | "made";
  /** What a repeated request is given: the same bytes, the object as it is now, or a refusal. */
  readonly replay: "bytes" | "current" | "conflict";
  /** What a key with other parameters is given. */
  readonly mismatch: "refuse" | "replay";
  readonly retentionMs: number;
}

/** Why a provider does not do what it is asked. */
export type Refusal =
  | "internal"
  | "unavailable"
  | "rate-limited"
  | "unauthenticated"
  | "not-found"
  | "body-malformed"
  | "body-too-large"
  | "key-missing"
  | "key-malformed"
  | "key-in-use"
  | "key-reused"
  | "key-spent";

/** What was kept under a key. */
export interface KeptAnswer {
  readonly status: number;
  /** As it was first sent. */
  readonly text: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly made: string | undefined;
  /** Method and path of the request that was answered. */
  readonly endpoint: string;
  readonly requestId: string;
  readonly keptAt: number;
}

export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Such as `/v1/charges/:id`. The first route that matches is taken. */
  readonly path: string;
  /** Whether an idempotency key means something here; it does for POST unless told. */
  readonly keyed?: boolean;
  /** What differs from the provider's rules here. */
  readonly rules?: Partial<KeyRules>;
  /** Does it, inside a transaction of the sandbox's file; what it throws undoes it. */
  run(call: Call, books: Books): Answer;
  /** The answer of a repeated request where the replay is the object as it is now. */
  current?(call: Call, books: Books, made: string): Answer;
}

/** A payment provider: its routes, what it does with keys, and its way to say no. */
export interface Provider {
  /** In lower case; the first part of the path when the sandbox is addressed by prefix. */
  readonly name: string;
  readonly title: string;
  /** One line that points the official SDK at the sandbox's URL. */
  setup(url: string): string;
  readonly rules: KeyRules;
  readonly routes: readonly Route[];
  /** Nothing for a provider that tells nobody. */
  readonly webhooks?: Webhooks;
  /** Whether a request without prefix is meant for it, by its credentials or headers. */
  recognises(head: Head): boolean;
  /** The account that the credentials belong to; nothing if there are none. */
  account(head: Head): string | undefined;
  /** `kept` is the answer that stands under the key, where there is one. */
  refuse(refusal: Refusal, call: Call, kept?: KeptAnswer): Answer;
  /** Headers of each answer; `kept` for one that is given again. */
  headers?(call: Call, kept: KeptAnswer | undefined): Readonly<Record<string, string>>;
}
