import type { Effect, EffectCall } from "../core/effect.ts";
import { type Declined, declined, inDoubt, type Judgement } from "../core/judgement.ts";
import type { Target } from "../model/step.ts";
import { type AccountOptions, targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import { judgeStatus } from "./refusal.ts";
import { memberOf, numberOf, present, requiredText, textOf } from "./sdk-answer.ts";
import { callSdk, TIMEOUT_MS_DEFAULT, unsent } from "./sdk-call.ts";

const MINUTE_MS = 60_000;
/** The lag of the lists is not published, nor how late a request may land. */
const QUIET_MS = 10 * MINUTE_MS;
/** How long a key is kept is not published; each send under it comes soon after the first. */
const KEPT_FOR_MS = 30 * MINUTE_MS;

/** For payouts the header is `X-Payout-Idempotency`, and a key has 4 to 36 characters. */
export const RAZORPAY_FACTS: ProviderFacts = {
  provider: "razorpay",
  carrier: { in: "header", name: "X-Refund-Idempotency" },
  characters: "[A-Za-z0-9_-]",
  lengths: [10, 36],
  keptForMs: undefined,
  scope: "the merchant's account",
  stores: "unknown",
  replays: "same answer",
  whileRunning: "409",
  onMismatch: "BAD_REQUEST_ERROR, with 400 or 409",
  replay: { afterNoAnswer: "safe", afterFailure: "unsafe" },
  lookUp: {
    by: "notes of a payment's refunds, reference_id of payouts, receipt of orders",
    lagMs: QUIET_MS,
  },
  cancelByKey: false,
  sources: [
    "https://razorpay.com/docs/api/refunds/normal-refunds-idempotent",
    "https://razorpay.com/docs/api/x/payout-idempotency/",
    "https://razorpay.com/docs/api/x/payout-idempotency/make-request",
  ],
};

/**
 * What is used of `new Razorpay`. Its methods take no headers and lose the error of a request
 * without an answer, so requests go through the HTTP client that the instance holds.
 */
export interface RazorpaySdk {
  readonly api: { readonly rq: RazorpayHttp };
}

export interface RazorpayHttp {
  get(url: string, config?: object): Promise<{ readonly data: unknown }>;
  post(url: string, body?: unknown, config?: object): Promise<{ readonly data: unknown }>;
}

/** The account is the merchant, such as `acc_…`. */
export type RazorpayOptions = AccountOptions;

/** Razorpay's own parameters; `notes` is given the member `nevertwice_key`. */
export interface RazorpayRefundRequest {
  readonly paymentId: string;
  /** In the currency's smallest unit; the whole payment if left out. */
  readonly amount?: number;
  readonly notes?: Readonly<Record<string, string>>;
  readonly [parameter: string]: unknown;
}

/** Razorpay's own parameters; `reference_id` is the provider key. */
export interface RazorpayPayoutRequest {
  readonly account_number: string;
  readonly fund_account_id: string;
  /** In the currency's smallest unit. */
  readonly amount: number;
  readonly currency: string;
  readonly mode: string;
  readonly purpose: string;
  readonly reference_id?: never;
  readonly [parameter: string]: unknown;
}

/** Razorpay's own parameters; `receipt` is the provider key. */
export interface RazorpayOrderRequest {
  /** In the currency's smallest unit. */
  readonly amount: number;
  readonly currency: string;
  readonly receipt?: never;
  readonly [parameter: string]: unknown;
}

/** That it exists says nothing of its status, which moves on by webhook. */
export interface RazorpayObject {
  readonly id: string;
  readonly status: string;
  readonly amount: number;
  readonly currency: string;
}

export interface RazorpayRefund extends RazorpayObject {
  readonly paymentId: string;
}

export interface RazorpayDecline {
  /** The final status, such as `failed` or `rejected`, or the code of an impossible request. */
  readonly code: string;
  readonly message?: string;
  /** What was made and came to nothing, if there is something. */
  readonly id?: string;
}

export interface RazorpayEffects {
  refund(request: RazorpayRefundRequest): Effect<RazorpayRefund, RazorpayDecline>;
  payout(request: RazorpayPayoutRequest): Effect<RazorpayObject, RazorpayDecline>;
  /** An order moves no money and has no key. */
  order(request: RazorpayOrderRequest): Effect<RazorpayObject, RazorpayDecline>;
}

export function razorpayEffects(razorpay: RazorpaySdk, options: RazorpayOptions): RazorpayEffects {
  const wire = wireOf(razorpay, options);
  return {
    refund: (request) => refundEffect(wire, request),
    payout: (request) => payoutEffect(wire, request),
    order: (request) => orderEffect(wire, request),
  };
}

/** The two requests that are made, with what they have in common. */
interface Wire {
  target(kind: string): Target;
  get(call: EffectCall, path: string, params?: object): Promise<unknown>;
  post(call: EffectCall, path: string, body: object, keyHeader?: string): Promise<unknown>;
}

function wireOf({ api: { rq } }: RazorpaySdk, options: RazorpayOptions): Wire {
  const { timeoutMs: timeout = TIMEOUT_MS_DEFAULT } = options;
  return {
    target: targetsOf(RAZORPAY_FACTS, options),
    get: async (call, path, params) => {
      const ask = (signal: AbortSignal) => rq.get(`/v1${path}`, { timeout, signal, params });
      return (await callSdk(options, call, ask)).data;
    },
    post: async (call, path, body, keyHeader) => {
      const headers = keyHeader === undefined ? {} : { [keyHeader]: call.key };
      const config = { timeout, headers, maxRedirects: 0 };
      call.checkTime();
      const send = (signal: AbortSignal) => rq.post(`/v1${path}`, body, { ...config, signal });
      return (await callSdk(options, call, send)).data;
    },
  };
}

function refundEffect(
  wire: Wire,
  { paymentId, ...request }: RazorpayRefundRequest,
): Effect<RazorpayRefund, RazorpayDecline> {
  const path = `/payments/${encodeURIComponent(paymentId)}/refund`;
  const toValue = (answer: unknown): RazorpayRefund => ({ ...toObject(answer), paymentId });
  return {
    ...KEYED,
    input: { paymentId, ...request },
    target: wire.target("refund"),
    send: async (call) => {
      const body = { ...request, notes: { ...notesOf(request), nevertwice_key: call.key } };
      return judged(await wire.post(call, path, body, "X-Refund-Idempotency"), toValue);
    },
    reference: ({ id }) => id,
    lookUp: {
      quietMs: QUIET_MS,
      find: async (call) => {
        const list = await wire.get(call, `${path}s`, { count: COUNT_MAX });
        const found = pick(list, (one) => memberOf(one, "notes", "nevertwice_key") === call.key);
        return found === undefined ? undefined : judged(found, toValue);
      },
    },
    retrieve: async (id, call) =>
      toValue(await wire.get(call, `/refunds/${encodeURIComponent(id)}`)),
  };
}

function notesOf({ notes }: { notes?: Readonly<Record<string, string>> }): object {
  return notes ?? {};
}

function payoutEffect(
  wire: Wire,
  request: RazorpayPayoutRequest,
): Effect<RazorpayObject, RazorpayDecline> {
  return {
    ...KEYED,
    input: request,
    target: wire.target("payout"),
    send: async (call) => {
      const body = { ...request, reference_id: call.key };
      return judged(await wire.post(call, "/payouts", body, "X-Payout-Idempotency"), toObject);
    },
    reference: ({ id }) => id,
    lookUp: {
      quietMs: QUIET_MS,
      find: async (call) => {
        const { account_number } = request;
        const query = { account_number, reference_id: call.key, count: COUNT_MAX };
        const list = await wire.get(call, "/payouts", query);
        const found = pick(list, (one) => memberOf(one, "reference_id") === call.key);
        return found === undefined ? undefined : judged(found, toObject);
      },
    },
    retrieve: async (id, call) =>
      toObject(await wire.get(call, `/payouts/${encodeURIComponent(id)}`)),
  };
}

function orderEffect(
  wire: Wire,
  request: RazorpayOrderRequest,
): Effect<RazorpayObject, RazorpayDecline> {
  return {
    keyed: false,
    judge: judgeRazorpayError,
    input: request,
    target: wire.target("order"),
    send: async (call) =>
      toObject(await wire.post(call, "/orders", { ...request, receipt: call.key })),
    reference: ({ id }) => id,
    lookUp: {
      quietMs: QUIET_MS,
      find: async (call) => {
        const list = await wire.get(call, "/orders", { receipt: call.key, count: COUNT_MAX });
        const found = pick(list, (one) => memberOf(one, "receipt") === call.key);
        return found === undefined ? undefined : toObject(found);
      },
    },
    retrieve: async (id, call) =>
      toObject(await wire.get(call, `/orders/${encodeURIComponent(id)}`)),
  };
}

/** What a failure leaves under its key is not published, so a look-up comes before a replay. */
const KEYED = {
  keptForMs: KEPT_FOR_MS,
  ways: ["look-up", "replay"],
  replayAfterFailure: false,
  judge: judgeRazorpayError,
} as const;

/** The most that Razorpay gives. */
const COUNT_MAX = 100;

/** @throws an error that proves nothing, if it was not the whole list */
function pick(list: unknown, isIt: (one: unknown) => boolean): unknown {
  const items = memberOf(list, "items");
  if (!Array.isArray(items)) throw new Error("Razorpay gave no list.");
  const found: unknown = items.find(isIt);
  if (found === undefined && items.length >= COUNT_MAX)
    throw new Error("The list is too long to be looked through.");
  return found;
}

function toObject(answer: unknown): RazorpayObject {
  const amount = numberOf(answer, "amount");
  if (amount === undefined) throw new Error("The answer has no amount.");
  return {
    id: requiredText(answer, "id"),
    status: requiredText(answer, "status"),
    amount,
    currency: requiredText(answer, "currency"),
  };
}

/** Final: under the same key it stays so, and another try needs a key of its own. */
const FAILED: ReadonlySet<string> = new Set(["failed", "rejected", "cancelled"]);

function judged<Value extends RazorpayObject>(
  answer: unknown,
  toValue: (answer: unknown) => Value,
): Value | Declined<RazorpayDecline> {
  const value = toValue(answer);
  if (!FAILED.has(value.status)) return value;
  const message =
    textOf(answer, "status_details", "description") ?? textOf(answer, "failure_reason");
  return declined(present({ code: value.status, message, id: value.id }));
}

/** What an error of the HTTP client of `razorpay` proves. */
export function judgeRazorpayError(error: unknown): Judgement<RazorpayDecline> {
  const status = numberOf(error, "response", "status");
  if (status === undefined) return unsent(error) ?? inDoubt("unanswered");
  const told = memberOf(error, "response", "data", "error");
  const message = textOf(told, "description");
  if (/different request/i.test(message ?? "")) return inDoubt("frozen");
  const code = textOf(told, "code");
  return judgeStatus("Razorpay", status, code ? present({ code, message }) : undefined);
}
