import { isoTime } from "../../model/clock.ts";
import type { Books } from "../books.ts";
import type { Answer, Call, Head, Provider, Refusal } from "../provider.ts";
import { mollieWebhooks } from "./mollie-webhooks.ts";
import { textsOf } from "./texts.ts";

const HOUR_MS = 3_600_000;

interface Amount {
  readonly currency: string;
  readonly value: string;
}

interface Payment {
  readonly resource: "payment";
  readonly id: string;
  readonly status: string;
  readonly amount: Amount;
  readonly amountRefunded: Amount;
  readonly createdAt: string;
}

interface Refund {
  readonly id: string;
  readonly paymentId: string;
}

/** Mollie's API v2: payments and refunds. @see https://docs.mollie.com/reference/overview */
export const mollie: Provider = {
  name: "mollie",
  title: "Mollie, API v2",
  // The official client insists on HTTPS, but for the agent that it makes when it is created.
  setup: (url) =>
    `https.Agent = http.Agent; createMollieClient({ apiKey: "test_shop", apiEndpoint: "${url}/mollie/v2/" })`,
  rules: {
    carrier: { header: "idempotency-key" },
    required: false,
    minLength: 1,
    maxLength: 255,
    space: "account",
    keeps: "everything",
    replay: "bytes",
    mismatch: "refuse",
    retentionMs: HOUR_MS,
  },
  routes: [
    { method: "POST", path: "/v2/payments", run: createPayment },
    { method: "GET", path: "/v2/payments", run: listPayments },
    { method: "GET", path: "/v2/payments/:id", run: (call, books) => show(call, books, "payment") },
    { method: "POST", path: "/v2/payments/:id/refunds", run: createRefund },
    { method: "GET", path: "/v2/payments/:id/refunds", run: listRefunds },
    {
      method: "GET",
      path: "/v2/payments/:id/refunds/:refund",
      run: (call, books) => show(call, books, "refund"),
    },
  ],
  webhooks: mollieWebhooks,
  recognises: (head) => /^(?:test|live|access)_/.test(keyOf(head)),
  account: (head) => keyOf(head) || undefined,
  refuse: (refusal) => error(...REFUSALS[refusal]),
  headers: () => ({ "content-type": "application/hal+json" }),
};

function keyOf({ headers }: Head): string {
  return /^Bearer (\S+)$/i.exec(headers["authorization"] ?? "")?.[1] ?? "";
}

const REFUSALS: Readonly<Record<Refusal, readonly [number, string, string]>> = {
  internal: [500, "Internal Server Error", "An internal server error occurred."],
  unavailable: [503, "Service Unavailable", "The service is temporarily unavailable."],
  "rate-limited": [429, "Too Many Requests", "Slow down."],
  unauthenticated: [401, "Unauthorized Request", "Authentication is missing or wrong."],
  "not-found": [404, "Not Found", "There is nothing here."],
  "body-malformed": [400, "Bad Request", "The body is not JSON."],
  "body-too-large": [413, "Payload Too Large", "The body is too large."],
  "key-missing": [400, "Bad Request", "The idempotency key is missing."],
  "key-malformed": [400, "Bad Request", "The idempotency key is malformed."],
  "key-in-use": [409, "Conflict", "A request with this idempotency key is in progress."],
  "key-reused": [400, "Bad Request", "The idempotency key was used for a different request."],
  "key-spent": [409, "Conflict", "The idempotency key was used."],
};

function error(status: number, title: string, detail: string, field?: string): Answer {
  const documentation = { href: "https://docs.mollie.com/", type: "text/html" };
  const at = field === undefined ? {} : { field };
  return { status, body: { status, title, detail, ...at, _links: { documentation } } };
}

function invalid(detail: string, field: string): Answer {
  return { ...error(422, "Unprocessable Entity", detail, field), refused: true };
}

interface Wanted {
  readonly amount?: unknown;
  readonly description?: unknown;
  readonly redirectUrl?: unknown;
  readonly sequenceType?: unknown;
  readonly customerId?: unknown;
  readonly metadata?: unknown;
}

function createPayment(call: Call, books: Books): Answer {
  const wanted = call.body as Wanted;
  const amount = readAmount(wanted.amount);
  if (amount === undefined) return invalid("The amount is invalid.", "amount");
  if (typeof wanted.description !== "string")
    return invalid("The description is required.", "description");
  const recurring = wanted.sequenceType === "recurring";
  if (recurring && typeof wanted.customerId !== "string")
    return invalid("A recurring payment needs a customer.", "customerId");
  if (!recurring && typeof wanted.redirectUrl !== "string")
    return invalid("A redirect URL is required.", "redirectUrl");
  const id = books.identify("tr_", 10);
  const status = recurring ? (call.decline ? "failed" : "paid") : "open";
  const checkout = { href: `${call.base}/checkout/${id}`, type: "text/html" };
  const payment: Payment = {
    ...wanted,
    resource: "payment",
    id,
    status,
    amount,
    amountRefunded: { ...amount, value: amount.value.replaceAll(/\d/g, "0") },
    createdAt: timeOf(books),
    ...{ mode: "test", profileId: "pfl_sandbox", metadata: wanted.metadata ?? null },
    ...{ _links: { self: self(call, `/payments/${id}`), ...(recurring ? {} : { checkout }) } },
  };
  books.insert("payment", payment);
  books.record({
    kind: "charge",
    id,
    amount: units(amount),
    currency: amount.currency,
    metadata: textsOf(wanted.metadata),
    status: recurring ? (call.decline ? "failed" : "succeeded") : "pending",
  });
  return { status: 201, body: payment, made: id };
}

