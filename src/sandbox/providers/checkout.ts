import { isoTime } from "../../model/clock.ts";
import type { Books } from "../books.ts";
import type { Answer, Call, Head, Provider, Refusal } from "../provider.ts";
import { checkoutWebhooks } from "./checkout-webhooks.ts";
import { textsOf } from "./texts.ts";

const DAY_MS = 86_400_000;

interface Payment {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
  readonly reference: string | null;
  readonly captured: number;
  readonly refunded: number;
}

interface Action {
  readonly id: string;
  readonly payment: string;
}

/** Checkout.com: payments and their actions. @see https://api-reference.checkout.com */
export const checkout: Provider = {
  name: "checkout",
  title: "Checkout.com",
  setup: (url) =>
    `new Checkout("sk_sbox_abcdefghijklmnopqrstuvwxyz2", { host: "${url}/checkout" })`,
  rules: {
    carrier: { header: "cko-idempotency-key" },
    required: false,
    minLength: 1,
    maxLength: 255,
    space: "endpoint",
    keeps: "successes",
    replay: "bytes",
    // Nothing is said of other parameters under a key.
    mismatch: "replay",
    retentionMs: DAY_MS,
  },
  routes: [
    { method: "POST", path: "/payments", run: pay },
    { method: "GET", path: "/payments", run: listPayments },
    { method: "GET", path: "/payments/:id", run: showPayment },
    { method: "GET", path: "/payments/:id/actions", run: listActions },
    {
      method: "POST",
      path: "/payments/:id/captures",
      run: (call, books) => act(call, books, "Capture"),
    },
    {
      method: "POST",
      path: "/payments/:id/refunds",
      run: (call, books) => act(call, books, "Refund"),
    },
  ],
  webhooks: checkoutWebhooks,
  recognises: isSecret,
  account: (head) => (isSecret(head) ? secretOf(head) : undefined),
  refuse: (refusal, call) => error(call, ...REFUSALS[refusal]),
  headers: (call) => ({ "cko-request-id": call.requestId, "cko-version": "1.0.0" }),
};

function secretOf({ headers }: Head): string {
  return (headers["authorization"] ?? "").replace(/^Bearer /i, "");
}

function isSecret(head: Head): boolean {
  const uuid = /^sk_(?:test_)?\w{8}-\w{4}-\w{4}-\w{4}-\w{12}$/;
  return (
    /^sk_(?:sbox_)?[a-z2-7]{26}[a-z2-7*#$=]$/.test(secretOf(head)) || uuid.test(secretOf(head))
  );
}

const REFUSALS: Readonly<Record<Refusal, readonly [number, string, string]>> = {
  internal: [500, "processing_error", "internal_error"],
  unavailable: [503, "processing_error", "service_unavailable"],
  "rate-limited": [429, "request_invalid", "too_many_requests"],
  unauthenticated: [401, "request_invalid", "unauthorized"],
  "not-found": [404, "request_invalid", "resource_not_found"],
  "body-malformed": [400, "request_invalid", "body_malformed"],
  "body-too-large": [413, "request_invalid", "body_too_large"],
  "key-missing": [422, "request_invalid", "cko_idempotency_key_required"],
  "key-malformed": [422, "request_invalid", "cko_idempotency_key_invalid"],
  "key-in-use": [409, "request_invalid", "concurrent_request"],
  "key-reused": [422, "request_invalid", "cko_idempotency_key_reused"],
  "key-spent": [409, "request_invalid", "cko_idempotency_key_used"],
};

function error(call: Call, status: number, type: string, ...codes: readonly string[]): Answer {
  return { status, body: { request_id: call.requestId, error_type: type, error_codes: codes } };
}

function invalid(call: Call, code: string): Answer {
  return { ...error(call, 422, "request_invalid", code), refused: true };
}

interface Wanted {
  readonly amount?: unknown;
  readonly currency?: unknown;
  readonly source?: unknown;
  readonly reference?: unknown;
  readonly metadata?: unknown;
  readonly capture?: unknown;
}

const DECLINED = {
  approved: false,
  status: "Declined",
  response_code: "20051",
  response_summary: "Insufficient Funds",
} as const;

function pay(call: Call, books: Books): Answer {
  const { amount, currency, source, reference, metadata, capture } = call.body as Wanted;
  if (!isAmount(amount)) return invalid(call, "amount_invalid");
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency))
    return invalid(call, "currency_invalid");
  if (typeof source !== "object" || source === null) return invalid(call, "source_required");
  const id = books.identify("pay_", 26).toLowerCase();
  const approval = { approved: true, status: "Authorized", ...APPROVED };
  const payment = {
    id,
    ...{ amount, currency, reference: textOf(reference), metadata: metadata ?? {} },
    ...(call.decline ? DECLINED : approval),
    ...{ captured: call.decline || capture === false ? 0 : amount, refunded: 0 },
    processed_on: isoTime(books.now),
    requested_on: isoTime(books.now),
    _links: { self: { href: `${call.base}/payments/${id}` } },
  };
  books.insert("payment", payment);
  if (!call.decline)
    books.record({
      ...{ kind: "charge", id, amount, currency, reference: textOf(reference) ?? undefined },
      metadata: textsOf(metadata),
      status: capture === false ? "authorized" : "succeeded",
    });
  return { status: 201, body: payment, made: id };
}

