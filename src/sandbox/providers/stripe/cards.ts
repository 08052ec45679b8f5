/** What becomes of a payment with a method of Stripe's test mode. */
export type CardFate =
  | { readonly kind: "succeeds" }
  | Decline
  /** The customer has to authenticate first. */
  | { readonly kind: "asks" }
  /** The bank answers later. */
  | { readonly kind: "waits"; readonly ends: "succeeded" | "failed" };

export interface Decline {
  readonly kind: "declines";
  readonly code: string;
  readonly declineCode?: string;
}

/** Why a card that the sandbox was told to decline is declined. */
export const GENERIC_DECLINE: Decline = {
  kind: "declines",
  code: "card_declined",
  declineCode: "generic_decline",
};

/** A card that asks for its owner, where nobody can be asked. */
export const UNASKED: Decline = {
  kind: "declines",
  code: "authentication_required",
  declineCode: "authentication_required",
};

const declined = (declineCode: string): Decline => ({
  kind: "declines",
  code: "card_declined",
  declineCode,
});

/** By what follows `pm_card_` or `tok_`. @see https://docs.stripe.com/testing */
const CARDS: Readonly<Record<string, CardFate>> = {
  chargeDeclined: GENERIC_DECLINE,
  visa_chargeDeclined: GENERIC_DECLINE,
  chargeCustomerFail: GENERIC_DECLINE,
  chargeDeclinedInsufficientFunds: declined("insufficient_funds"),
  visa_chargeDeclinedInsufficientFunds: declined("insufficient_funds"),
  visa_chargeDeclinedLostCard: declined("lost_card"),
  visa_chargeDeclinedStolenCard: declined("stolen_card"),
  chargeDeclinedFraudulent: declined("fraudulent"),
  chargeDeclinedExpiredCard: { kind: "declines", code: "expired_card" },
  chargeDeclinedIncorrectCvc: { kind: "declines", code: "incorrect_cvc" },
  chargeDeclinedProcessingError: { kind: "declines", code: "processing_error" },
  authenticationRequired: { kind: "asks" },
  threeDSecureRequired: { kind: "asks" },
  threeDSecure2Required: { kind: "asks" },
};

const BANKS: Readonly<Record<string, CardFate>> = {
  pm_usBankAccount: { kind: "waits", ends: "succeeded" },
  pm_usBankAccount_success: { kind: "waits", ends: "succeeded" },
  pm_usBankAccount_processing: { kind: "waits", ends: "succeeded" },
  pm_usBankAccount_insufficientFunds: { kind: "waits", ends: "failed" },
  pm_usBankAccount_accountClosed: { kind: "waits", ends: "failed" },
};

/** Any method whose name is not one of the test methods that fail is a card that pays. */
export function fateOf(method: string): CardFate {
  if (Object.hasOwn(BANKS, method)) return BANKS[method] ?? { kind: "succeeds" };
  const name = method.replace(/^(?:pm_card|tok)_/, "");
  return Object.hasOwn(CARDS, name) ? (CARDS[name] ?? { kind: "succeeds" }) : { kind: "succeeds" };
}

const MESSAGES: Readonly<Record<string, string>> = {
  insufficient_funds: "Your card has insufficient funds.",
  expired_card: "Your card has expired.",
  incorrect_cvc: "Your card's security code is incorrect.",
  processing_error: "An error occurred while processing your card. Try again in a little bit.",
};

/** The sentence for the customer. */
export function declineMessage(fate: Decline): string {
  return MESSAGES[fate.declineCode ?? fate.code] ?? "Your card was declined.";
}

/** The method as it stands in a charge. */
export function methodDetails(method: string): unknown {
  if (Object.hasOwn(BANKS, method)) return { type: "us_bank_account", us_bank_account: {} };
  const card = { brand: "visa", country: "US", exp_month: 12, exp_year: 2040, last4: "4242" };
  return { type: "card", card: { ...card, funding: "credit" } };
}
