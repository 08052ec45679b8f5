import { type Declined, declined } from "../core/judgement.ts";
import { linkOf, type PayPalRefusal } from "./paypal-client.ts";
import { memberOf, present, requiredText, textOf } from "./sdk-answer.ts";

export interface PayPalAmount {
  readonly currency_code: string;
  /** With the currency's decimals, such as `19.99`. */
  readonly value: string;
}

/** A capture, an authorization or a refund. That it exists says nothing of its status. */
export interface PayPalPayment {
  readonly id: string;
  /** Such as `COMPLETED`, or `PENDING`, which moves on by webhook. */
  readonly status: string;
  /** Why it has that status, such as `PENDING_REVIEW` or `ECHECK`. */
  readonly reason?: string;
  readonly amount?: PayPalAmount;
}

export interface PayPalOrder {
  readonly id: string;
  /** `CREATED`, `SAVED`, `APPROVED`, `PAYER_ACTION_REQUIRED`, `VOIDED` or `COMPLETED`. */
  readonly status: string;
  /** Where the payer approves the order, while that is to be done. */
  readonly approveUrl?: string;
  readonly captures: readonly PayPalPayment[];
  readonly authorizations: readonly PayPalPayment[];
}

export interface PayPalDecline {
  /** The issue, such as `INSTRUMENT_DECLINED`, or the status of a payment that came to nothing. */
  readonly code: string;
  readonly message?: string;
  readonly debugId?: string;
  /** Where the payer can choose something else. */
  readonly payerUrl?: string;
}

/** What a payment ends with that takes no money and never will. */
const DEAD: ReadonlySet<string> = new Set(["DECLINED", "DENIED", "FAILED", "CANCELLED"]);

/** @throws an error that proves nothing, for what is no payment */
export function toPayment(json: unknown): PayPalPayment {
  const value = textOf(json, "amount", "value");
  const currency = textOf(json, "amount", "currency_code");
  const known = value !== undefined && currency !== undefined;
  return present({
    id: requiredText(json, "id"),
    status: requiredText(json, "status"),
    reason: textOf(json, "status_details", "reason"),
    amount: known ? { currency_code: currency, value } : undefined,
  });
}

/** A payment, or its decline: PayPal answers 201 to some cards that were declined. */
export function judgePayment(json: unknown): PayPalPayment | Declined<PayPalDecline> {
  const payment = toPayment(json);
  return isLive(payment) ? payment : declined(declineOf([payment], json));
}

/** @throws an error that proves nothing, for what is no order */
export function toOrder(json: unknown): PayPalOrder {
  return present({
    id: requiredText(json, "id"),
    status: requiredText(json, "status"),
    approveUrl: linkOf(json, ["payer-action", "approve"]),
    captures: paymentsOf(json, "captures").map(toPayment),
    authorizations: paymentsOf(json, "authorizations").map(toPayment),
  });
}

/** Whether money was taken or reserved, or may yet be. */
export function isLive({ status }: PayPalPayment): boolean {
  return !DEAD.has(status);
}

/** An order, or a decline if it has payments and each of them came to nothing. */
export function judgeOrder(json: unknown): PayPalOrder | Declined<PayPalDecline> {
  const order = toOrder(json);
  const payments = [...order.captures, ...order.authorizations];
  const dead = payments.length > 0 && !payments.some(isLive);
  return dead ? declined(declineOf(payments, json)) : order;
}

function paymentsOf(json: unknown, kind: "captures" | "authorizations"): unknown[] {
  const units = memberOf(json, "purchase_units");
  if (!Array.isArray(units)) return [];
  return units.flatMap((unit) => {
    const payments = memberOf(unit, "payments", kind);
    return Array.isArray(payments) ? payments : [];
  });
}

function declineOf(payments: readonly PayPalPayment[], json: unknown): PayPalDecline {
  const [first] = payments;
  return present({
    code: first?.status ?? "DECLINED",
    message: first?.reason,
    payerUrl: linkOf(json, ["payer-action"]),
  });
}

/** The decline behind a refusal; undefined if it is not in PayPal's words. */
export function toDecline(refusal: PayPalRefusal): PayPalDecline | undefined {
  const code = refusal.issues[0] ?? refusal.name;
  if (code === "") return undefined;
  return present({
    code,
    message: refusal.message || undefined,
    debugId: refusal.debugId || undefined,
    payerUrl: refusal.payerUrl,
  });
}