const APPROVED = { response_code: "10000", response_summary: "Approved" } as const;

function act(call: Call, books: Books, type: "Capture" | "Refund"): Answer {
  const payment = books.find<Payment>("payment", call.parameters["id"] ?? "");
  if (payment === undefined) return { ...error(call, 404, "request_invalid"), refused: true };
  const { amount = payment.amount, reference, metadata } = call.body as Wanted;
  if (!isAmount(amount)) return invalid(call, "amount_invalid");
  const left =
    type === "Capture" ? payment.amount - payment.captured : payment.captured - payment.refunded;
  if (amount > left || payment.status === "Declined")
    return { ...error(call, 403, "request_invalid", "action_not_allowed"), refused: true };
  const id = books.identify("act_", 26).toLowerCase();
  const action = {
    ...{ id, payment: payment.id, type, amount, ...(call.decline ? DECLINED : APPROVED) },
    ...{ approved: !call.decline, reference: textOf(reference), metadata: metadata ?? {} },
    processed_on: isoTime(books.now),
  };
  books.insert("action", action);
  if (!call.decline) move(books, payment, { type, id, amount, metadata });
  const links = { payment: { href: `${call.base}/payments/${payment.id}` } };
  const body = { action_id: id, reference: textOf(reference), _links: links };
  return { status: 202, body, made: id };
}

interface Movement {
  readonly type: "Capture" | "Refund";
  readonly id: string;
  readonly amount: number;
  readonly metadata: unknown;
}

function move(books: Books, payment: Payment, { type, id, amount, metadata }: Movement): void {
  const captured = payment.captured + (type === "Capture" ? amount : 0);
  const refunded = payment.refunded + (type === "Refund" ? amount : 0);
  const status = type === "Capture" ? "Captured" : "Refunded";
  books.update("payment", { ...payment, captured, refunded, status } as Payment);
  const { currency } = payment;
  books.record({
    ...{ kind: type.toLowerCase(), id, amount, currency, reference: payment.id },
    ...{ metadata: textsOf(metadata), status: "succeeded" },
  });
}

function showPayment(call: Call, books: Books): Answer {
  const found = books.find<Payment>("payment", call.parameters["id"] ?? "");
  return found === undefined ? error(call, ...REFUSALS["not-found"]) : { status: 200, body: found };
}

const LIMIT_DEFAULT = 10;
const LIMIT_MAX = 100;

function listPayments(call: Call, books: Books): Answer {
  const { reference, limit, skip } = call.query as Readonly<Record<string, unknown>>;
  if (typeof reference !== "string") return invalid(call, "reference_required");
  const size = Math.min(Number(limit ?? LIMIT_DEFAULT), LIMIT_MAX);
  const start = Number(skip ?? 0);
  const all = Array.from(books.each<Payment>("payment", "list"));
  const found = all.filter((payment) => payment.reference === reference);
  const data = found.slice(start, start + size);
  return { status: 200, body: { limit: size, skip: start, total_count: found.length, data } };
}

function listActions(call: Call, books: Books): Answer {
  const actions = Array.from(books.each<Action>("action", "list"));
  return { status: 200, body: actions.filter(({ payment }) => payment === call.parameters["id"]) };
}

function isAmount(amount: unknown): amount is number {
  return Number.isSafeInteger(amount) && Number(amount) > 0;
}

function textOf(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
