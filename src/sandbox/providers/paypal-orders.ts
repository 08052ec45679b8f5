import type { Books } from "../books.ts";
import type { Answer, Call } from "../provider.ts";

/** Money as PayPal spells it. */
export interface Money {
  readonly currency_code: string;
  readonly value: string;
}

export interface Unit {
  readonly reference_id: string;
  readonly amount: Money;
  readonly custom_id?: string;
  readonly invoice_id?: string;
}

/** An order as it stands in the books; its payments are objects of their own. */
export interface Order {
  readonly id: string;
  readonly intent: string;
  readonly status: string;
  readonly units: readonly Unit[];
}

/** A capture or an authorization of one unit of an order. */
export interface Payment {
  readonly id: string;
  readonly order: string;
  readonly unit: string;
  readonly status: string;
  readonly amount: Money;
  readonly custom_id?: string;
  readonly invoice_id?: string;
  /** The authorization that a capture captures, or the capture that a refund refunds. */
  readonly source?: string;
}

export type PaymentKind = "capture" | "authorization";

/** PayPal's own list. @see https://developer.paypal.com/reference/currency-codes/ */
const WITHOUT_DECIMALS: ReadonlySet<string> = new Set(["HUF", "JPY", "TWD"]);

/** In the currency's smallest unit; undefined for what is no amount. */
export function unitsOf(money: Money | undefined): number | undefined {
  if (money === undefined || !/^[A-Z]{3}$/.test(money.currency_code ?? "")) return undefined;
  if (!/^\d{1,8}(?:\.\d{1,2})?$/.test(money.value ?? "")) return undefined;
  const factor = WITHOUT_DECIMALS.has(money.currency_code) ? 1 : 100;
  const units = Math.round(Number(money.value) * factor);
  return units > 0 ? units : undefined;
}

export function refusal(
  status: number,
  name: string,
  issue: string | undefined,
  message: string,
): Answer {
  const details = issue === undefined ? [] : [{ issue, description: message }];
  return { status, body: { name, message, debug_id: "sandbox", details, links: [] } };
}

/** What business rules forbid; the key stays free, because nothing was made. */
export function unprocessable(issue: string, message: string): Answer {
  return refusal(422, "UNPROCESSABLE_ENTITY", issue, message);
}

export function malformed(issue: string, message: string): Answer {
  return { ...refusal(400, "INVALID_REQUEST", issue, message), refused: true };
}

export function missing(): Answer {
  const message = "The specified resource does not exist.";
  return { ...refusal(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", message), refused: true };
}

/**
 * Captures or authorizes what an order asks for, unless there is a reason not to.
 *
 * @param rejected for a card whose processor says no: then the payments are made and declined
 */
export function pay(
  call: Call,
  books: Books,
  order: Order,
  kind: PaymentKind,
  rejected = false,
): Answer | undefined {
  if (call.decline)
    return unprocessable("INSTRUMENT_DECLINED", "The instrument presented was declined.");
  const invoices = order.units.map((unit) => unit.invoice_id);
  for (const known of ["capture", "authorization"] as const)
    for (const payment of books.each<Payment>(known))
      if (payment.invoice_id !== undefined && invoices.includes(payment.invoice_id))
        return unprocessable("DUPLICATE_INVOICE_ID", "Duplicate invoice ID detected.");
  for (const unit of order.units) makePayment(books, order, unit, kind, rejected);
  books.update("order", { ...order, status: "COMPLETED" });
  return undefined;
}

function makePayment(
  books: Books,
  order: Order,
  unit: Unit,
  kind: PaymentKind,
  rejected: boolean,
): void {
  const { reference_id, amount, ...marks } = unit;
  const [shown, moved] =
    kind === "capture"
      ? (["COMPLETED", "succeeded"] as const)
      : (["CREATED", "authorized"] as const);
  const denied = kind === "capture" ? "DECLINED" : "DENIED";
  const status = rejected ? denied : shown;
  const id = books.identify("", 17).toUpperCase();
  books.insert(kind, { id, order: order.id, unit: reference_id, status, amount, ...marks });
  recordPayment(books, { id, amount, ...marks }, kind, rejected ? "failed" : moved);
}

export function recordPayment(
  books: Books,
  payment: Pick<Payment, "id" | "amount" | "custom_id" | "invoice_id">,
  kind: PaymentKind | "refund",
  status: string,
): void {
  books.record({
    kind,
    status,
    id: payment.id,
    amount: unitsOf(payment.amount) ?? 0,
    currency: payment.amount.currency_code.toLowerCase(),
    reference: payment.invoice_id ?? payment.custom_id,
  });
}

/** The order with its payments, as it is now. */
export function showOrder(call: Call, books: Books, id: string, status: number): Answer {
  const order = books.find<Order>("order", id);
  if (order === undefined) return missing();
  const { units, ...rest } = order;
  const link = (path: string, rel: string) => ({ href: call.base + path, rel, method: "GET" });
  const open = order.status === "CREATED" || order.status === "PAYER_ACTION_REQUIRED";
  const body = {
    ...rest,
    purchase_units: units.map((unit) => ({ ...unit, payments: paymentsOf(books, order, unit) })),
    links: [
      link(`/v2/checkout/orders/${id}`, "self"),
      ...(open ? [link(`/checkoutnow/${call.account}?token=${id}`, "approve")] : []),
    ],
  };
  return { status, body, made: id };
}

function paymentsOf(books: Books, order: Order, unit: Unit): Record<string, unknown> {
  const of = (kind: PaymentKind) =>
    Array.from(books.each<Payment>(kind))
      .filter((one) => one.order === order.id && one.unit === unit.reference_id)
      .map(showPayment)
      .reverse();
  return { captures: of("capture"), authorizations: of("authorization") };
}

/** A payment without what only the sandbox knows of it. */
export function showPayment(payment: Payment): Record<string, unknown> {
  const { order, unit, source, ...shown } = payment;
  return { ...shown, supplementary_data: { related_ids: { order_id: order } } };
}
