export type CallbackMode = "sync" | "async";
export type MaybePromise<T> = T | PromiseLike<T>;

/** Three answers, never a throw: applied, definitely not applied, or nobody knows. */
export type Answer<T> =
  | { readonly kind: "ok"; readonly value: T }
  | {
      readonly kind: "not-applied";
      readonly error: unknown;
      /** Worth the same call again at once: a serialization failure, a full pool. */
      readonly again: boolean;
    }
  | { readonly kind: "not-known"; readonly error: unknown };
