import { isoTime } from "../../model/clock.ts";
import type { Books } from "../books.ts";
import type { Answer, Call, Head, Provider, Refusal } from "../provider.ts";
import { squareEventRoutes, squareWebhooks } from "./square-webhooks.ts";

const DAY_MS = 86_400_000;

interface Money {
  readonly amount: number;
  readonly currency: string;
}

interface Payment {
  readonly id: string;
  readonly created_at: string;
  readonly amount_money: Money;
  readonly tip_money?: Money;
  readonly total_money: Money;
  readonly status: string;
  readonly location_id: string;
  readonly reference_id?: string;
  /** The key that it was made with; it is not shown. */
  readonly key: string;
}

interface Refund {
  readonly id: string;
  readonly payment_id: string;
  readonly amount_money: Money;
  readonly status: string;
  readonly created_at: string;
}

/** Square's Payments and Refunds. @see https://developer.squareup.com/reference/square */
export const square: Provider = {
  name: "square",
  title: "Square, Payments and Refunds",
  setup: (url) => `new SquareClient({ token: "EAAA_shop", baseUrl: "${url}" })`,
  rules: {
    carrier: { body: ["idempotency_key"] },
    required: true,
    minLength: 1,
    maxLength: 45,
    space: "endpoint",
    keeps: "successes",
    replay: "bytes",
    mismatch: "refuse",
    // Square does not publish it; a test that needs less or more sets it.
    retentionMs: DAY_MS,
  },
  routes: [
    { method: "POST", path: "/v2/payments", run: createPayment },
    { method: "GET", path: "/v2/payments", run: listPayments },
    { method: "POST", path: "/v2/payments/cancel", keyed: false, run: cancelByKey },
    { method: "GET", path: "/v2/payments/:id", run: getPayment },
    { method: "POST", path: "/v2/refunds", run: refundPayment },
    { method: "GET", path: "/v2/refunds/:id", run: getRefund },
    ...squareEventRoutes,
  ],
  webhooks: squareWebhooks,
  recognises: (head) => accountOf(head) !== undefined || "square-version" in head.headers,
  account: accountOf,
  refuse: (refusal) => errorAnswer(...REFUSALS[refusal]),
};

/** What follows the access token's prefix. */
function accountOf({ headers }: Head): string | undefined {
  return /^bearer EAAA(?:[^_\s]*)_(\w+)$/i.exec(headers["authorization"] ?? "")?.[1];
}

interface PaymentBody {
  readonly source_id?: unknown;
  readonly idempotency_key?: string;
  readonly amount_money?: Partial<Money>;
  readonly tip_money?: Money;
  readonly autocomplete?: boolean;
  readonly location_id?: string;
  readonly reference_id?: string;
}

function createPayment(call: Call, books: Books): Answer {
  const body = call.body as PaymentBody;
  const { amount_money, tip_money, reference_id } = body;
  if (typeof body.source_id !== "string" || body.source_id === "")
    return invalid("MISSING_REQUIRED_PARAMETER", "Field must be set", "source_id");
  if (!isMoney(amount_money))
    return invalid("INVALID_VALUE", "Money is an amount and a currency", "amount_money");
  if ((reference_id?.length ?? 0) > 40)
    return invalid("VALUE_TOO_LONG", "Field must not be longer than 40", "reference_id");
  const total = amount_money.amount + (tip_money?.amount ?? 0);
  const made: Payment = {
    id: books.identify("", 27),
    created_at: isoTime(books.now),
    amount_money,
    ...(tip_money === undefined ? {} : { tip_money }),
    total_money: { ...amount_money, amount: total },
    status: body.autocomplete === false ? "APPROVED" : "COMPLETED",
    location_id: body.location_id ?? "main",
    ...(reference_id === undefined ? {} : { reference_id }),
    key: call.key ?? "",
  };
  if (call.decline) return decline(made);
  books.insert("payment", made);
  books.record({
    kind: "payment",
    id: made.id,
    amount: total,
    currency: amount_money.currency.toLowerCase(),
    reference: reference_id,
    status: made.status === "APPROVED" ? "authorized" : "succeeded",
  });
  return { status: 200, body: { payment: shown(made) }, made: made.id };
}

function decline(payment: Payment): Answer {
  const detail = "Authorization error: 'GENERIC_DECLINE'";
  const errors = [{ category: "PAYMENT_METHOD_ERROR", code: "GENERIC_DECLINE", detail }];
  return { status: 400, body: { errors, payment: { ...shown(payment), status: "FAILED" } } };
}

function isMoney(money: Partial<Money> | undefined): money is Money {
  const { amount, currency } = money ?? {};
  return Number.isSafeInteger(amount) && Number(amount) > 0 && /^[A-Z]{3}$/.test(currency ?? "");
}

function shown({ key, ...payment }: Payment): Omit<Payment, "key"> {
  return payment;
}

const PAGE_MAX = 100;

/** Newest first unless told; a page at a time. */
function listPayments(call: Call, books: Books): Answer {
  const query = call.query as Record<string, string | undefined>;
  const begin = Date.parse(query["begin_time"] ?? "") || books.now - 365 * DAY_MS;
  const end = Date.parse(query["end_time"] ?? "") || books.now + 1;
  const found = Array.from(books.each<Payment>("payment", "list")).filter((payment) => {
    const at = Date.parse(payment.created_at);
    const { total = String(payment.total_money.amount), location_id = payment.location_id } = query;
    const fits = payment.total_money.amount === Number(total);
    return at >= begin && at < end && fits && payment.location_id === location_id;
  });
  if (query["sort_order"] === "ASC") found.reverse();
  const from = Number(query["cursor"] ?? 0);
  const limit = Math.min(Number(query["limit"] ?? PAGE_MAX), PAGE_MAX);
  const payments = found.slice(from, from + limit).map(shown);
  const more = from + limit < found.length;
  return { status: 200, body: { payments, ...(more ? { cursor: String(from + limit) } : {}) } };
}

