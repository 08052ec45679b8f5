import type { Effect } from "../core/effect.ts";
import type { ProviderFacts } from "./facts.ts";
import type { StripeSdk } from "./stripe-client.ts";
import type { StripeDecline } from "./stripe-judge.ts";
import {
  cancel,
  capture,
  deskOf,
  findListed,
  findSearched,
  makes,
  PROVIDER,
  type StripeOptions,
} from "./stripe-making.ts";
import {
  refusedCharge,
  refusedIntent,
  type StripeCharge,
  type StripePaymentIntent,
  type StripeRefund,
  toCharge,
  toIntent,
  toRefund,
} from "./stripe-values.ts";

export type { StripeSdk } from "./stripe-client.ts";
export type { StripeDecline } from "./stripe-judge.ts";
export type { StripeOptions } from "./stripe-making.ts";
export type {
  StripeCharge,
  StripePaymentIntent,
  StripeRefund,
} from "./stripe-values.ts";

/** Stripe's API v1. */
export const STRIPE_FACTS: ProviderFacts = {
  provider: PROVIDER,
  carrier: { in: "header", name: "Idempotency-Key" },
  characters: "[\\x21-\\x7e]",
  lengths: [1, 255],
  keptForMs: 86_400_000,
  scope: "account",
  stores: "everything",
  replays: "same answer",
  whileRunning: "409 idempotency_key_in_use",
  onMismatch: "400 idempotency_error",
  replay: { afterNoAnswer: "safe", afterFailure: "frozen" },
  lookUp: { by: "search or list by metadata", lagMs: 60_000 },
  cancelByKey: false,
  sources: [
    "https://docs.stripe.com/api/idempotent_requests",
    "https://docs.stripe.com/error-low-level",
    "https://docs.stripe.com/search",
  ],
};

/** The parameters as the user's own version of the SDK types them. */
type Params<Method extends (...parameters: never[]) => unknown, At extends number> = NonNullable<
  Parameters<Method>[At]
>;

export interface StripeEffects<Client extends StripeSdk> {
  /** Makes a payment intent; with `confirm: true` it also charges, and may be declined. */
  paymentIntent(
    params: Params<Client["paymentIntents"]["create"], 0>,
  ): Effect<StripePaymentIntent, StripeDecline>;
  /** Captures what was authorised. */
  capture(
    id: string,
    params?: Params<Client["paymentIntents"]["capture"], 1>,
  ): Effect<StripePaymentIntent, StripeDecline>;
  /** Cancels a payment intent; money that was only authorised is let go. */
  cancel(
    id: string,
    params?: Params<Client["paymentIntents"]["cancel"], 1>,
  ): Effect<StripePaymentIntent, StripeDecline>;
  /** Charges by the older API. */
  charge(params: Params<Client["charges"]["create"], 0>): Effect<StripeCharge, StripeDecline>;
  refund(params: Params<Client["refunds"]["create"], 0>): Effect<StripeRefund, StripeDecline>;
  /** Takes a whole payment back. @example compensate: (value) => stripe.refundOf(value) */
  refundOf(payment: StripePaymentIntent | StripeCharge): Effect<StripeRefund, StripeDecline>;
}

/**
 * Stripe as external steps.
 *
 * @param stripe an instance of the official `stripe` package; its own retries are off in our calls
 */
export function stripeEffects<Client extends StripeSdk>(
  stripe: Client,
  options: StripeOptions = {},
): StripeEffects<Client> {
  const desk = deskOf(stripe, options);
  const refund = (params: object): Effect<StripeRefund, StripeDecline> =>
    makes(desk, "refund", params, {
      resource: stripe.refunds,
      read: toRefund,
      find: (call) => findListed(desk, call, stripe.refunds, ofPayment(params)),
    });
  return {
    refund,
    refundOf: ({ id }) => refund(id.startsWith("pi_") ? { payment_intent: id } : { charge: id }),
    paymentIntent: (params) =>
      makes(desk, "payment_intent", params, {
        resource: stripe.paymentIntents,
        read: toIntent,
        find: (call) => findSearched(desk, call, stripe.paymentIntents),
        refused: refusedIntent,
      }),
    charge: (params) =>
      makes(desk, "charge", params, {
        resource: stripe.charges,
        read: toCharge,
        find: (call) => findSearched(desk, call, stripe.charges),
        refused: refusedCharge,
      }),
    capture: (id, params = {}) => capture(desk, id, params),
    cancel: (id, params = {}) => cancel(desk, id, params),
  };
}

/** The list of refunds of one payment. */
function ofPayment(params: object): object {
  const payment = params as { readonly payment_intent?: unknown; readonly charge?: unknown };
  return payment.payment_intent === undefined
    ? { charge: payment.charge }
    : { payment_intent: payment.payment_intent };
}
