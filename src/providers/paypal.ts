import type { Effect, EffectCall } from "../core/effect.ts";
import { declined, inDoubt, type Judgement, notExecuted } from "../core/judgement.ts";
import { type AccountOptions, targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import {
  isSignIn,
  type PayPalRefusal,
  type PayPalRequest,
  type PayPalSdk,
  type PayPalSender,
  paypalSender,
  refusalIn,
} from "./paypal-client.ts";
import {
  isLive,
  judgeOrder,
  judgePayment,
  type PayPalAmount,
  type PayPalDecline,
  type PayPalOrder,
  type PayPalPayment,
  toDecline,
  toOrder,
  toPayment,
} from "./paypal-values.ts";
import { judgeStatus } from "./refusal.ts";
import { unsent } from "./sdk-call.ts";

export type { PayPalSdk } from "./paypal-client.ts";
export type { PayPalAmount, PayPalDecline, PayPalOrder, PayPalPayment } from "./paypal-values.ts";

const HOUR_MS = 3_600_000;
/** Each of PayPal's APIs has its own memory, in milliseconds. */
export const PAYPAL_KEPT_FOR_MS: { readonly orders: number; readonly payments: number } = {
  orders: 6 * HOUR_MS,
  payments: 45 * 24 * HOUR_MS,
};

/** Of Orders v2, whose memory is the shortest; see `PAYPAL_KEPT_FOR_MS` for the others. */
export const PAYPAL_FACTS: ProviderFacts = {
  provider: "paypal",
  carrier: { in: "header", name: "PayPal-Request-Id" },
  characters: "[ -~]",
  lengths: [1, 108],
  keptForMs: PAYPAL_KEPT_FOR_MS.orders,
  scope: "the REST app, and the kind of API call",
  stores: "unknown",
  replays: "current state",
  whileRunning: "409 PREVIOUS_REQUEST_IN_PROGRESS; of Orders v2 only: it might fail",
  onMismatch: undefined,
  replay: { afterNoAnswer: "safe", afterFailure: "resolves" },
  lookUp: { by: "the order's id, for its captures and authorizations", lagMs: 0 },
  cancelByKey: false,
  sources: [
    "https://developer.paypal.com/api/rest/reference/idempotency/",
    "https://developer.paypal.com/docs/api/orders/v2/",
    "https://developer.paypal.com/docs/api/payments/v2/",
    "https://developer.paypal.com/api/rest/reference/orders/v2/errors/",
  ],
};

/** The account is the one whose REST app signs in. */
export type PayPalOptions = AccountOptions;

/** The body of `POST /v2/checkout/orders`, in the API's own spelling. */
export interface PayPalOrderRequest {
  readonly intent: "CAPTURE" | "AUTHORIZE";
  /** Each without a `custom_id` of its own gets the provider key there. */
  readonly purchase_units: readonly PayPalPurchaseUnit[];
  /** With one, PayPal takes the money in this same call. */
  readonly payment_source?: unknown;
  readonly [parameter: string]: unknown;
}

export interface PayPalPurchaseUnit {
  readonly amount: PayPalAmount;
  readonly custom_id?: string;
  readonly [parameter: string]: unknown;
}

/** The order's id, and the rest of the request's body. */
export interface PayPalOrderStep {
  readonly orderId: string;
  readonly [parameter: string]: unknown;
}

export interface PayPalCaptureRequest {
  readonly authorizationId: string;
  /** All of it, unless given. */
  readonly amount?: PayPalAmount;
  readonly [parameter: string]: unknown;
}

export interface PayPalRefundRequest {
  readonly captureId: string;
  /** All of it, unless given. */
  readonly amount?: PayPalAmount;
  /** The provider key, unless given. */
  readonly custom_id?: string;
  readonly [parameter: string]: unknown;
}

export interface PayPalEffects {
  createOrder(request: PayPalOrderRequest): Effect<PayPalOrder, PayPalDecline>;
  captureOrder(request: PayPalOrderStep): Effect<PayPalOrder, PayPalDecline>;
  authorizeOrder(request: PayPalOrderStep): Effect<PayPalOrder, PayPalDecline>;
  captureAuthorization(request: PayPalCaptureRequest): Effect<PayPalPayment, PayPalDecline>;
  refundCapture(request: PayPalRefundRequest): Effect<PayPalPayment, PayPalDecline>;
}

/**
 * PayPal's Orders v2 and Payments v2 as effects.
 *
 * @param client the SDK's `Client`, or better a function that makes one: a client whose sign-in
 *   failed once never recovers
 * @throws option-invalid without the account
 */
export function paypalEffects(
  client: PayPalSdk | (() => PayPalSdk),
  options: PayPalOptions,
): PayPalEffects {
  const target = targetsOf(PAYPAL_FACTS, options);
  const send = paypalSender(client, options);
  return {
    createOrder: (request) => ({
      input: request,
      target: target("order"),
      keptForMs: PAYPAL_KEPT_FOR_MS.orders,
      send: async (call) => {
        const body = marked(request, call.key);
        return judgeOrder(await post(send, call, "/v2/checkout/orders", body));
      },
      judge: judgePayPalError,
      reference: ({ id }) => id,
      retrieve: async (id, call) => toOrder(await get(send, call, orderPath(id))),
    }),
    captureOrder: (request) => ({
      ...orderStep(send, request, "capture", "captures"),
      target: target("capture"),
    }),
    authorizeOrder: (request) => ({
      ...orderStep(send, request, "authorize", "authorizations"),
      target: target("authorization"),
    }),
    captureAuthorization: ({ authorizationId, ...body }) => ({
      ...payment(send, `/v2/payments/authorizations/${part(authorizationId)}/capture`, () => body),
      input: { authorizationId, ...body },
      target: target("capture"),
      retrieve: async (id, call) =>
        toPayment(await get(send, call, `/v2/payments/captures/${part(id)}`)),
    }),
    refundCapture: ({ captureId, ...body }) => ({
      ...payment(send, `/v2/payments/captures/${part(captureId)}/refund`, (key) => ({
        custom_id: key,
        ...body,
      })),
      input: { captureId, ...body },
      target: target("refund"),
      retrieve: async (id, call) =>
        toPayment(await get(send, call, `/v2/payments/refunds/${part(id)}`)),
    }),
  };
}

/** The order shows what was captured or authorized at once, so it is asked first. */
function orderStep(
  send: PayPalSender,
  { orderId, ...body }: PayPalOrderStep,
  verb: "capture" | "authorize",
  made: "captures" | "authorizations",
): Effect<PayPalOrder, PayPalDecline> {
  const path = orderPath(orderId);
  const look = async (call: EffectCall) => toOrder(await get(send, call, path));
  return {
    input: { orderId, ...body },
    keptForMs: PAYPAL_KEPT_FOR_MS.orders,
    ways: ["look-up", "replay"],
    send: async (call) => {
      try {
        const json = await post(send, call, `${path}/${verb}`, body);
        if (toOrder(json)[made].length === 0) throw new Error(`The order shows no ${made}.`);
        return judgeOrder(json);
      } catch (error) {
        const refusal = refusalIn(error);
        if (refusal === undefined || !isSecond(refusal)) throw error;
        // Only the order tells whether an earlier send of ours is what was refused for.
        const order = await look(call);
        if (order[made].some(isLive)) return order;
        const decline = toDecline(refusal);
        // The order is over: it has payments, and each of them came to nothing.
        const over = refusal.issues.some(isDone) && order[made].length > 0;
        if (over && decline !== undefined) return declined(decline);
        throw error;
      }
    },
    judge: judgePayPalError,
    reference: (order) => order[made].find(isLive)?.id,
    lookUp: {
      quietMs: QUIET_MS,
      // A payment that came to nothing may be an earlier operation's; a replay tells of ours.
      find: async (call) => {
        const order = await look(call);
        return order[made].some(isLive) ? order : undefined;
      },
    },
    retrieve: (_, call) => look(call),
  };
}

/** More than a send by its time-out, and what may be under way then. */
const QUIET_MS = 120_000;

function payment(
  send: PayPalSender,
  path: string,
  body: (key: string) => object,
): Effect<PayPalPayment, PayPalDecline> {
  return {
    keptForMs: PAYPAL_KEPT_FOR_MS.payments,
    send: async (call) => judgePayment(await post(send, call, path, body(call.key))),
    judge: judgePayPalError,
    reference: ({ id }) => id,
  };
}

function post(send: PayPalSender, call: EffectCall, path: string, body: object): Promise<unknown> {
  call.checkTime();
  const request: PayPalRequest = { method: "POST", path, body, key: call.key };
  return send(request, call);
}

function get(send: PayPalSender, call: EffectCall, path: string): Promise<unknown> {
  return send({ method: "GET", path }, call);
}

const part = encodeURIComponent;
const orderPath = (id: string): string => `/v2/checkout/orders/${part(id)}`;

function marked(request: PayPalOrderRequest, key: string): object {
  const units = request.purchase_units.map((unit) => ({ custom_id: key, ...unit }));
  return { ...request, purchase_units: units };
}

/** What an order is refused that has been captured or authorized. */
const DONE = ["ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "ORDER_ALREADY_COMPLETED"];

/** Refusals that an earlier send of ours may have caused. */
const TRACES: ReadonlySet<string> = new Set([
  ...DONE,
  "DUPLICATE_REQUEST_ID",
  "PREVIOUS_REQUEST_IN_PROGRESS",
]);

/** The invoice may be that of an earlier send of ours too. */
function isSecond({ issues }: PayPalRefusal): boolean {
  return issues.some((issue) => issue === "DUPLICATE_INVOICE_ID" || isDone(issue));
}

function isDone(issue: string): boolean {
  return DONE.includes(issue);
}

/**
 * Refusals of the payer's instrument. It was asked, and under a known key PayPal tells instead how
 * the first request stands.
 */
const ASKED: ReadonlySet<string> = new Set([
  "INSTRUMENT_DECLINED",
  "PAYER_CANNOT_PAY",
  "CARD_EXPIRED",
]);

/**
 * What an error of a request to PayPal proves. Most refusals say nothing of an earlier send, such
 * as the one for an invoice that this earlier send may have used.
 */
export function judgePayPalError(error: unknown): Judgement<PayPalDecline> {
  if (isSignIn(error)) return notExecuted("PayPal gave no access token to send the request with");
  const refusal = refusalIn(error);
  if (refusal === undefined) return unsent(error) ?? inDoubt("unanswered");
  const { status, issues, name } = refusal;
  if (TRACES.has(name) || issues.some((issue) => TRACES.has(issue))) return inDoubt("unanswered");
  const decline = toDecline(refusal);
  const asked = status === 422 && issues.some((issue) => ASKED.has(issue));
  return asked && decline !== undefined
    ? declined(decline)
    : judgeStatus("PayPal", status, decline);
}
