import type { Books } from "../books.ts";
import type { Answer, Call, Head, KeptAnswer, Provider, Refusal, Route } from "../provider.ts";
import { ADYEN_NOTICE, type AdyenNotice, adyenWebhooks } from "./adyen-webhooks.ts";

const DAY_MS = 86_400_000;

interface Amount {
  readonly value: number;
  readonly currency: string;
}

interface Payment {
  readonly id: string;
  readonly amount: Amount;
  readonly reference: string;
  readonly merchantAccount: string;
  /** What is reserved, captured and given back, in the currency's smallest unit. */
  readonly captured: number;
  readonly refunded: number;
  readonly canceled: boolean;
}

/** Adyen's Checkout. @see https://docs.adyen.com/api-explorer/Checkout/latest/overview */
export const adyen: Provider = {
  name: "adyen",
  title: "Adyen, Checkout",
  setup: (url) =>
    `client.httpClient = …  // an HttpURLConnectionClient whose createRequest() goes to ${url}`,
  rules: {
    carrier: { header: "idempotency-key" },
    required: false,
    minLength: 1,
    maxLength: 64,
    space: "account",
    keeps: "everything",
    replay: "bytes",
    // Adyen's pages do not say what another payload under a known key is answered.
    mismatch: "replay",
    retentionMs: 7 * DAY_MS,
  },
  routes: routes(),
  webhooks: adyenWebhooks,
  recognises: (head) => accountOf(head) !== undefined || "adyen-library-name" in head.headers,
  account: accountOf,
  refuse,
  headers,
};

/** The company account that the API key names: what follows its prefix. */
function accountOf({ headers: { "x-api-key": secret = "" } }: Head): string | undefined {
  return /^AQE_(\w+)$/.exec(secret)?.[1];
}

function headers(call: Call, _: KeptAnswer | undefined): Record<string, string> {
  return {
    "psp-reference": call.requestId.toUpperCase(),
    ...(call.key === undefined ? {} : { "idempotency-key": call.key }),
  };
}

function routes(): Route[] {
  const path = "/:version/payments";
  const modify = (verb: Verb): Route => ({
    method: "POST",
    path: `${path}/:id/${verb}s`,
    run: (call, books) => modifyPayment(call, books, verb),
  });
  return [
    { method: "POST", path, run: pay },
    ...(["capture", "refund", "cancel"] as const).map((verb) => modify(verb)),
  ];
}

type Verb = "capture" | "refund" | "cancel";

interface PaymentBody {
  readonly merchantAccount?: unknown;
  readonly amount?: Partial<Amount>;
  readonly reference?: unknown;
  readonly returnUrl?: unknown;
  readonly paymentMethod?: { readonly type?: string; readonly holderName?: string };
}

/** The holder's names of a test card that lead to a result. */
const RESULTS: Readonly<Record<string, string>> = { PENDING: "Pending", RECEIVED: "Received" };

function pay(call: Call, books: Books): Answer {
  const { merchantAccount, amount, reference, returnUrl, paymentMethod } = call.body as PaymentBody;
  if (typeof merchantAccount !== "string") return invalid("901", "Invalid Merchant Account");
  if (!isAmount(amount)) return invalid("100", "No amount specified");
  if (typeof reference !== "string" || reference === "") return invalid("130", "Reference Missing");
  if (typeof returnUrl !== "string") return invalid("14_0408", "Required field 'returnUrl'");
  const pspReference = books.identify("", 16).toUpperCase();
  const common = { pspReference, merchantReference: reference };
  const tell = (refusal?: string): void =>
    notify(books, {
      ...{ id: pspReference, eventCode: "AUTHORISATION", amount, merchantAccount, reference },
      ...(refusal === undefined ? { success: true } : { success: false, reason: refusal }),
    });
  if (call.decline) {
    tell("Refused");
    return ok({
      ...common,
      ...{ resultCode: "Refused", refusalReason: "Refused", refusalReasonCode: "2" },
    });
  }
  const holder = paymentMethod?.holderName ?? "";
  // The acquirer did not answer, and may have reserved the money all the same.
  if (holder === "ACQUIRER_ERROR") {
    tell("Acquirer Error");
    return ok({
      ...common,
      ...{ resultCode: "Error", refusalReason: "Acquirer Error", refusalReasonCode: "4" },
    });
  }
  if (paymentMethod?.type === "ideal") return redirect(call, reference);
  const payment = {
    id: pspReference,
    amount,
    reference,
    merchantAccount,
    captured: 0,
    refunded: 0,
    canceled: false,
  };
  books.insert("payment", payment);
  record(books, "payment", payment, "authorized");
  tell();
  return {
    ...ok({ ...common, amount, resultCode: RESULTS[holder] ?? "Authorised" }),
    made: pspReference,
  };
}