function createRefund(call: Call, books: Books): Answer {
  const payment = books.find<Payment>("payment", call.parameters["id"] ?? "");
  if (payment === undefined) return { ...error(404, "Not Found", "No payment."), refused: true };
  const wanted = call.body as Wanted;
  const amount = readAmount(wanted.amount);
  if (amount === undefined || amount.currency !== payment.amount.currency)
    return invalid("The amount is invalid.", "amount");
  const refunded = units(payment.amountRefunded) + units(amount);
  if (payment.status !== "paid") return invalid("The payment is not paid.", "amount");
  if (refunded > units(payment.amount))
    return invalid("The amount is higher than the maximum.", "amount");
  const id = books.identify("re_", 10);
  const refund = {
    ...wanted,
    ...{ resource: "refund", id, paymentId: payment.id, mode: "test", status: "pending", amount },
    ...{ metadata: wanted.metadata ?? null, createdAt: timeOf(books) },
    _links: { self: self(call, `/payments/${payment.id}/refunds/${id}`) },
  };
  books.insert("refund", refund);
  const value = decimal(refunded, payment.amount.value);
  books.update("payment", { ...payment, amountRefunded: { ...amount, value } } as Payment);
  books.record({
    kind: "refund",
    id,
    amount: units(amount),
    currency: amount.currency,
    reference: payment.id,
    metadata: textsOf(wanted.metadata),
    status: "pending",
  });
  return { status: 201, body: refund, made: id };
}

function show(call: Call, books: Books, kind: "payment" | "refund"): Answer {
  const id = call.parameters[kind === "refund" ? "refund" : "id"] ?? "";
  const found = books.find(kind, id);
  return found === undefined ? error(...REFUSALS["not-found"]) : { status: 200, body: found };
}

function listPayments(call: Call, books: Books): Answer {
  return list(call, "payments", Array.from(books.each<Payment>("payment", "list")));
}

function listRefunds(call: Call, books: Books): Answer {
  const all = Array.from(books.each<Refund>("refund", "list"));
  const mine = all.filter(({ paymentId }) => paymentId === call.parameters["id"]);
  return list(call, "refunds", mine);
}

const LIMIT_DEFAULT = 50;
const LIMIT_MAX = 250;

/** Newest first, from the object that `from` names. */
function list(call: Call, name: string, all: readonly { readonly id: string }[]): Answer {
  const { from, limit } = call.query as { from?: unknown; limit?: unknown };
  const start = from === undefined ? 0 : all.findIndex(({ id }) => id === from);
  const size = Math.min(Number(limit ?? LIMIT_DEFAULT), LIMIT_MAX);
  if (start < 0 || !(size >= 1)) return error(400, "Bad Request", "The page does not exist.");
  const page = all.slice(start, start + size);
  const following = all[start + size];
  const address = `${call.base}${call.path}?limit=${size}`;
  const next =
    following === undefined
      ? null
      : { href: `${address}&from=${following.id}`, type: "application/hal+json" };
  const _links = { self: { href: address, type: "application/hal+json" }, previous: null, next };
  return { status: 200, body: { count: page.length, _embedded: { [name]: page }, _links } };
}

function self(call: Call, path: string): { readonly href: string; readonly type: string } {
  return { href: `${call.base}/v2${path}`, type: "application/hal+json" };
}

function readAmount(value: unknown): Amount | undefined {
  const { currency, value: amount } = (value ?? {}) as Partial<Record<keyof Amount, unknown>>;
  if (typeof currency !== "string" || !/^[A-Z]{3}$/.test(currency)) return undefined;
  if (typeof amount !== "string" || !/^\d{1,9}(?:\.\d{2})?$/.test(amount)) return undefined;
  return Number(amount) > 0 ? { currency, value: amount } : undefined;
}

/** In the currency's smallest unit. */
function units({ value }: Amount): number {
  return Number(value.replace(".", ""));
}

function decimal(amount: number, like: string): string {
  return like.includes(".") ? (amount / 100).toFixed(2) : String(amount);
}

function timeOf(books: Books): string {
  return isoTime(books.now);
}
