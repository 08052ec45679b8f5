import type { Books } from "../books.ts";
import type { Answer, Call, Head, Provider, Refusal, Route } from "../provider.ts";
import {
  type Money,
  malformed,
  missing,
  type Order,
  type Payment,
  type PaymentKind,
  pay,
  recordPayment,
  refusal,
  showOrder,
  showPayment,
  type Unit,
  unitsOf,
  unprocessable,
} from "./paypal-orders.ts";
import { paypalEventRoutes, paypalWebhooks } from "./paypal-webhooks.ts";

const HOUR_MS = 3_600_000;
/** Where a payer approves an order; the account follows. */
const APPROVE = "/checkoutnow/";
/** What the access tokens that are given out here begin with; the client id follows. */
const TOKEN = "A21AAsandbox.";
/** The other memory of the other API. @see https://developer.paypal.com/docs/api/payments/v2/ */
const PAYMENTS = { retentionMs: 45 * 24 * HOUR_MS } as const;

/** PayPal's Orders v2 and Payments v2. @see https://developer.paypal.com/docs/api/orders/v2/ */
export const paypal: Provider = {
  name: "paypal",
  title: "PayPal, Orders v2 and Payments v2",
  setup: (url) =>
    `new Client({ …, httpClientOptions: { httpsAgent } })  // an https.Agent whose createConnection() gives net.connect(${new URL(url).port}, "${new URL(url).hostname}")`,
  rules: {
    carrier: { header: "paypal-request-id" },
    required: false,
    minLength: 1,
    maxLength: 108,
    space: "endpoint",
    keeps: "made",
    replay: "current",
    // PayPal's pages do not say what another payload under a known key is answered.
    mismatch: "replay",
    retentionMs: 6 * HOUR_MS,
  },
  routes: [
    { method: "POST", path: "/v1/oauth2/token", keyed: false, run: giveToken },
    { method: "GET", path: `${APPROVE}:account`, run: approve },
    ...orderRoutes(),
    ...paymentRoutes(),
    ...paypalEventRoutes,
  ],
  webhooks: paypalWebhooks,
  recognises: (head) =>
    "paypal-request-id" in head.headers ||
    head.path === "/v1/oauth2/token" ||
    head.path.startsWith(APPROVE) ||
    bearerOf(head)?.startsWith(TOKEN) === true,
  account: accountOf,
  refuse,
  headers: (call) => ({ "paypal-debug-id": call.requestId }),
};

function bearerOf({ headers }: Head): string | undefined {
  return /^bearer (\S+)$/i.exec(headers["authorization"] ?? "")?.[1];
}

/** The client id, of the access token or, where one is asked for, of the basic credentials. */
function accountOf(head: Head): string | undefined {
  // The payer's browser brings no credentials.
  if (head.path.startsWith(APPROVE)) return head.path.slice(APPROVE.length);
  const bearer = bearerOf(head);
  if (bearer?.startsWith(TOKEN)) return bearer.slice(TOKEN.length);
  const basic = /^basic (\S+)$/i.exec(head.headers["authorization"] ?? "")?.[1] ?? "";
  return Buffer.from(basic, "base64").toString("utf8").split(":")[0] || undefined;
}

function giveToken(call: Call): Answer {
  const { grant_type } = call.body as { grant_type?: unknown };
  if (grant_type !== "client_credentials")
    return { status: 400, body: { error: "unsupported_grant_type" } };
  const access_token = TOKEN + call.account;
  const body = { access_token, token_type: "Bearer", expires_in: 32_400, scope: "", nonce: "" };
  return { status: 200, body };
}

function orderRoutes(): Route[] {
  const path = "/v2/checkout/orders";
  const current = (call: Call, books: Books, made: string): Answer =>
    showOrder(call, books, made, 200);
  return [
    { method: "POST", path, run: createOrder, current },
    {
      method: "GET",
      path: `${path}/:id`,
      run: (call, books) => showOrder(call, books, call.parameters["id"] ?? "", 200),
    },
    {
      method: "POST",
      path: `${path}/:id/capture`,
      run: (call, books) => payOrder(call, books, "capture"),
      current,
    },
    {
      method: "POST",
      path: `${path}/:id/authorize`,
      run: (call, books) => payOrder(call, books, "authorization"),
      current,
    },
  ];
}