function redirect(call: Call, reference: string): Answer {
  const url = `${call.base}/redirect/${call.requestId}`;
  const action = { type: "redirect", paymentMethodType: "ideal", method: "GET", url };
  return ok({ resultCode: "RedirectShopper", merchantReference: reference, action });
}

interface ModificationBody {
  readonly merchantAccount?: unknown;
  readonly amount?: Partial<Amount>;
  readonly reference?: string;
}

function modifyPayment(call: Call, books: Books, verb: Verb): Answer {
  const { merchantAccount, amount, reference = "" } = call.body as ModificationBody;
  const payment = books.find<Payment>("payment", call.parameters["id"] ?? "");
  if (payment === undefined) return invalid("167", "Original pspReference required");
  if (typeof merchantAccount !== "string") return invalid("901", "Invalid Merchant Account");
  if (verb !== "cancel" && !isAmount(amount)) return invalid("100", "No amount specified");
  const moved = isAmount(amount) ? amount : payment.amount;
  const id = books.identify("", 16).toUpperCase();
  const changed = change(payment, verb, moved.value);
  // Adyen receives everything; what is impossible fails later, and a webhook tells.
  if (changed !== undefined) {
    books.update("payment", changed);
    if (verb === "cancel") books.mark("payment", payment.id, { status: "canceled" });
    else record(books, verb, { id, amount: moved, reference }, STATUSES[verb]);
  }
  notify(books, {
    ...{ id, eventCode: EVENT_CODES[verb], payment: payment.id, amount: moved, reference },
    ...{ merchantAccount, success: changed !== undefined },
    ...(changed === undefined ? { reason: "The payment does not allow it." } : {}),
  });
  const body = {
    ...{ merchantAccount, pspReference: id, paymentPspReference: payment.id, reference },
    ...{ status: "received", ...(verb === "cancel" ? {} : { amount: moved }) },
  };
  return { status: 201, body, made: id };
}

const EVENT_CODES = { capture: "CAPTURE", refund: "REFUND", cancel: "CANCELLATION" } as const;

function notify(books: Books, notice: AdyenNotice): void {
  books.tell(ADYEN_NOTICE, notice);
}

const STATUSES = { capture: "succeeded", refund: "pending" } as const;

/** The payment as it is afterwards; undefined if that cannot be. */
function change(payment: Payment, verb: Verb, value: number): Payment | undefined {
  const { amount, captured, refunded, canceled } = payment;
  if (canceled) return undefined;
  if (verb === "cancel") return captured > 0 ? undefined : { ...payment, canceled: true };
  if (verb === "capture")
    return captured + value > amount.value ? undefined : { ...payment, captured: captured + value };
  return refunded + value > captured ? undefined : { ...payment, refunded: refunded + value };
}

function record(
  books: Books,
  kind: string,
  made: Pick<Payment, "id" | "amount" | "reference">,
  status: string,
): void {
  const { value, currency } = made.amount;
  const { id, reference } = made;
  books.record({ kind, id, reference, status, amount: value, currency: currency.toLowerCase() });
}

function isAmount(amount: Partial<Amount> | undefined): amount is Amount {
  const { value, currency } = amount ?? {};
  return Number.isSafeInteger(value) && Number(value) > 0 && /^[A-Z]{3}$/.test(currency ?? "");
}

function ok(body: object): Answer {
  return { status: 200, body };
}

function failure(status: number, errorCode: string, message: string, errorType: string): Answer {
  return { status, body: { status, errorCode, message, errorType } };
}

function invalid(errorCode: string, message: string): Answer {
  return { ...failure(422, errorCode, message, "validation"), refused: true };
}

const TRANSIENT = { "transient-error": "true" } as const;
const REFUSALS: Readonly<Record<Refusal, readonly [number, string, string, string]>> = {
  internal: [500, "000", "Unknown", "internal"],
  unavailable: [503, "703", "A required resource is temporarily unavailable.", "internal"],
  "rate-limited": [429, "029", "Too many requests.", "security"],
  unauthenticated: [401, "000", "HTTP Status Response - Unauthorized", "security"],
  "not-found": [404, "000", "HTTP Status Response - Not Found", "validation"],
  "body-malformed": [400, "702", "The body is not JSON.", "validation"],
  "body-too-large": [413, "702", "The body is too large.", "validation"],
  "key-missing": [422, "700", "Send an idempotency key.", "validation"],
  "key-malformed": [422, "705", "A key has 1 to 64 characters.", "validation"],
  "key-in-use": [422, "704", "Request already processed or in progress", "validation"],
  "key-reused": [422, "704", "Request already processed or in progress", "validation"],
  "key-spent": [422, "704", "Request already processed or in progress", "validation"],
};

function refuse(refusal: Refusal): Answer {
  const answer = failure(...REFUSALS[refusal]);
  const passes = refusal === "unavailable" || refusal === "key-in-use";
  return passes ? { ...answer, headers: TRANSIENT } : answer;
}
