import type { Books } from "../../books.ts";
import type { Call } from "../../provider.ts";
import { noSuch } from "./errors.ts";
import { refuseWith } from "./parameters.ts";

/** What every object of Stripe has. */
export interface StripeObject {
  readonly id: string;
  readonly object: string;
  /** Seconds since the epoch. */
  readonly created: number;
  readonly livemode: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface PaymentIntent extends StripeObject {
  readonly object: "payment_intent";
  readonly amount: number;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly canceled_at: number | null;
  readonly cancellation_reason: string | null;
  readonly capture_method: "automatic" | "automatic_async" | "manual";
  readonly client_secret: string;
  readonly confirmation_method: "automatic" | "manual";
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly last_payment_error: unknown;
  readonly latest_charge: string | null;
  readonly next_action: unknown;
  readonly payment_method: string | null;
  readonly payment_method_types: readonly string[];
  readonly processing: unknown;
  readonly receipt_email: string | null;
  readonly statement_descriptor: string | null;
  readonly status:
    | "requires_payment_method"
    | "requires_confirmation"
    | "requires_action"
    | "processing"
    | "requires_capture"
    | "canceled"
    | "succeeded";
}

export interface Charge extends StripeObject {
  readonly object: "charge";
  readonly amount: number;
  readonly amount_captured: number;
  readonly amount_refunded: number;
  readonly captured: boolean;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly disputed: boolean;
  readonly failure_code: string | null;
  readonly failure_message: string | null;
  readonly outcome: unknown;
  readonly paid: boolean;
  readonly payment_intent: string | null;
  readonly payment_method: string | null;
  readonly payment_method_details: unknown;
  readonly refunded: boolean;
  readonly status: "succeeded" | "pending" | "failed";
}

export interface Refund extends StripeObject {
  readonly object: "refund";
  readonly amount: number;
  readonly charge: string;
  readonly currency: string;
  readonly payment_intent: string | null;
  readonly reason: string | null;
  readonly status: "succeeded";
}

/** The nouns of the kinds, in the books and in Stripe's sentences. */
export type Kind = "payment_intent" | "charge" | "refund" | "customer" | "event";

/** What every new object begins with. */
export function born<Name extends string>(
  books: Books,
  object: Name,
  prefix: string,
): Pick<StripeObject, "id" | "created" | "livemode"> & { readonly object: Name } {
  const created = seconds(books);
  return { id: books.identify(`${prefix}_`), object, created, livemode: false };
}

export function seconds(books: Books): number {
  return Math.floor(books.now / 1_000);
}

/** The object of an id, or the end of the request with Stripe's 404. */
export function existing<T>(books: Books, kind: Kind, id: string, param = "id"): T {
  return books.find<T>(kind, id) ?? refuseWith(noSuch(kind, id, param));
}

/** Puts an event on the list that `GET /v1/events` shows. */
export function tell(books: Books, call: Call, type: string, object: StripeObject): void {
  books.insert("event", {
    ...born(books, "event", "evt"),
    api_version: call.headers["stripe-version"] ?? null,
    data: { object },
    pending_webhooks: 0,
    request: { id: `req_${call.requestId}`, idempotency_key: call.key ?? null },
    type,
  });
}
