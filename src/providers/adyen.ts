import type { Effect, EffectCall } from "../core/effect.ts";
import {
  type Declined,
  declined,
  inDoubt,
  type Judgement,
  notExecuted,
} from "../core/judgement.ts";
import { type AccountOptions, targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import { judgeStatus } from "./refusal.ts";
import { memberOf, numberOf, present, requiredText, textOf } from "./sdk-answer.ts";
import { callSdk, unsentByText } from "./sdk-call.ts";

const DAY_MS = 86_400_000;
const KEPT_FOR_MS = 7 * DAY_MS;

export const ADYEN_FACTS: ProviderFacts = {
  provider: "adyen",
  carrier: { in: "header", name: "idempotency-key" },
  characters: "[ -~]",
  lengths: [1, 64],
  keptForMs: KEPT_FOR_MS,
  scope: "the company account, in one region",
  stores: "everything",
  replays: "same answer",
  whileRunning: "422 or 409, errorCode 704",
  onMismatch: undefined,
  replay: { afterNoAnswer: "safe", afterFailure: "frozen" },
  lookUp: undefined,
  cancelByKey: false,
  sources: [
    "https://docs.adyen.com/development-resources/api-idempotency/",
    "https://docs.adyen.com/development-resources/error-codes/",
    "https://docs.adyen.com/online-payments/build-your-integration/payment-result-codes/",
  ],
};

/** What is used of a `CheckoutAPI` of `@adyen/api-library`. */
export interface AdyenSdk {
  readonly PaymentsApi: {
    payments(request: object, options: AdyenCallOptions): Promise<unknown>;
  };
  readonly ModificationsApi: {
    captureAuthorisedPayment(
      id: string,
      request: object,
      options: AdyenCallOptions,
    ): Promise<unknown>;
    refundCapturedPayment(id: string, request: object, options: AdyenCallOptions): Promise<unknown>;
    cancelAuthorisedPaymentByPspReference(
      id: string,
      request: object,
      options: AdyenCallOptions,
    ): Promise<unknown>;
  };
}

interface AdyenCallOptions {
  readonly idempotencyKey: string;
  readonly signal: AbortSignal;
}

/** The account is the company account. */
export interface AdyenOptions extends AccountOptions {
  /** The region of the endpoint, such as `EU`: of `liveEndpointUrlPrefix`, or of a data centre. */
  readonly region: string;
}

export interface AdyenAmount {
  /** In the currency's smallest unit. */
  readonly value: number;
  readonly currency: string;
}

/** The parameters of `/payments`. */
export interface AdyenPaymentRequest {
  readonly merchantAccount: string;
  readonly amount: AdyenAmount;
  readonly paymentMethod: object;
  readonly returnUrl: string;
  /** The provider key, unless given. Webhooks bring it back as `merchantReference`. */
  readonly reference?: string;
  readonly [parameter: string]: unknown;
}

/** The parameters of a capture or a refund, and what it changes. */
export interface AdyenModificationRequest {
  readonly paymentPspReference: string;
  readonly merchantAccount: string;
  readonly amount: AdyenAmount;
  /** The provider key, unless given. */
  readonly reference?: string;
  readonly [parameter: string]: unknown;
}

export interface AdyenCancelRequest {
  readonly paymentPspReference: string;
  readonly merchantAccount: string;
  /** The provider key, unless given. */
  readonly reference?: string;
  readonly [parameter: string]: unknown;
}

/** That it exists says nothing of its result, which webhooks move on. */
export interface AdyenPayment {
  /** Absent while the shopper has something to do. */
  readonly pspReference?: string;
  /**
   * Such as `Authorised`; or `Received`, `Pending`, `RedirectShopper`, `ChallengeShopper` and
   * others that are not paid yet.
   */
  readonly resultCode: string;
  readonly merchantReference?: string;
  readonly amount?: AdyenAmount;
  /** What the shopper has to do, for the components of the page. */
  readonly action?: unknown;
}

export interface AdyenModification {
  readonly pspReference: string;
  readonly paymentPspReference: string;
  /** `received`: what became of it is told by webhook. */
  readonly status: string;
}

export interface AdyenDecline {
  /** `Refused` or `Cancelled`, or the error code of a request that cannot be. */
  readonly code: string;
  readonly reason?: string;
  readonly reasonCode?: string;
}

export interface AdyenEffects {
  payment(request: AdyenPaymentRequest): Effect<AdyenPayment, AdyenDecline>;
  capture(request: AdyenModificationRequest): Effect<AdyenModification, AdyenDecline>;
  refund(request: AdyenModificationRequest): Effect<AdyenModification, AdyenDecline>;
  cancel(request: AdyenCancelRequest): Effect<AdyenModification, AdyenDecline>;
}

/**
 * Adyen's Checkout as effects. Adyen has no look-up by key: what stays in doubt after its replay
 * is told by a webhook, or by a person.
 *
 * @throws option-invalid without account or region
 */
export function adyenEffects(checkout: AdyenSdk, options: AdyenOptions): AdyenEffects {
  const target = targetsOf(ADYEN_FACTS, options, ["account", "region"]);
  const modifications = checkout.ModificationsApi;
  return {
    payment: (request) => ({
      keptForMs: KEPT_FOR_MS,
      input: request,
      target: target("payment"),
      send: async (call) => {
        const body = { reference: call.key, ...request };
        const send = (how: AdyenCallOptions) => checkout.PaymentsApi.payments(body, how);
        return judgeResult(await ask(options, call, send));
      },
      judge: judgeAdyenError,
      reference: ({ pspReference }) => pspReference,
    }),
    capture: (request) => ({
      ...modification(options, request, (...sent) =>
        modifications.captureAuthorisedPayment(...sent),
      ),
      target: target("capture"),
    }),
    refund: (request) => ({
      ...modification(options, request, (...sent) => modifications.refundCapturedPayment(...sent)),
      target: target("refund"),
    }),
    cancel: (request) => ({
      ...modification(options, request, (...sent) =>
        modifications.cancelAuthorisedPaymentByPspReference(...sent),
      ),
      target: target("cancel"),
    }),
  };
}

function modification(
  options: AdyenOptions,
  request: AdyenModificationRequest | AdyenCancelRequest,
  send: (id: string, body: object, how: AdyenCallOptions) => Promise<unknown>,
): Effect<AdyenModification, AdyenDecline> {
  const { paymentPspReference, ...body } = request;
  return {
    keptForMs: KEPT_FOR_MS,
    input: request,
    send: async (call) => {
      const sent = { reference: call.key, ...body };
      return toModification(
        await ask(options, call, (how) => send(paymentPspReference, sent, how)),
      );
    },
    judge: judgeAdyenError,
    reference: ({ pspReference }) => pspReference,
  };
}

/** The SDK writes into the options that it is given, so each call has its own. */
function ask(
  options: AdyenOptions,
  call: EffectCall,
  send: (how: AdyenCallOptions) => Promise<unknown>,
): Promise<unknown> {
  call.checkTime();
  return callSdk(options, call, (signal) => send({ idempotencyKey: call.key, signal }));
}

const REFUSED_RESULTS: ReadonlySet<string> = new Set(["Refused", "Cancelled"]);

/** @throws an error that says frozen, for a result that Adyen keeps although it is none */
function judgeResult(answer: unknown): AdyenPayment | Declined<AdyenDecline> {
  const resultCode = requiredText(answer, "resultCode");
  // Somebody on the way to the issuer did not answer, and Adyen keeps that as its answer.
  if (resultCode === "Error")
    throw Object.assign(new Error("Adyen's result is an error."), { adyen: resultCode });
  if (REFUSED_RESULTS.has(resultCode))
    return declined(
      present({
        code: resultCode,
        reason: textOf(answer, "refusalReason"),
        reasonCode: textOf(answer, "refusalReasonCode"),
      }),
    );
  const value = numberOf(answer, "amount", "value");
  const currency = textOf(answer, "amount", "currency");
  const known = value !== undefined && currency !== undefined;
  const action = memberOf(answer, "action");
  return present({
    pspReference: textOf(answer, "pspReference"),
    resultCode,
    merchantReference: textOf(answer, "merchantReference"),
    amount: known ? { value, currency } : undefined,
    // The SDK's own classes are no plain JSON.
    action: action ? (JSON.parse(JSON.stringify(action)) as unknown) : undefined,
  });
}

function toModification(answer: unknown): AdyenModification {
  return {
    pspReference: requiredText(answer, "pspReference"),
    paymentPspReference: requiredText(answer, "paymentPspReference"),
    status: requiredText(answer, "status"),
  };
}

const IN_PROGRESS = "704";

/** What an error of the SDK proves. */
export function judgeAdyenError(error: unknown): Judgement<AdyenDecline> {
  if (memberOf(error, "adyen") !== undefined) return inDoubt("frozen");
  const status = numberOf(error, "statusCode");
  // Its ApiException stands for a connection that failed, with the text of the cause alone.
  if (status === undefined || textOf(error, "name") === "ApiException")
    return unsentByText(textOf(error, "message")) ?? inDoubt("unanswered");
  const code = textOf(error, "apiError", "errorCode") ?? textOf(error, "errorCode");
  // It comes with `transient-error: true` too, but the first request may be paying just now.
  if (code === IN_PROGRESS) return inDoubt("unanswered");
  if (memberOf(error, "responseHeaders", "transient-error") === "true")
    return notExecuted(`Adyen calls the error transient: ${status} ${code ?? ""}`.trimEnd());
  if (code === undefined) return judgeStatus<AdyenDecline>("Adyen", status, undefined);
  const internal = textOf(error, "apiError", "errorType") === "internal";
  if (status >= 500 || internal) return inDoubt("frozen");
  const reason = textOf(error, "apiError", "message") ?? textOf(error, "message");
  return judgeStatus("Adyen", status, present({ code, reason }));
}
