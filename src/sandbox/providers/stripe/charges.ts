import type { Books } from "../../books.ts";
import type { Answer, Call, Route } from "../../provider.ts";
import {
  type CardFate,
  type Decline,
  declineMessage,
  fateOf,
  GENERIC_DECLINE,
  methodDetails,
  UNASKED,
} from "./cards.ts";
import { errorAnswer, impossible, type StripeError } from "./errors.ts";
import { listRoute, present } from "./lists.ts";
import { born, type Charge, existing, tell } from "./objects.ts";
import { amount, currency, fieldsOf, flag, metadata, needed, route, text } from "./parameters.ts";
import { searchRoute } from "./search.ts";

/** What is to be charged, by a charge or by a payment intent. */
export interface ChargeOrder
  extends Pick<Charge, "amount" | "currency" | "customer" | "description" | "metadata"> {
  readonly method: string;
  readonly intent: string | null;
  readonly capture: boolean;
}

/** The charge of a card or bank that answers now, and its movement of money unless it failed. */
export function makeCharge(order: ChargeOrder, fate: CardFate, call: Call, books: Books): Charge {
  const failed = fate.kind === "declines";
  const pending = fate.kind === "waits";
  const captured = order.capture && !failed && !pending;
  const charge: Charge = {
    ...born(books, "charge", "ch"),
    amount: order.amount,
    amount_captured: captured ? order.amount : 0,
    amount_refunded: 0,
    captured,
    currency: order.currency,
    customer: order.customer,
    description: order.description,
    disputed: false,
    failure_code: failed ? fate.code : null,
    failure_message: failed ? declineMessage(fate) : null,
    metadata: order.metadata,
    outcome: outcomeOf(fate),
    paid: !failed && !pending,
    payment_intent: order.intent,
    payment_method: order.method,
    payment_method_details: methodDetails(order.method),
    refunded: false,
    status: failed ? "failed" : pending ? "pending" : "succeeded",
  };
  books.insert("charge", charge);
  tell(books, call, `charge.${charge.status}`, charge);
  if (failed) return charge;
  const status = pending ? "pending" : captured ? "succeeded" : "authorized";
  books.record({
    kind: "charge",
    id: charge.id,
    amount: charge.amount,
    currency: charge.currency,
    metadata: charge.metadata,
    status,
    reference: order.intent ?? undefined,
  });
  return charge;
}

function outcomeOf(fate: CardFate): unknown {
  const declined = fate.kind === "declines";
  return {
    network_status: declined ? "declined_by_network" : "approved_by_network",
    reason: declined ? (fate.declineCode ?? fate.code) : null,
    risk_level: "normal",
    seller_message: declined ? "The bank refused the payment." : "Payment complete.",
    type: declined ? "issuer_declined" : "authorized",
  };
}

/** The error of a declined card. */
export function declineError(fate: Decline, charge: Charge): StripeError {
  return {
    type: "card_error",
    code: fate.code,
    ...(fate.declineCode === undefined ? {} : { decline_code: fate.declineCode }),
    message: declineMessage(fate),
    charge: charge.id,
  };
}

/** What the card does, or what the sandbox was told that it does. */
export function fateFor(method: string, call: Call): CardFate {
  return call.decline ? GENERIC_DECLINE : fateOf(method);
}

/** Takes the money of an authorization, or a part of it; the rest is released. */
export function capture(charge: Charge, captured: number, call: Call, books: Books): Charge {
  const after: Charge = {
    ...charge,
    captured: true,
    amount_captured: captured,
    amount_refunded: charge.amount - captured,
  };
  books.update("charge", after);
  books.mark("charge", charge.id, { status: "succeeded", amount: captured });
  tell(books, call, "charge.captured", after);
  return after;
}

/** Gives an authorization back. */
export function release(charge: Charge, call: Call, books: Books): void {
  const after: Charge = { ...charge, amount_refunded: charge.amount, refunded: true };
  books.update("charge", after);
  books.mark("charge", charge.id, { status: "canceled" });
  tell(books, call, "charge.refunded", after);
}

function create(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const customer = text(fields, "customer") ?? null;
  const method = text(fields, "source") ?? (customer === null ? undefined : "tok_visa");
  const order: ChargeOrder = {
    amount: needed(amount(fields), "amount"),
    currency: currency(fields),
    customer,
    description: text(fields, "description") ?? null,
    metadata: metadata(fields),
    method: needed(method, "source"),
    intent: null,
    capture: flag(fields, "capture") ?? true,
  };
  const likely = fateFor(order.method, call);
  const fate = likely.kind === "asks" ? UNASKED : likely;
  const charge = makeCharge(order, fate, call, books);
  return fate.kind === "declines"
    ? errorAnswer(402, declineError(fate, charge))
    : { ...present(call, books, charge), made: charge.id };
}

function captureRoute(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const charge = existing<Charge>(books, "charge", call.parameters["id"] ?? "");
  const most = charge.amount - charge.amount_refunded;
  const captured = amount(fields) ?? most;
  if (charge.payment_intent !== null)
    return impossible("charge_capture_of_intent", "Capture the payment intent of this charge.");
  if (charge.captured || charge.refunded || charge.status !== "succeeded")
    return impossible("charge_already_captured", `Charge ${charge.id} has already been captured.`);
  if (captured > most)
    return impossible("amount_too_large", `At most ${most} can be captured.`, { param: "amount" });
  return present(call, books, capture(charge, captured, call, books));
}

export const chargeRoutes: readonly Route[] = [
  route("POST", "/v1/charges", create),
  listRoute("/v1/charges", "charge", ["customer", "payment_intent"]),
  searchRoute("/v1/charges/search", "charge"),
  route("GET", "/v1/charges/:id", (call, books) =>
    present(call, books, existing<Charge>(books, "charge", call.parameters["id"] ?? "")),
  ),
  route("POST", "/v1/charges/:id/capture", captureRoute),
];