/** Of an unknown key it says that all is well, and a payment that comes later is made. */
function cancelByKey(call: Call, books: Books): Answer {
  const { idempotency_key: key } = call.body as { idempotency_key?: unknown };
  if (typeof key !== "string" || key === "")
    return invalid("MISSING_REQUIRED_PARAMETER", "Field must be set", "idempotency_key");
  const payment = Array.from(books.each<Payment>("payment")).find((one) => one.key === key);
  if (payment === undefined || payment.status === "CANCELED") return { status: 200, body: {} };
  if (payment.status !== "APPROVED")
    return invalid("BAD_REQUEST", "The payment is completed and cannot be canceled", "payment");
  books.update("payment", { ...payment, status: "CANCELED" });
  books.mark("payment", payment.id, { status: "canceled" });
  return { status: 200, body: {} };
}

function getPayment(call: Call, books: Books): Answer {
  const payment = books.find<Payment>("payment", call.parameters["id"] ?? "");
  return payment === undefined ? missing() : { status: 200, body: { payment: shown(payment) } };
}

interface RefundBody {
  readonly payment_id?: string;
  readonly amount_money?: Partial<Money>;
}

function refundPayment(call: Call, books: Books): Answer {
  const { payment_id = "", amount_money } = call.body as RefundBody;
  const payment = books.find<Payment>("payment", payment_id);
  if (payment === undefined) return missing();
  if (!isMoney(amount_money))
    return invalid("INVALID_VALUE", "Money is an amount and a currency", "amount_money");
  if (call.decline)
    return errorAnswer(400, "REFUND_ERROR", "REFUND_DECLINED", "The refund was declined.");
  if (payment.status !== "COMPLETED")
    return errorAnswer(400, "REFUND_ERROR", "PAYMENT_NOT_REFUNDABLE", "It cannot be refunded.");
  const refunded = Array.from(books.each<Refund>("refund"))
    .filter((one) => one.payment_id === payment_id)
    .reduce((sum, one) => sum + one.amount_money.amount, 0);
  if (amount_money.amount > payment.total_money.amount - refunded)
    return errorAnswer(400, "REFUND_ERROR", "REFUND_AMOUNT_INVALID", "That is more than is left.");
  const made: Refund = {
    id: books.identify(`${payment_id}_`, 20),
    payment_id,
    amount_money,
    status: "PENDING",
    created_at: isoTime(books.now),
  };
  books.insert("refund", made);
  const currency = amount_money.currency.toLowerCase();
  const { id } = made;
  books.record({
    ...{ kind: "refund", id, amount: amount_money.amount, currency },
    ...{ reference: payment_id, status: "pending" },
  });
  return { status: 200, body: { refund: made }, made: id };
}

function getRefund(call: Call, books: Books): Answer {
  const refund = books.find<Refund>("refund", call.parameters["id"] ?? "");
  return refund === undefined ? missing() : { status: 200, body: { refund } };
}

function errorAnswer(status: number, category: string, code: string, detail: string): Answer {
  return { status, body: { errors: [{ category, code, detail }] } };
}

function invalid(code: string, detail: string, field: string): Answer {
  const errors = [{ category: "INVALID_REQUEST_ERROR", code, detail, field }];
  return { status: 400, body: { errors }, refused: true };
}

function missing(): Answer {
  const detail = "There is no such object.";
  return { ...errorAnswer(404, "INVALID_REQUEST_ERROR", "NOT_FOUND", detail), refused: true };
}

const INVALID = "INVALID_REQUEST_ERROR";
const REFUSALS: Readonly<Record<Refusal, readonly [number, string, string, string]>> = {
  internal: [500, "API_ERROR", "INTERNAL_SERVER_ERROR", "An internal error has occurred."],
  unavailable: [503, "API_ERROR", "SERVICE_UNAVAILABLE", "The service is not available."],
  "rate-limited": [429, "RATE_LIMIT_ERROR", "RATE_LIMITED", "Too many requests."],
  unauthenticated: [401, "AUTHENTICATION_ERROR", "UNAUTHORIZED", "This request is not allowed."],
  "not-found": [404, INVALID, "NOT_FOUND", "Resource not found."],
  "body-malformed": [400, INVALID, "EXPECTED_JSON_BODY", "The body is not JSON."],
  "body-too-large": [413, INVALID, "REQUEST_ENTITY_TOO_LARGE", "The body is too large."],
  "key-missing": [400, INVALID, "MISSING_REQUIRED_PARAMETER", "Send an idempotency_key."],
  "key-malformed": [400, INVALID, "VALUE_TOO_LONG", "A key has 1 to 45 characters."],
  "key-in-use": [409, INVALID, "CONFLICT", "Another request with this key is in progress."],
  "key-reused": [400, INVALID, "IDEMPOTENCY_KEY_REUSED", "The key has other parameters already."],
  "key-spent": [400, INVALID, "IDEMPOTENCY_KEY_REUSED", "The key was used."],
};
