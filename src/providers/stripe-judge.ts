import { declined, inDoubt, type Judgement, notExecuted, refused } from "../core/judgement.ts";
import { retryAfterMs } from "./answer.ts";
import { memberOf, numberOf, textOf } from "./sdk-answer.ts";
import { unsent } from "./sdk-call.ts";

/** A definite no of Stripe. */
export interface StripeDecline {
  /** Such as `card_declined`, `expired_card` or `charge_already_refunded`. */
  readonly code: string;
  /** The issuer's reason, such as `insufficient_funds`. */
  readonly declineCode: string | null;
  /** Stripe's sentence; for a card it may be shown to the customer. */
  readonly message: string | null;
  readonly paymentIntent: string | null;
  readonly charge: string | null;
}

/**
 * Invalid requests that are the fault of the API key or of the account, and not of the parameters:
 * somebody mends it while the request waits.
 *
 * @see https://docs.stripe.com/error-codes
 */
const MENDABLE: ReadonlySet<string> = new Set([
  ...["api_key_expired", "platform_api_key_expired", "secret_key_required", "livemode_mismatch"],
  ...["account_invalid", "platform_account_required", "testmode_charges_only"],
]);

/** The no behind an error, or behind the `last_payment_error` of a payment intent. */
export function toDecline(error: unknown, intent?: string): StripeDecline {
  return {
    code: textOf(error, "code") ?? "unknown",
    declineCode: textOf(error, "decline_code") ?? null,
    message: textOf(error, "message") ?? null,
    paymentIntent: textOf(error, "payment_intent", "id") ?? intent ?? null,
    charge: textOf(error, "charge") ?? null,
  };
}

/**
 * What an error of the SDK proves.
 *
 * @param resent whether the SDK sent the request more than once, so that its last error tells
 *   nothing of the first try
 * @see https://docs.stripe.com/error-low-level
 */
export function judgeStripe(error: unknown, resent: boolean): Judgement<StripeDecline> {
  const untouched = (proof: string, wait?: number): Judgement<StripeDecline> =>
    resent ? inDoubt("unanswered") : notExecuted(proof, wait);
  switch (textOf(error, "type")) {
    case "StripeCardError":
      return declined(toDecline(error));
    case "StripeIdempotencyError":
      // Nobody else makes our keys, so it was this effect that has used it.
      return inDoubt("frozen");
    case "StripeInvalidRequestError":
      return judgeInvalid(error, resent);
    case "StripeRateLimitError":
      // The limiter runs before the request is looked at; a lock is waited for while it runs.
      if (textOf(error, "code") === "lock_timeout") return inDoubt("failed");
      return untouched("Stripe's limiter refused", retryAfterMs(headerOf(error, "retry-after")));
    case "StripeAuthenticationError":
    case "StripePermissionError":
      return untouched("Stripe refused the API key");
    case "StripeConnectionError": {
      // A request id is known only once the head of an answer has come.
      const answered = textOf(error, "requestId") !== undefined;
      const proof = answered ? undefined : unsent(memberOf(error, "detail"));
      return proof === undefined ? inDoubt("unanswered") : untouched(proof.proof);
    }
    case "StripeAPIError":
      return judgeFailure(error);
    default:
      return inDoubt("unanswered");
  }
}

function judgeInvalid(error: unknown, resent: boolean): Judgement<StripeDecline> {
  // A stored refusal is the result of the first request, whatever became of its answer.
  if (isReplayed(error)) return declined(toDecline(error));
  if (resent) return inDoubt("unanswered");
  const code = textOf(error, "code") ?? "";
  return MENDABLE.has(code)
    ? notExecuted(`Stripe refused the account: ${code}`)
    : refused(toDecline(error));
}

/** Stripe stores a 500 under the key and answers it for ever, whatever became of the effect. */
function judgeFailure(error: unknown): Judgement<StripeDecline> {
  const status = numberOf(error, "statusCode") ?? 0;
  if (status === 424) return inDoubt("failed");
  if (status < 500) return inDoubt("unanswered");
  // `Stripe-Should-Retry: false` says this too, but a replay shows it, and costs nothing.
  return inDoubt(isReplayed(error) ? "frozen" : "failed");
}

function isReplayed(error: unknown): boolean {
  return headerOf(error, "idempotent-replayed") === "true";
}

function headerOf(error: unknown, name: string): string | undefined {
  return textOf(error, "headers", name);
}
