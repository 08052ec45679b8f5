import type {
  ChargeObject,
  PaymentIntentObject,
  RefundObject,
  StripeRef,
} from "./stripe-client.ts";
import { type StripeDecline, toDecline } from "./stripe-judge.ts";

/** `status` says whether it is paid: `requires_action` and `processing` are values too. */
export interface StripePaymentIntent {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly charge: string | null;
  /** For the customer's browser, to go on with `requires_action`. */
  readonly clientSecret: string | null;
}

export interface StripeCharge {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly captured: boolean;
}

/** `status` may be `pending`, and may become `failed` later: Stripe tells so by webhook. */
export interface StripeRefund {
  readonly id: string;
  readonly status: string | null;
  readonly amount: number;
  readonly currency: string;
  readonly paymentIntent: string | null;
  readonly charge: string | null;
}

export function toIntent(made: PaymentIntentObject): StripePaymentIntent {
  const { id, status, amount, currency, client_secret } = made;
  const charge = idOf(made.latest_charge);
  return { id, status, amount, currency, charge, clientSecret: client_secret ?? null };
}

export function toCharge(made: ChargeObject): StripeCharge {
  const { id, status, amount, currency, captured } = made;
  return { id, status, amount, currency, captured };
}

export function toRefund(made: RefundObject): StripeRefund {
  const { id, status, amount, currency } = made;
  const paymentIntent = idOf(made.payment_intent);
  return { id, status, amount, currency, paymentIntent, charge: idOf(made.charge) };
}

function idOf(ref: StripeRef): string | null {
  return typeof ref === "string" ? ref : (ref?.id ?? null);
}

/** A confirmation that was declined leaves an intent which waits for another payment method. */
export function refusedIntent(made: PaymentIntentObject): StripeDecline | undefined {
  const { status, last_payment_error: error } = made;
  const refused = status === "requires_payment_method" && error !== null && error !== undefined;
  return refused ? toDecline(error, made.id) : undefined;
}

export function refusedCharge(made: ChargeObject): StripeDecline | undefined {
  if (made.status !== "failed") return undefined;
  const { failure_code: code, failure_message: message } = made;
  return toDecline({ code, message, charge: made.id }, idOf(made.payment_intent) ?? undefined);
}
