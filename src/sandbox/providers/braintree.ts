import { isoTime } from "../../model/clock.ts";
import type { Books } from "../books.ts";
import type { Answer, Call, Head, Provider, Refusal } from "../provider.ts";
import { braintreeWebhooks } from "./braintree-webhooks.ts";

const DAY_MS = 86_400_000;

interface Transaction {
  readonly id: string;
  readonly type: "sale" | "credit";
  readonly status: string;
  readonly amount: string;
  readonly orderId: string | null;
  readonly refundedTransactionId?: string;
}

/**
 * Braintree's gateway as its SDK for Node speaks with it: requests in JSON, and answers in JSON
 * too, which the SDK reads as well as the XML of the real gateway. Without `apiRequestKey` there
 * are no keys.
 *
 * @see https://developer.paypal.com/braintree/docs/reference/overview
 */
export const braintree: Provider = {
  name: "braintree",
  title: "Braintree",
  setup: (url) => {
    const { hostname, port } = new URL(url);
    const environment = `new braintree.Environment("${hostname}", "${port}", "", false)`;
    const credentials =
      'merchantId: "shop", publicKey: "public", privateKey: "private_key_of_the_sandbox"';
    return `new braintree.BraintreeGateway({ environment: ${environment}, ${credentials} })`;
  },
  rules: {
    carrier: { body: ["transaction", "api_request_key"] },
    required: false,
    minLength: 1,
    maxLength: 255,
    space: "account",
    keeps: "made",
    replay: "current",
    mismatch: "refuse",
    retentionMs: 30 * DAY_MS,
  },
  routes: [
    { method: "POST", path: "/merchants/:merchant/transactions", run: sell, current },
    { method: "GET", path: "/merchants/:merchant/transactions/:id", run: show },
    {
      method: "POST",
      path: "/merchants/:merchant/transactions/advanced_search_ids",
      keyed: false,
      run: searchIds,
    },
    {
      method: "POST",
      path: "/merchants/:merchant/transactions/advanced_search",
      keyed: false,
      run: searchPage,
    },
    { method: "POST", path: "/merchants/:merchant/transactions/:id/refund", run: refund, current },
    {
      method: "PUT",
      path: "/merchants/:merchant/transactions/:id/submit_for_settlement",
      run: submit,
    },
  ],
  webhooks: braintreeWebhooks,
  recognises: (head) => head.path.startsWith("/merchants/"),
  account: (head) => (hasCredentials(head) ? head.path.split("/")[2] : undefined),
  refuse: (refusal) => REFUSALS[refusal],
};

function hasCredentials({ headers }: Head): boolean {
  return /^(?:Basic|Bearer) \S+$/i.test(headers["authorization"] ?? "");
}

/** The SDK looks at the status alone, but for 422. */
const REFUSALS: Readonly<Record<Refusal, Answer>> = {
  internal: { status: 500 },
  unavailable: { status: 503 },
  "rate-limited": { status: 429 },
  unauthenticated: { status: 401 },
  "not-found": { status: 404 },
  "body-malformed": { status: 400 },
  "body-too-large": { status: 413 },
  "key-missing": invalid("api_request_key", "915231", "The API request key is required."),
  "key-malformed": invalid("api_request_key", "915230", "The API request key is too long."),
  "key-in-use": invalid("api_request_key", "915233", "The API request key is in flight."),
  "key-reused": invalid("api_request_key", "915232", "The API request key had another request."),
  "key-spent": invalid("api_request_key", "915234", "The API request key was used."),
};

function invalid(attribute: string, code: string, message: string): Answer {
  const errors = { errors: [], transaction: { errors: [{ attribute, code, message }] } };
  return { status: 422, refused: true, body: { apiErrorResponse: { message, errors } } };
}

type Wanted = Readonly<Record<string, unknown>>;

function wantedOf(call: Call): Wanted {
  return ((call.body as { transaction?: Wanted }).transaction ?? {}) as Wanted;
}

function sell(call: Call, books: Books): Answer {
  const wanted = wantedOf(call);
  const amount = readAmount(wanted["amount"]);
  if (amount === undefined) return invalid("amount", "81503", "Amount is an invalid format.");
  if (wanted["payment_method_nonce"] === undefined && wanted["payment_method_token"] === undefined)
    return invalid("base", "91508", "Cannot determine payment method.");
  const { submit_for_settlement: submitted } = (wanted["options"] ?? {}) as Wanted;
  const approved = submitted === true ? "submitted_for_settlement" : "authorized";
  const transaction = make(call, books, {
    ...{ type: "sale", amount },
    status: call.decline ? "processor_declined" : approved,
  });
  return answer(transaction, books, "charge");
}

