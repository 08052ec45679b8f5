import type { Books } from "../../books.ts";
import type { Answer, Call, Route } from "../../provider.ts";
import { impossible, missing } from "./errors.ts";
import { listRoute, present } from "./lists.ts";
import { born, type Charge, existing, type Refund, tell } from "./objects.ts";
import { amount, fieldsOf, metadata, oneOf, refuseWith, route, text } from "./parameters.ts";
import { currentIntent } from "./payments.ts";

const REASONS = ["duplicate", "fraudulent", "requested_by_customer"] as const;

function create(call: Call, books: Books): Answer {
  const fields = fieldsOf(call);
  const charge = chargeOf(call, books);
  const reason = oneOf(fields, "reason", REASONS) ?? null;
  const given = amount(fields);
  const noted = metadata(fields);
  const rest = charge.amount_captured - refundedOf(charge);
  if (charge.status !== "succeeded" || !charge.captured)
    return impossible("charge_not_refundable", `Charge ${charge.id} has taken no money.`);
  if (rest === 0)
    return impossible("charge_already_refunded", `Charge ${charge.id} has already been refunded.`);
  const refunded = given ?? rest;
  if (refunded > rest)
    return impossible(
      "amount_too_large",
      `Refund amount (${refunded}) is greater than unrefunded amount on charge (${rest}).`,
      { param: "amount" },
    );
  if (call.decline)
    return impossible("balance_insufficient", "The balance is too small for this refund.");
  const refund: Refund = {
    ...born(books, "refund", "re"),
    amount: refunded,
    charge: charge.id,
    currency: charge.currency,
    metadata: noted,
    payment_intent: charge.payment_intent,
    reason,
    status: "succeeded",
  };
  books.insert("refund", refund);
  books.record({ ...refund, kind: "refund", reference: charge.id });
  const after = { ...charge, amount_refunded: charge.amount_refunded + refunded };
  const whole: Charge = { ...after, refunded: rest === refunded };
  books.update("charge", whole);
  tell(books, call, "charge.refunded", whole);
  tell(books, call, "refund.created", refund);
  return { ...present(call, books, refund), made: refund.id };
}

/** What was given back; the part of an authorization that was never taken does not count. */
function refundedOf(charge: Charge): number {
  return charge.amount_refunded - (charge.amount - charge.amount_captured);
}

function chargeOf(call: Call, books: Books): Charge {
  const fields = fieldsOf(call);
  const id = text(fields, "charge");
  if (id !== undefined) return existing<Charge>(books, "charge", id, "charge");
  const intentId = text(fields, "payment_intent") ?? refuseWith(missing("charge"));
  const intent = currentIntent(intentId, call, books);
  const charge = intent.latest_charge;
  if (charge === null)
    return refuseWith(
      impossible("charge_not_refundable", `This PaymentIntent (${intent.id}) has no charge.`),
    );
  return existing<Charge>(books, "charge", charge);
}

export const refundRoutes: readonly Route[] = [
  route("POST", "/v1/refunds", create),
  listRoute("/v1/refunds", "refund", ["charge", "payment_intent"]),
  route("GET", "/v1/refunds/:id", (call, books) =>
    present(call, books, existing<Refund>(books, "refund", call.parameters["id"] ?? "")),
  ),
];
