import type { Books } from "../books.ts";
import type { Answer, Call, Head, KeyRules, Provider, Refusal } from "../provider.ts";
import { PAID_ORDER, type PaidOrder, razorpayWebhooks } from "./razorpay-webhooks.ts";
import { textsOf } from "./texts.ts";

const DAY_MS = 86_400_000;

interface Entity {
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
}

interface Payment extends Entity {
  readonly status: string;
  readonly amount_refunded: number;
}

interface Refund extends Entity {
  readonly payment_id: string;
}

interface Payout extends Entity {
  readonly account_number: string;
  readonly reference_id: string | null;
}

interface Order extends Entity {
  readonly receipt: string | null;
}

const PAYOUT_RULES: Partial<KeyRules> = {
  carrier: { header: "x-payout-idempotency" },
  required: true,
  minLength: 4,
  pattern: /^[A-Za-z0-9 _-]+$/,
};

/** Razorpay: orders, refunds, payouts. @see https://razorpay.com/docs/api/ */
export const razorpay: Provider = {
  name: "razorpay",
  title: "Razorpay, API v1",
  setup: (url) =>
    `new Razorpay({ key_id: "rzp_test_shop", key_secret: "secret" }).api.rq.defaults.baseURL = "${url}/razorpay"`,
  rules: {
    carrier: { header: "x-refund-idempotency" },
    required: false,
    minLength: 10,
    maxLength: 36,
    pattern: /^[A-Za-z0-9_-]+$/,
    space: "endpoint",
    // What a failure leaves under a key, and how long a key is kept, is not published.
    keeps: "successes",
    replay: "bytes",
    mismatch: "refuse",
    retentionMs: DAY_MS,
  },
  routes: [
    { method: "POST", path: "/v1/payments/create/json", keyed: false, run: pay },
    { method: "GET", path: "/v1/payments/:id", run: (call, books) => show(call, books, "payment") },
    { method: "POST", path: "/v1/payments/:id/refund", run: refund },
    { method: "GET", path: "/v1/payments/:id/refunds", run: listRefunds },
    { method: "GET", path: "/v1/refunds/:id", run: (call, books) => show(call, books, "refund") },
    { method: "POST", path: "/v1/payouts", rules: PAYOUT_RULES, run: payOut },
    { method: "GET", path: "/v1/payouts", run: listPayouts },
    { method: "GET", path: "/v1/payouts/:id", run: (call, books) => show(call, books, "payout") },
    { method: "POST", path: "/v1/orders", keyed: false, run: order },
    { method: "GET", path: "/v1/orders", run: listOrders },
    { method: "GET", path: "/v1/orders/:id", run: (call, books) => show(call, books, "order") },
  ],
  webhooks: razorpayWebhooks,
  recognises: (head) => userOf(head).startsWith("rzp_"),
  account: (head) => userOf(head) || undefined,
  refuse: (refusal) => error(...REFUSALS[refusal]),
};

