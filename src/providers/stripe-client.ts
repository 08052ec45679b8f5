/** What each call is given besides its parameters. */
export interface StripeRequestOptions {
  readonly idempotencyKey?: string;
  readonly maxNetworkRetries: number;
  readonly timeout: number;
  readonly stripeAccount?: string;
}

type Metadata = Readonly<Record<string, string>>;
/** An id, or the object itself where the caller had it expanded. */
export type StripeRef = string | { readonly id: string } | null | undefined;

export interface PaymentIntentObject {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly latest_charge?: StripeRef;
  readonly client_secret?: string | null;
  readonly metadata: Metadata;
  readonly last_payment_error?: unknown;
}

export interface ChargeObject {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly captured: boolean;
  readonly payment_intent?: StripeRef;
  readonly metadata: Metadata;
  readonly failure_code?: string | null;
  readonly failure_message?: string | null;
}

export interface RefundObject {
  readonly id: string;
  readonly status: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly charge?: StripeRef;
  readonly payment_intent?: StripeRef;
  readonly metadata: Metadata | null;
}

export interface StripePage<T> {
  readonly data: readonly T[];
  readonly has_more: boolean;
}

/** The calls of a resource of which objects are made. */
interface Resource<T> {
  create(params: object, options?: StripeRequestOptions): PromiseLike<T>;
  retrieve(id: string, params?: object, options?: StripeRequestOptions): PromiseLike<T>;
}

interface Searched<T> {
  search(params: SearchQuery, options?: StripeRequestOptions): PromiseLike<StripePage<T>>;
}

interface SearchQuery {
  query: string;
  limit?: number;
}

/** What is used of an instance of the official `stripe` package. */
export interface StripeSdk {
  on(event: "request", listener: (request: { readonly idempotency_key?: string }) => void): unknown;
  readonly paymentIntents: Resource<PaymentIntentObject> &
    Searched<PaymentIntentObject> & {
      capture(
        id: string,
        params?: object,
        options?: StripeRequestOptions,
      ): PromiseLike<PaymentIntentObject>;
      cancel(
        id: string,
        params?: object,
        options?: StripeRequestOptions,
      ): PromiseLike<PaymentIntentObject>;
    };
  readonly charges: Resource<ChargeObject> & Searched<ChargeObject>;
  readonly refunds: Resource<RefundObject> & {
    list(params?: object, options?: StripeRequestOptions): PromiseLike<StripePage<RefundObject>>;
  };
}

/** How often the SDK has sent a request with one key. */
export interface SendCount {
  sent(): number;
  end(): void;
}

const counters = new WeakMap<StripeSdk, Map<string, Set<{ sent: number }>>>();

/**
 * Counts the requests that the SDK sends with a key: it sends one again by itself after a closed
 * connection, even with its retries off, and then its last error tells nothing of the first try.
 */
export function countSends(stripe: StripeSdk, key: string): SendCount {
  const keys = counters.get(stripe) ?? listen(stripe);
  const counter = { sent: 0 };
  const all = keys.get(key) ?? new Set();
  keys.set(key, all.add(counter));
  return {
    sent: () => counter.sent,
    end: () => {
      all.delete(counter);
      if (all.size === 0 && keys.get(key) === all) keys.delete(key);
    },
  };
}

/** One listener for each instance, because an emitter warns of many. */
function listen(stripe: StripeSdk): Map<string, Set<{ sent: number }>> {
  const keys = new Map<string, Set<{ sent: number }>>();
  counters.set(stripe, keys);
  stripe.on("request", ({ idempotency_key }) => {
    for (const counter of keys.get(idempotency_key ?? "") ?? []) counter.sent += 1;
  });
  return keys;
}