interface OrderBody {
  readonly intent?: unknown;
  readonly purchase_units?: readonly Partial<Unit>[];
  readonly payment_source?: { readonly card?: { readonly name?: string } };
}

function createOrder(call: Call, books: Books): Answer {
  const { intent, purchase_units, payment_source } = call.body as OrderBody;
  if (intent !== "CAPTURE" && intent !== "AUTHORIZE")
    return malformed("INVALID_PARAMETER_VALUE", "intent is CAPTURE or AUTHORIZE.");
  if (!Array.isArray(purchase_units) || purchase_units.length === 0)
    return malformed("MISSING_REQUIRED_PARAMETER", "There are no purchase_units.");
  if (purchase_units.some(({ amount }) => unitsOf(amount) === undefined))
    return malformed("INVALID_PARAMETER_SYNTAX", "An amount is not understood.");
  if (payment_source !== undefined && call.key === undefined)
    return malformed("PAYPAL_REQUEST_ID_REQUIRED", "Send a PayPal-Request-Id.");
  const units = purchase_units.map((unit, index) => toUnit(unit as Unit, index));
  const id = books.identify("", 17).toUpperCase();
  const order: Order = { id, intent, status: "CREATED", units };
  books.insert("order", order);
  const kind = intent === "CAPTURE" ? "capture" : "authorization";
  // The names that PayPal's own test cards are rejected by.
  const rejected = payment_source?.card?.name?.startsWith("CCREJECT-") === true;
  const refused =
    payment_source === undefined ? undefined : pay(call, books, order, kind, rejected);
  return refused ?? showOrder(call, books, id, 201);
}

function toUnit({ reference_id, amount, custom_id, invoice_id }: Unit, index: number): Unit {
  return {
    reference_id: reference_id ?? (index === 0 ? "default" : String(index)),
    amount: { currency_code: amount.currency_code, value: amount.value },
    ...(custom_id === undefined ? {} : { custom_id }),
    ...(invoice_id === undefined ? {} : { invoice_id }),
  };
}

function payOrder(call: Call, books: Books, kind: PaymentKind): Answer {
  const id = call.parameters["id"] ?? "";
  const order = books.find<Order>("order", id);
  if (order === undefined) return missing();
  const verb = kind === "capture" ? "CAPTURED" : "AUTHORIZED";
  if (order.status === "COMPLETED")
    return unprocessable(`ORDER_ALREADY_${verb}`, `Order already ${verb.toLowerCase()}.`);
  if (order.intent !== (kind === "capture" ? "CAPTURE" : "AUTHORIZE"))
    return unprocessable("ACTION_DOES_NOT_MATCH_INTENT", "The order has another intent.");
  if (order.status !== "APPROVED")
    return unprocessable("ORDER_NOT_APPROVED", "Payer has not yet approved the order.");
  return pay(call, books, order, kind) ?? showOrder(call, books, id, 201);
}

/** What a payer does at the address of the link `approve`. */
function approve(call: Call, books: Books): Answer {
  const { token } = call.query as { token?: string };
  const order = books.find<Order>("order", token ?? "");
  if (order === undefined) return missing();
  if (order.status === "CREATED") books.update("order", { ...order, status: "APPROVED" });
  return { status: 200, body: { id: order.id, status: "APPROVED" } };
}

function paymentRoutes(): Route[] {
  const path = "/v2/payments";
  return [
    ...(["authorization", "capture", "refund"] as const).map(
      (kind): Route => ({
        method: "GET",
        path: `${path}/${kind}s/:id`,
        run: (call, books) => showOf(kind, call.parameters["id"] ?? "", books, 200),
      }),
    ),
    {
      method: "POST",
      path: `${path}/authorizations/:id/capture`,
      rules: PAYMENTS,
      run: captureAuthorization,
      current: (_, books, made) => showOf("capture", made, books, 200),
    },
    {
      method: "POST",
      path: `${path}/captures/:id/refund`,
      rules: PAYMENTS,
      run: refundCapture,
      current: (_, books, made) => showOf("refund", made, books, 200),
    },
  ];
}

function showOf(kind: PaymentKind | "refund", id: string, books: Books, status: number): Answer {
  const payment = books.find<Payment>(kind, id);
  if (payment === undefined) return missing();
  return { status, body: showPayment(payment), made: id };
}