function userOf({ headers }: Head): string {
  const basic = /^Basic (\S+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? "";
  return Buffer.from(basic, "base64").toString("utf8").split(":")[0] ?? "";
}

const BAD = "BAD_REQUEST_ERROR";

const REFUSALS: Readonly<Record<Refusal, readonly [number, string, string]>> = {
  internal: [500, "SERVER_ERROR", "Something went wrong."],
  unavailable: [503, "SERVER_ERROR", "The service is not available."],
  "rate-limited": [429, BAD, "Too many requests."],
  unauthenticated: [401, BAD, "Authentication failed."],
  "not-found": [404, BAD, "The requested URL was not found."],
  "body-malformed": [400, BAD, "The body is not JSON."],
  "body-too-large": [413, BAD, "The body is too large."],
  "key-missing": [400, BAD, "The idempotency key is missing."],
  "key-malformed": [400, BAD, "The idempotency key is malformed."],
  "key-in-use": [409, BAD, "A request with this idempotency key is still in progress."],
  "key-reused": [400, BAD, "Different request with the same idempotency key was processed."],
  "key-spent": [409, BAD, "The idempotency key was used."],
};

function error(status: number, code: string, description: string): Answer {
  return { status, body: { error: { code, description, source: "NA", reason: "NA" } } };
}

function invalid(description: string): Answer {
  return { ...error(400, BAD, description), refused: true };
}

type Wanted = Readonly<Record<string, unknown>>;

/** A captured payment at once, as a customer's browser leads to it. */
function pay(call: Call, books: Books): Answer {
  const made = read(call.body as Wanted);
  if (made === undefined) return invalid("The amount or the currency is invalid.");
  const id = books.identify("pay_", 14);
  const status = call.decline ? "failed" : "captured";
  const payment = { ...made, entity: "payment", id, status, amount_refunded: 0 };
  books.insert("payment", payment);
  const outcome = call.decline ? "failed" : "succeeded";
  books.record({ ...money(made), kind: "charge", id, status: outcome });
  if (!call.decline) payOrder(books, made["order_id"], payment);
  return { status: 200, body: { razorpay_payment_id: id } };
}

function tellPaid(books: Books, order: PaidOrder): void {
  books.tell(PAID_ORDER, order);
}

function payOrder(books: Books, orderId: unknown, { id, amount }: Entity): void {
  const found = typeof orderId === "string" ? books.find<Order>("order", orderId) : undefined;
  if (found === undefined) return;
  const paid = { amount_paid: amount, amount_due: found.amount - amount, attempts: 1 };
  const status = paid.amount_due > 0 ? "attempted" : "paid";
  const order = { ...found, ...paid, status };
  books.update("order", order);
  if (status === "paid") tellPaid(books, { ...order, payment: id });
}

function refund(call: Call, books: Books): Answer {
  const payment = books.find<Payment>("payment", call.parameters["id"] ?? "");
  if (payment === undefined) return invalid("The id provided does not exist.");
  const { amount = payment.amount - payment.amount_refunded } = call.body as Wanted;
  const made = read({ ...(call.body as Wanted), amount, currency: payment.currency });
  if (made === undefined) return invalid("The amount is invalid.");
  const total = payment.amount_refunded + made.amount;
  if (payment.status !== "captured" || total > payment.amount)
    return invalid("The refund amount is greater than what is left of the payment.");
  const id = books.identify("rfnd_", 14);
  const status = call.decline ? "failed" : "processed";
  const body = { ...made, entity: "refund", id, payment_id: payment.id, status, ...times(books) };
  books.insert("refund", body);
  if (!call.decline) books.update("payment", { ...payment, amount_refunded: total } as Payment);
  const outcome = call.decline ? "failed" : "succeeded";
  const entry = { ...money(made), kind: "refund", id, reference: payment.id, status: outcome };
  books.record(entry);
  return { status: 200, body, made: id };
}

function payOut(call: Call, books: Books): Answer {
  const wanted = call.body as Wanted;
  const made = read(wanted);
  if (made === undefined) return invalid("The amount or the currency is invalid.");
  if (typeof wanted["account_number"] !== "string" || typeof wanted["fund_account_id"] !== "string")
    return invalid("The account number and the fund account are required.");
  const id = books.identify("pout_", 14);
  const details = { description: "The bank refused.", reason: "beneficiary_bank_rejected" };
  const outcome = call.decline
    ? { status: "failed", status_details: details }
    : { status: "processing", status_details: null };
  const reference = typeof wanted["reference_id"] === "string" ? wanted["reference_id"] : null;
  const body = { ...made, entity: "payout", id, ...outcome, reference_id: reference };
  books.insert("payout", { ...body, ...times(books) });
  const status = call.decline ? "failed" : "pending";
  books.record({ ...money(made), kind: "payout", id, reference: reference ?? undefined, status });
  return { status: 200, body: { ...body, ...times(books) }, made: id };
}

function order(call: Call, books: Books): Answer {
  const made = read(call.body as Wanted);
  if (made === undefined) return invalid("The amount or the currency is invalid.");
  const id = books.identify("order_", 14);
  const { receipt = null } = made;
  const amounts = { amount_paid: 0, amount_due: made.amount, attempts: 0 };
  const body = { ...made, entity: "order", id, receipt, status: "created", ...amounts };
  books.insert("order", { ...body, ...times(books) });
  return { status: 200, body: { ...body, ...times(books) } };
}

function show(call: Call, books: Books, kind: string): Answer {
  const found = books.find(kind, call.parameters["id"] ?? "");
  return found === undefined
    ? invalid("The id provided does not exist.")
    : { status: 200, body: found };
}

function listRefunds(call: Call, books: Books): Answer {
  const wanted = call.parameters["id"];
  const all = Array.from(books.each<Refund>("refund", "list"));
  return list(
    call,
    all.filter(({ payment_id }) => payment_id === wanted),
  );
}

function listPayouts(call: Call, books: Books): Answer {
  const { account_number: account, reference_id: reference } = call.query;
  if (account === undefined) return invalid("The account number is required.");
  const all = Array.from(books.each<Payout>("payout", "list"));
  const mine = all.filter(({ account_number }) => account_number === account);
  const same = (payout: Payout): boolean => payout.reference_id === reference;
  return list(call, reference === undefined ? mine : mine.filter(same));
}

function listOrders(call: Call, books: Books): Answer {
  const { receipt: wanted } = call.query;
  const all = Array.from(books.each<Order>("order", "list"));
  return list(call, wanted === undefined ? all : all.filter(({ receipt }) => receipt === wanted));
}

const COUNT_DEFAULT = 10;
const COUNT_MAX = 100;

function list(call: Call, all: readonly Entity[]): Answer {
  const { count, skip } = call.query;
  const start = Number(skip ?? 0);
  const items = all.slice(start, start + Math.min(Number(count ?? COUNT_DEFAULT), COUNT_MAX));
  return { status: 200, body: { entity: "collection", count: items.length, items } };
}

type Made = Wanted & { readonly amount: number; readonly currency: string };

/** What is asked for, with an amount in the currency's smallest unit. */
function read(wanted: Wanted): Made | undefined {
  const { amount, currency } = wanted;
  if (!Number.isSafeInteger(amount) || Number(amount) < 1) return undefined;
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) return undefined;
  return { ...wanted, amount: Number(amount), currency };
}

function money({ amount, currency, notes }: Made): {
  readonly amount: number;
  readonly currency: string;
  readonly metadata: Record<string, string>;
} {
  return { amount, currency, metadata: textsOf(notes) };
}

function times(books: Books): { readonly created_at: number } {
  return { created_at: Math.floor(books.now / 1000) };
}