function refund(call: Call, books: Books): Answer {
  const sale = find(call, books);
  if (sale === undefined) return { status: 404, refused: true };
  if (!SETTLED.has(sale.status) || sale.type !== "sale")
    return invalid("base", "91506", "Cannot refund a transaction unless it is settled.");
  const refunded = Array.from(books.each<Transaction>("transaction"))
    .filter(({ refundedTransactionId: of, status }) => of === sale.id && !isDeclined(status))
    .reduce((sum, one) => sum + cents(one.amount), 0);
  const rest = ((cents(sale.amount) - refunded) / 100).toFixed(2);
  const amount = readAmount(wantedOf(call)["amount"] ?? rest);
  if (amount === undefined || cents(amount) > cents(rest))
    return invalid("amount", "91521", "The refund amount is too large.");
  const transaction = make(call, books, {
    ...{ type: "credit", amount, refundedTransactionId: sale.id },
    status: call.decline ? "processor_declined" : "submitted_for_settlement",
  });
  return answer(transaction, books, "refund");
}

/** The sandbox settles at once. */
const SETTLED: ReadonlySet<string> = new Set(["submitted_for_settlement", "settling", "settled"]);

function submit(call: Call, books: Books): Answer {
  const sale = find(call, books);
  if (sale === undefined) return { status: 404, refused: true };
  if (sale.status !== "authorized")
    return invalid("base", "91507", "Cannot submit for settlement unless it is authorized.");
  const amount = readAmount(wantedOf(call)["amount"] ?? sale.amount);
  if (amount === undefined || cents(amount) > cents(sale.amount))
    return invalid("amount", "91522", "The settlement amount is too large.");
  const submitted = { ...sale, amount, status: "submitted_for_settlement" };
  books.update("transaction", submitted);
  books.mark("charge", sale.id, { status: "succeeded", amount: cents(amount) });
  return { status: 200, body: { transaction: submitted } };
}

function make(
  call: Call,
  books: Books,
  made: Pick<Transaction, "type" | "status" | "amount" | "refundedTransactionId">,
): Transaction {
  const { order_id: orderId } = wantedOf(call);
  const declined = isDeclined(made.status);
  const transaction = {
    ...made,
    id: books.identify("", 8).toLowerCase(),
    orderId: typeof orderId === "string" ? orderId : null,
    currencyIsoCode: "USD",
    processorResponseCode: declined ? "2001" : "1000",
    processorResponseText: declined ? "Insufficient Funds" : "Approved",
    createdAt: isoTime(books.now),
  };
  books.insert("transaction", transaction);
  return transaction;
}

function answer(transaction: Transaction, books: Books, kind: "charge" | "refund"): Answer {
  const { id, amount, orderId, status } = transaction;
  const outcome = status === "authorized" ? "authorized" : "succeeded";
  books.record({
    ...{ kind, id, amount: cents(amount), currency: "USD", reference: orderId ?? undefined },
    status: isDeclined(status) ? "failed" : outcome,
  });
  return { ...answerOf(transaction, 201), made: id };
}

function current(_: Call, books: Books, made: string): Answer {
  const transaction = books.find<Transaction>("transaction", made);
  return transaction === undefined ? { status: 404 } : answerOf(transaction, 200);
}

/** A decline is an error that has the transaction in it. */
function answerOf(transaction: Transaction, status: number): Answer {
  if (!isDeclined(transaction.status)) return { status, body: { transaction } };
  const error = { message: "Insufficient Funds", errors: { errors: [] }, transaction };
  return { status: 422, body: { apiErrorResponse: error } };
}

function isDeclined(status: string): boolean {
  return status === "processor_declined";
}

function show(call: Call, books: Books): Answer {
  const transaction = find(call, books);
  return transaction === undefined ? { status: 404 } : { status: 200, body: { transaction } };
}

function find(call: Call, books: Books): Transaction | undefined {
  return books.find<Transaction>("transaction", call.parameters["id"] ?? "");
}

interface Search {
  readonly order_id?: { readonly is?: unknown };
  readonly ids?: unknown;
}

function searched(call: Call, books: Books): Transaction[] {
  const { order_id: order, ids }: Search = (call.body as { search?: Search | null }).search ?? {};
  return Array.from(books.each<Transaction>("transaction", "search"))
    .filter(({ orderId }) => order?.is === undefined || orderId === order.is)
    .filter(({ id }) => !Array.isArray(ids) || ids.includes(id));
}

const PAGE_SIZE = 50;

function searchIds(call: Call, books: Books): Answer {
  const ids = searched(call, books).map(({ id }) => id);
  return { status: 200, body: { searchResults: { pageSize: String(PAGE_SIZE), ids } } };
}

function searchPage(call: Call, books: Books): Answer {
  const transaction = searched(call, books).slice(0, PAGE_SIZE);
  return { status: 200, body: { creditCardTransactions: { transaction } } };
}

function readAmount(value: unknown): string | undefined {
  if (typeof value !== "string" || !/^\d{1,9}(?:\.\d{1,2})?$/.test(value)) return undefined;
  return Number(value) > 0 ? Number(value).toFixed(2) : undefined;
}

function cents(amount: string): number {
  return Math.round(Number(amount) * 100);
}