interface PartBody {
  readonly amount?: Money;
  readonly invoice_id?: string;
  readonly custom_id?: string;
}

function captureAuthorization(call: Call, books: Books): Answer {
  const authorized = books.find<Payment>("authorization", call.parameters["id"] ?? "");
  if (authorized === undefined) return missing();
  if (call.decline) return unprocessable("INSTRUMENT_DECLINED", "The instrument was declined.");
  if (authorized.status !== "CREATED")
    return unprocessable("AUTHORIZATION_ALREADY_CAPTURED", "It is captured already.");
  const { amount = authorized.amount } = call.body as PartBody;
  if ((unitsOf(amount) ?? 0) > (unitsOf(authorized.amount) ?? 0))
    return unprocessable("MAX_CAPTURE_AMOUNT_EXCEEDED", "That is more than was authorized.");
  const id = books.identify("", 17).toUpperCase();
  const made: Payment = {
    ...authorized,
    ...{ id, amount, status: "COMPLETED", source: authorized.id },
  };
  books.insert("capture", made);
  books.update("authorization", { ...authorized, status: "CAPTURED" });
  books.mark("authorization", authorized.id, { status: "captured" });
  recordPayment(books, made, "capture", "succeeded");
  return showOf("capture", id, books, 201);
}

function refundCapture(call: Call, books: Books): Answer {
  const captured = books.find<Payment>("capture", call.parameters["id"] ?? "");
  if (captured === undefined) return missing();
  if (call.decline) return unprocessable("REFUND_NOT_ALLOWED", "The refund was refused.");
  const { amount = captured.amount, custom_id, invoice_id } = call.body as PartBody;
  const refunded = Array.from(books.each<Payment>("refund"))
    .filter(({ source }) => source === captured.id)
    .reduce((sum, one) => sum + (unitsOf(one.amount) ?? 0), 0);
  const rest = (unitsOf(captured.amount) ?? 0) - refunded;
  if (rest === 0) return unprocessable("CAPTURE_FULLY_REFUNDED", "It is refunded already.");
  if ((unitsOf(amount) ?? 0) > rest)
    return unprocessable("REFUND_AMOUNT_EXCEEDED", "That is more than was captured.");
  const id = books.identify("", 17).toUpperCase();
  const made: Payment = {
    ...{ id, order: captured.order, unit: captured.unit, status: "COMPLETED", amount },
    ...(custom_id === undefined ? {} : { custom_id }),
    ...(invoice_id === undefined ? {} : { invoice_id }),
    source: captured.id,
  };
  books.insert("refund", made);
  recordPayment(books, made, "refund", "succeeded");
  return showOf("refund", id, books, 201);
}

const REFUSALS: Readonly<Record<Refusal, readonly [number, string, string | undefined, string]>> = {
  internal: [500, "INTERNAL_SERVER_ERROR", undefined, "An internal server error has occurred."],
  unavailable: [503, "SERVICE_UNAVAILABLE", undefined, "Service unavailable."],
  "rate-limited": [429, "RATE_LIMIT_REACHED", undefined, "Too many requests."],
  unauthenticated: [401, "AUTHENTICATION_FAILURE", undefined, "Authentication failed."],
  "not-found": [404, "RESOURCE_NOT_FOUND", undefined, "The specified resource does not exist."],
  "body-malformed": [400, "INVALID_REQUEST", "MALFORMED_REQUEST_JSON", "The body is not JSON."],
  "body-too-large": [413, "INVALID_REQUEST", undefined, "The body is too large."],
  "key-missing": [400, "INVALID_REQUEST", "PAYPAL_REQUEST_ID_REQUIRED", "Send a key."],
  "key-malformed": [400, "INVALID_REQUEST", "INVALID_STRING_LENGTH", "The key is too long."],
  "key-in-use": [
    409,
    "RESOURCE_CONFLICT",
    "PREVIOUS_REQUEST_IN_PROGRESS",
    "A previous request on this resource is currently in progress.",
  ],
  "key-reused": [422, "UNPROCESSABLE_ENTITY", "DUPLICATE_REQUEST_ID", "The key was used."],
  "key-spent": [422, "UNPROCESSABLE_ENTITY", "DUPLICATE_REQUEST_ID", "The key was used."],
};

function refuse(why: Refusal): Answer {
  return refusal(...REFUSALS[why]);
}
