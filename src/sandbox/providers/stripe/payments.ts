import type { Books } from "../../books.ts";
import type { Answer, Call } from "../../provider.ts";
import { type CardFate, fateOf } from "./cards.ts";
import { declineError, fateFor, makeCharge } from "./charges.ts";
import { errorAnswer, impossible } from "./errors.ts";
import { present } from "./lists.ts";
import { type Charge, existing, type PaymentIntent, tell } from "./objects.ts";

/** How long a bank takes to answer, by the sandbox's clock. */
const BANK_MS = 60_000;

/** Tries to take the money of a payment intent with its payment method. */
export function attempt(
  intent: PaymentIntent,
  method: string,
  call: Call,
  books: Books,
  authenticated = false,
): Answer {
  const fate = fateFor(method, call);
  if (fate.kind === "asks" && !authenticated) return ask(intent, method, call, books);
  const outcome: CardFate = fate.kind === "asks" ? { kind: "succeeds" } : fate;
  const capture = intent.capture_method !== "manual";
  const { amount, currency, customer, description, metadata, id } = intent;
  const order = { amount, currency, customer, description, metadata, method, capture, intent: id };
  const charge = makeCharge(order, outcome, call, books);
  const tried = { ...intent, latest_charge: charge.id, next_action: null };
  if (outcome.kind === "declines") {
    const error = declineError(outcome, charge);
    const after: PaymentIntent = {
      ...tried,
      status: "requires_payment_method",
      payment_method: null,
      last_payment_error: error,
    };
    change(after, "payment_intent.payment_failed", call, books);
    return errorAnswer(402, { ...error, payment_intent: after });
  }
  const paid: PaymentIntent = { ...tried, payment_method: method, last_payment_error: null };
  return done(advanced(paid, charge, outcome), call, books);
}

function advanced(intent: PaymentIntent, charge: Charge, fate: CardFate): PaymentIntent {
  if (fate.kind === "waits") return { ...intent, status: "processing" };
  if (!charge.captured)
    return { ...intent, status: "requires_capture", amount_capturable: charge.amount };
  return { ...intent, status: "succeeded", amount_received: charge.amount_captured };
}

const TOLD: Partial<Readonly<Record<PaymentIntent["status"], string>>> = {
  succeeded: "payment_intent.succeeded",
  processing: "payment_intent.processing",
  requires_capture: "payment_intent.amount_capturable_updated",
  requires_action: "payment_intent.requires_action",
  canceled: "payment_intent.canceled",
};

function done(intent: PaymentIntent, call: Call, books: Books): Answer {
  change(intent, TOLD[intent.status], call, books);
  return { ...present(call, books, intent), made: intent.id };
}

/** Writes what became of a payment intent, and its event. */
export function change(
  intent: PaymentIntent,
  event: string | undefined,
  call: Call,
  books: Books,
): void {
  books.update("payment_intent", intent);
  if (event !== undefined) tell(books, call, event, intent);
}

function ask(intent: PaymentIntent, method: string, call: Call, books: Books): Answer {
  const url = `${call.base}/v1/test_helpers/payment_intents/${intent.id}/authenticate`;
  const asking: PaymentIntent = {
    ...intent,
    status: "requires_action",
    payment_method: method,
    next_action: { type: "redirect_to_url", redirect_to_url: { url, return_url: null } },
  };
  return done(asking, call, books);
}

/** The payment intent of an id as it is now: a bank that has answered meanwhile is heard. */
export function currentIntent(id: string, call: Call, books: Books): PaymentIntent {
  const intent = existing<PaymentIntent>(books, "payment_intent", id);
  if (intent.status !== "processing") return intent;
  const charge = existing<Charge>(books, "charge", intent.latest_charge ?? "");
  if (charge.created * 1_000 + BANK_MS > books.now) return intent;
  const fate = fateOf(charge.payment_method ?? "");
  const ends = fate.kind === "waits" ? fate.ends : "succeeded";
  const paid = ends === "succeeded";
  const answered: Charge = {
    ...charge,
    paid,
    captured: paid,
    amount_captured: paid ? charge.amount : 0,
    status: ends,
  };
  books.update("charge", answered);
  books.mark("charge", charge.id, { status: ends });
  tell(books, call, `charge.${ends}`, answered);
  const after: PaymentIntent = {
    ...intent,
    status: paid ? "succeeded" : "requires_payment_method",
    amount_received: answered.amount_captured,
  };
  change(after, paid ? TOLD.succeeded : "payment_intent.payment_failed", call, books);
  return after;
}

/** Stripe's refusal of what a payment intent's status does not allow. */
export function unexpected(intent: PaymentIntent, doing: string): Answer {
  return impossible(
    "payment_intent_unexpected_state",
    `You cannot ${doing} this PaymentIntent because it has a status of ${intent.status}.`,
    { payment_intent: intent },
  );
}
