import type { Books } from "../../books.ts";
import type { Answer, Call, Route } from "../../provider.ts";
import { capture, release } from "./charges.ts";
import { impossible, invalid } from "./errors.ts";
import { listRoute, present } from "./lists.ts";
import { born, type Charge, existing, type PaymentIntent, seconds, tell } from "./objects.ts";
import {
  amount,
  currency,
  type Fields,
  fieldsOf,
  flag,
  metadata,
  needed,
  oneOf,
  route,
  text,
} from "./parameters.ts";
import { attempt, change, currentIntent, unexpected } from "./payments.ts";
import { searchRoute } from "./search.ts";

const CAPTURE_METHODS = ["automatic", "automatic_async", "manual"] as const;
const REASONS = ["abandoned", "duplicate", "fraudulent", "requested_by_customer"] as const;

function create(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const method = text(fields, "payment_method") ?? null;
  const confirmed = flag(fields, "confirm") ?? false;
  const intent = bornIntent(fields, books, method);
  if (confirmed && method === null)
    return invalid(
      "You cannot confirm this PaymentIntent because it's missing a payment method.",
      "payment_method",
      "payment_intent_unexpected_state",
    );
  books.insert("payment_intent", intent);
  tell(books, call, "payment_intent.created", intent);
  if (confirmed && method !== null) return attempt(intent, method, call, books);
  return { ...present(call, books, intent), made: intent.id };
}

function bornIntent(fields: Fields, books: Books, method: string | null): PaymentIntent {
  const order = { amount: needed(amount(fields), "amount"), currency: currency(fields) };
  const captureMethod = oneOf(fields, "capture_method", CAPTURE_METHODS) ?? "automatic_async";
  const noted = metadata(fields);
  const types = fields["payment_method_types"];
  const base = born(books, "payment_intent", "pi");
  return {
    ...base,
    ...order,
    amount_capturable: 0,
    amount_received: 0,
    canceled_at: null,
    cancellation_reason: null,
    capture_method: captureMethod,
    client_secret: books.identify(`${base.id}_secret_`),
    confirmation_method:
      oneOf(fields, "confirmation_method", ["automatic", "manual"]) ?? "automatic",
    customer: text(fields, "customer") ?? null,
    description: text(fields, "description") ?? null,
    last_payment_error: null,
    latest_charge: null,
    metadata: noted,
    next_action: null,
    payment_method: method,
    payment_method_types: Array.isArray(types) ? types.map(String) : ["card"],
    processing: null,
    receipt_email: text(fields, "receipt_email") ?? null,
    statement_descriptor: text(fields, "statement_descriptor") ?? null,
    status: method === null ? "requires_payment_method" : "requires_confirmation",
  };
}

function find(call: Call, books: Books): PaymentIntent {
  return currentIntent(call.parameters["id"] ?? "", call, books);
}

function update(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const intent = find(call, books);
  const method = text(fields, "payment_method") ?? intent.payment_method;
  const newAmount = amount(fields) ?? intent.amount;
  const noted = metadata(fields, intent.metadata);
  const open = intent.status.startsWith("requires_") && intent.status !== "requires_capture";
  if (!open && (newAmount !== intent.amount || method !== intent.payment_method))
    return unexpected(intent, "update");
  const waits = intent.status === "requires_payment_method" && method !== null;
  const after: PaymentIntent = {
    ...intent,
    amount: newAmount,
    description: text(fields, "description") ?? intent.description,
    metadata: noted,
    payment_method: method,
    status: waits ? "requires_confirmation" : intent.status,
  };
  change(after, undefined, call, books);
  return present(call, books, after);
}

function confirm(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const intent = find(call, books);
  const method = text(fields, "payment_method") ?? intent.payment_method;
  const open = ["requires_payment_method", "requires_confirmation", "requires_action"];
  if (!open.includes(intent.status)) return unexpected(intent, "confirm");
  if (method === null)
    return impossible(
      "payment_intent_unexpected_state",
      "You cannot confirm this PaymentIntent because it's missing a payment method.",
      { payment_intent: intent },
    );
  return attempt(intent, method, call, books);
}

/** What the customer does at the bank's page. */
function authenticate(call: Call, books: Books): Answer {
  const outcome = oneOf(fieldsOf(call), "outcome", ["succeeded", "failed"]) ?? "succeeded";
  const intent = find(call, books);
  if (intent.status !== "requires_action" || intent.payment_method === null)
    return unexpected(intent, "authenticate");
  if (outcome === "succeeded") return attempt(intent, intent.payment_method, call, books, true);
  const error = {
    type: "invalid_request_error",
    code: "payment_intent_authentication_failure",
    message: "The provided PaymentMethod has failed authentication.",
  };
  const after: PaymentIntent = {
    ...intent,
    status: "requires_payment_method",
    payment_method: null,
    next_action: null,
    last_payment_error: error,
  };
  change(after, "payment_intent.payment_failed", call, books);
  return present(call, books, after);
}

function captureIntent(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const intent = find(call, books);
  if (intent.status !== "requires_capture") return unexpected(intent, "capture");
  const captured = amount(fields, "amount_to_capture") ?? intent.amount_capturable;
  if (captured > intent.amount_capturable)
    return impossible("amount_too_large", `At most ${intent.amount_capturable} can be captured.`, {
      param: "amount_to_capture",
    });
  capture(existing<Charge>(books, "charge", intent.latest_charge ?? ""), captured, call, books);
  const after: PaymentIntent = {
    ...intent,
    status: "succeeded",
    amount_capturable: 0,
    amount_received: captured,
    metadata: metadata(fields, intent.metadata),
  };
  change(after, "payment_intent.succeeded", call, books);
  return present(call, books, after);
}

function cancel(call: Call, books: Books): Answer {
  const reason = oneOf(fieldsOf(call), "cancellation_reason", REASONS) ?? null;
  const intent = find(call, books);
  if (!intent.status.startsWith("requires_")) return unexpected(intent, "cancel");
  if (intent.status === "requires_capture" && intent.latest_charge !== null)
    release(existing<Charge>(books, "charge", intent.latest_charge), call, books);
  const after: PaymentIntent = {
    ...intent,
    status: "canceled",
    amount_capturable: 0,
    canceled_at: seconds(books),
    cancellation_reason: reason,
    next_action: null,
  };
  change(after, "payment_intent.canceled", call, books);
  return present(call, books, after);
}

export const paymentIntentRoutes: readonly Route[] = [
  route("POST", "/v1/payment_intents", create),
  listRoute("/v1/payment_intents", "payment_intent", ["customer"]),
  searchRoute("/v1/payment_intents/search", "payment_intent"),
  route("GET", "/v1/payment_intents/:id", (call, books) => present(call, books, find(call, books))),
  route("POST", "/v1/payment_intents/:id", update),
  route("POST", "/v1/payment_intents/:id/confirm", confirm),
  route("POST", "/v1/payment_intents/:id/capture", captureIntent),
  route("POST", "/v1/payment_intents/:id/cancel", cancel),
  route("POST", "/v1/test_helpers/payment_intents/:id/authenticate", authenticate),
];
