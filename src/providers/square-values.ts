import { type Declined, declined } from "../core/judgement.ts";
import { memberOf, numberOf, present, requiredText, textOf } from "./sdk-answer.ts";

export interface SquareMoney {
  /** In the currency's smallest unit; a number, because JSON has no `bigint`. */
  readonly amount: number;
  readonly currency: string;
}

/** That it exists says nothing of its status. */
export interface SquarePayment {
  readonly id: string;
  /** `COMPLETED`, `APPROVED` (authorized only) or `PENDING`, which moves on by webhook. */
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly orderId?: string;
  readonly receiptUrl?: string;
}

export interface SquareRefund {
  readonly id: string;
  readonly paymentId?: string;
  /** `PENDING` or `COMPLETED`. */
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
}

export interface SquareDecline {
  /** Such as `GENERIC_DECLINE`, or the status of a payment that came to nothing. */
  readonly code: string;
  readonly detail?: string;
}

/** The same, with the amounts of money as the SDK wants them. */
export function toSdk(value: object): object {
  const convert = (inner: unknown): unknown => {
    if (Array.isArray(inner)) return inner.map(convert);
    if (typeof inner !== "object" || inner === null) return inner;
    const members = Object.entries(inner).map(([name, member]) => [name, convert(member)]);
    const amount = numberOf(inner, "amount");
    const isMoney = amount !== undefined && textOf(inner, "currency") !== undefined;
    return { ...Object.fromEntries(members), ...(isMoney ? { amount: BigInt(amount) } : {}) };
  };
  return convert(value) as object;
}

/** What a payment or a refund ends with that moves no money and never will. */
const DEAD: ReadonlySet<string> = new Set(["FAILED", "CANCELED", "REJECTED"]);

export function judgePayment(answer: unknown): SquarePayment | Declined<SquareDecline> {
  const payment = toPayment(answer);
  return DEAD.has(payment.status) ? declined({ code: payment.status }) : payment;
}

export function judgeRefund(answer: unknown): SquareRefund | Declined<SquareDecline> {
  const refund = toRefund(answer);
  return DEAD.has(refund.status) ? declined({ code: refund.status }) : refund;
}

/** @throws an error that proves nothing, for what is no payment */
export function toPayment(answer: unknown): SquarePayment {
  return present({
    id: requiredText(answer, "id"),
    status: requiredText(answer, "status"),
    ...moneyOf(answer),
    orderId: textOf(answer, "orderId"),
    receiptUrl: textOf(answer, "receiptUrl"),
  });
}

export function toRefund(answer: unknown): SquareRefund {
  return present({
    id: requiredText(answer, "id"),
    paymentId: textOf(answer, "paymentId"),
    status: requiredText(answer, "status"),
    ...moneyOf(answer),
  });
}

function moneyOf(answer: unknown): SquareMoney {
  const amount = memberOf(answer, "amountMoney", "amount");
  if (typeof amount !== "bigint") throw new Error("The answer has no amountMoney.amount.");
  return { amount: Number(amount), currency: requiredText(answer, "amountMoney", "currency") };
}
