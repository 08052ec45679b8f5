import type { Books } from "../books.ts";
import type { Answer, Call, Provider, Refusal } from "../provider.ts";
import { type Charge, type ProviderCall, type Refund, readCall } from "../wire.ts";
import { plainWebhooks } from "./plain-webhooks.ts";

type ErrorType = "invalid_request_error" | "idempotency_error" | "card_error" | "api_error";

/** The provider of the demo: JSON charges and refunds, without credentials. */
export const plain: Provider = {
  name: "plain",
  title: "the demo's own protocol",
  setup: (url) => `curl ${url}/v1/charges -d '{"amount":1999,"currency":"eur"}'`,
  rules: {
    carrier: { header: "idempotency-key" },
    required: false,
    minLength: 1,
    maxLength: 255,
    space: "endpoint",
    keeps: "definite",
    replay: "bytes",
    mismatch: "refuse",
    retentionMs: Number.POSITIVE_INFINITY,
  },
  routes: [
    { method: "GET", path: "/v1/charges", run: (call, books) => list(call, books, "charge") },
    { method: "GET", path: "/v1/refunds", run: (call, books) => list(call, books, "refund") },
    { method: "POST", path: "/v1/charges", run: (call, books) => execute("charges", call, books) },
    { method: "POST", path: "/v1/refunds", run: (call, books) => execute("refunds", call, books) },
  ],
  webhooks: plainWebhooks,
  recognises: () => false,
  account: () => "plain",
  refuse: (refusal) => error(...REFUSALS[refusal]),
  headers: (_, kept): Record<string, string> =>
    kept === undefined ? {} : { "idempotent-replayed": "true" },
};

const REFUSALS: Readonly<Record<Refusal, readonly [number, ErrorType, string, string]>> = {
  internal: [500, "api_error", "internal", "Something went wrong."],
  unavailable: [503, "api_error", "unavailable", "The provider is not available."],
  "rate-limited": [429, "api_error", "rate_limited", "There are too many requests."],
  unauthenticated: [401, "invalid_request_error", "unauthenticated", "Who are you?"],
  "not-found": [404, "invalid_request_error", "not_found", "There is nothing here."],
  "body-malformed": [400, "invalid_request_error", "body_not_json", "The body is not JSON."],
  "body-too-large": [413, "invalid_request_error", "body_too_large", "The body is too large."],
  "key-missing": [400, "invalid_request_error", "key_missing", "Send an idempotency key."],
  "key-malformed": [
    400,
    "invalid_request_error",
    "key_malformed",
    "A key has 1 to 255 characters.",
  ],
  "key-in-use": [409, "idempotency_error", "key_in_use", "The key is in use."],
  "key-reused": [
    400,
    "idempotency_error",
    "key_reused",
    "The idempotency key belongs to a request with other parameters.",
  ],
  "key-spent": [409, "idempotency_error", "key_spent", "The key was used."],
};

function error(status: number, type: ErrorType, code: string, message: string): Answer {
  return { status, body: { error: { type, code, message } } };
}

/** Oldest first; with a limit, only the newest ones; with an id, that one. */
function list(call: Call, books: Books, kind: "charge" | "refund"): Answer {
  const { limit, since, key, id } = call.query as Readonly<Record<string, unknown>>;
  if (typeof id === "string") {
    const known = books.find<Charge | Refund>(kind, id);
    return { status: 200, body: { data: known === undefined ? [] : [known] } };
  }
  const most = readNumber(limit) ?? Number.POSITIVE_INFINITY;
  const oldest = readNumber(since) ?? 0;
  const found: (Charge | Refund)[] = [];
  for (const made of books.each<Charge | Refund>(kind, "list")) {
    if (found.length >= most || made.createdAt < oldest) break;
    if (key === undefined || made.idempotencyKey === key) found.push(made);
  }
  return { status: 200, body: { data: found.reverse() } };
}

function readNumber(text: unknown): number | undefined {
  return typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function execute(endpoint: ProviderCall["endpoint"], call: Call, books: Books): Answer {
  const asked = readCall(endpoint, call.body);
  // A request that was refused as invalid did nothing, so its key stays free.
  if ("refused" in asked)
    return {
      ...error(400, "invalid_request_error", "request_invalid", asked.refused),
      refused: true,
    };
  if (call.decline) return error(402, "card_error", "card_declined", "The card was declined.");
  const key = call.key ?? null;
  return asked.endpoint === "charges"
    ? charge(asked.request, key, books)
    : refund(asked.request, key, books);
}

type Request<Endpoint> = Extract<ProviderCall, { endpoint: Endpoint }>["request"];

function charge(request: Request<"charges">, key: string | null, books: Books): Answer {
  const made: Charge = {
    id: books.identify("ch_"),
    amount: request.amount,
    currency: request.currency,
    description: request.description ?? null,
    metadata: request.metadata ?? {},
    status: "succeeded",
    createdAt: books.now,
    idempotencyKey: key,
  };
  books.insert("charge", made);
  books.record({ ...made, kind: "charge" });
  return { status: 200, body: made, made: made.id };
}

function refund(request: Request<"refunds">, key: string | null, books: Books): Answer {
  const charged = books.find<Charge>("charge", request.charge);
  if (charged === undefined) return refused(404, "charge_unknown", "There is no such charge.");
  const rest = charged.amount - refundedOf(charged, books);
  if (request.amount > rest)
    return refused(
      400,
      "refund_too_large",
      `The refund of ${request.amount} is more than the ${rest} left of the charge.`,
    );
  const made: Refund = {
    id: books.identify("re_"),
    charge: request.charge,
    amount: request.amount,
    status: "succeeded",
    createdAt: books.now,
    idempotencyKey: key,
  };
  books.insert("refund", made);
  books.record({ ...made, kind: "refund", currency: charged.currency, reference: charged.id });
  return { status: 200, body: made, made: made.id };
}

function refundedOf(charged: Charge, books: Books): number {
  return Array.from(books.each<Refund>("refund"))
    .filter((refund) => refund.charge === charged.id)
    .reduce((sum, refund) => sum + refund.amount, 0);
}

function refused(status: number, code: string, message: string): Answer {
  return { ...error(status, "invalid_request_error", code, message), refused: true };
}
