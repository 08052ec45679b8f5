import type { Effect, EffectCall } from "../core/effect.ts";
import {
  declined,
  inDoubt,
  type Judgement,
  type NotExecuted,
  notExecuted,
} from "../core/judgement.ts";
import { isoTime } from "../model/clock.ts";
import { type AccountOptions, targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import { judgeStatus } from "./refusal.ts";
import { memberOf, numberOf, present, textOf } from "./sdk-answer.ts";
import { callSdk, TIMEOUT_MS_DEFAULT, unsent } from "./sdk-call.ts";
import {
  judgePayment,
  judgeRefund,
  type SquareDecline,
  type SquareMoney,
  type SquarePayment,
  type SquareRefund,
  toPayment,
  toRefund,
  toSdk,
} from "./square-values.ts";

export type { SquareDecline, SquareMoney, SquarePayment, SquareRefund } from "./square-values.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Square does not publish how long it remembers a key. This is a choice: what the shortest of the
 * large providers with a published memory promises, less an hour, in milliseconds.
 */
export const SQUARE_KEPT_FOR_MS: number = 23 * HOUR_MS;

export const SQUARE_FACTS: ProviderFacts = {
  provider: "square",
  carrier: { in: "body", name: "idempotency_key" },
  characters: "[ -~]",
  lengths: [1, 45],
  keptForMs: undefined,
  scope: "the seller's account, and the endpoint",
  stores: "unknown",
  replays: "same answer",
  whileRunning: undefined,
  onMismatch: "400 IDEMPOTENCY_KEY_REUSED",
  replay: { afterNoAnswer: "safe", afterFailure: "resolves" },
  lookUp: { by: "reference_id, over the list of payments", lagMs: MINUTE_MS },
  cancelByKey: true,
  sources: [
    "https://developer.squareup.com/docs/build-basics/common-api-patterns/idempotency",
    "https://developer.squareup.com/reference/square/payments-api/create-payment",
    "https://developer.squareup.com/reference/square/payments-api/cancel-payment-by-idempotency-key",
    "https://developer.squareup.com/reference/square/payments-api/list-payments",
  ],
};

/** What is used of a `SquareClient` of `square`. */
export interface SquareSdk {
  readonly payments: {
    create(request: object, options: SquareCallOptions): PromiseLike<unknown>;
    get(request: { paymentId: string }, options: SquareCallOptions): PromiseLike<unknown>;
    list(request: object, options: SquareCallOptions): PromiseLike<AsyncIterable<unknown>>;
    cancelByIdempotencyKey(
      request: { idempotencyKey: string },
      options: SquareCallOptions,
    ): PromiseLike<unknown>;
  };
  readonly refunds: {
    refundPayment(request: object, options: SquareCallOptions): PromiseLike<unknown>;
    get(request: { refundId: string }, options: SquareCallOptions): PromiseLike<unknown>;
  };
}

interface SquareCallOptions {
  readonly maxRetries: number;
  readonly timeoutInSeconds: number;
  readonly abortSignal: AbortSignal;
}

/** The account is the seller's. */
export type SquareOptions = AccountOptions;

/**
 * The SDK's own parameters, but `idempotencyKey` and `referenceId`: both carry the provider key, so
 * that a payment is found by it. A number of your own has its place in `orderId` or `note`.
 */
export interface SquarePaymentRequest {
  readonly sourceId: string;
  readonly amountMoney: SquareMoney;
  readonly tipMoney?: SquareMoney;
  readonly locationId?: string;
  /** False authorizes only. */
  readonly autocomplete?: boolean;
  readonly idempotencyKey?: never;
  readonly referenceId?: never;
  readonly [parameter: string]: unknown;
}

export interface SquareRefundRequest {
  readonly paymentId: string;
  readonly amountMoney: SquareMoney;
  readonly reason?: string;
  readonly idempotencyKey?: never;
  readonly [parameter: string]: unknown;
}

export interface SquareEffects {
  payment(request: SquarePaymentRequest): Effect<SquarePayment, SquareDecline>;
  refund(request: SquareRefundRequest): Effect<SquareRefund, SquareDecline>;
}

/**
 * Square's payments and refunds as effects.
 *
 * @throws option-invalid without the account
 */
export function squareEffects(square: SquareSdk, options: SquareOptions): SquareEffects {
  const rules = { keptForMs: SQUARE_KEPT_FOR_MS, judge: judgeSquareError } as const;
  const target = targetsOf(SQUARE_FACTS, options);
  const { payments, refunds } = square;
  return {
    payment: (request) => {
      const find = (call: EffectCall) => findPayment(square, options, request, call);
      return {
        ...rules,
        input: request,
        target: target("payment"),
        // A payment that the list shows need not be sent again to a memory of unknown length.
        ways: ["look-up", "replay", "cancel"],
        send: async (call) => {
          call.checkTime();
          const body = { ...request, idempotencyKey: call.key, referenceId: call.key };
          const answer = await ask(options, call, (how) => payments.create(toSdk(body), how));
          return judgePayment(memberOf(answer, "payment"));
        },
        reference: ({ id }) => id,
        lookUp: {
          quietMs: QUIET_MS,
          find: async (call) => {
            const found = await find(call);
            return found === undefined ? undefined : judgePayment(found);
          },
        },
        cancel: async (call) => {
          const by = { idempotencyKey: call.key };
          await ask(options, call, (how) => payments.cancelByIdempotencyKey(by, how));
          return isCanceled(await find(call));
        },
        retrieve: async (paymentId, call) => {
          const answer = await ask(options, call, (how) => payments.get({ paymentId }, how));
          return toPayment(memberOf(answer, "payment"));
        },
      };
    },
    refund: (request) => ({
      ...rules,
      input: request,
      target: target("refund"),
      send: async (call) => {
        call.checkTime();
        const body = toSdk({ ...request, idempotencyKey: call.key });
        const answer = await ask(options, call, (how) => refunds.refundPayment(body, how));
        return judgeRefund(memberOf(answer, "refund"));
      },
      reference: ({ id }) => id,
      retrieve: async (refundId, call) => {
        const answer = await ask(options, call, (how) => refunds.get({ refundId }, how));
        return toRefund(memberOf(answer, "refund"));
      },
    }),
  };
}

/** A send by its time-out, and the list, which shows a payment after some seconds. */
const QUIET_MS = 2 * MINUTE_MS;

/**
 * Cancelling an unknown key succeeds and does nothing, and a request that is under way still lands
 * after it. So only a payment that is seen canceled proves anything: it has the key, and a request
 * that comes late is given that same payment.
 */
function isCanceled(payment: unknown): NotExecuted | undefined {
  return textOf(payment, "status") === "CANCELED"
    ? notExecuted("Square shows the payment of this key as canceled")
    : undefined;
}

/** The SDK repeats nothing: what it hides would make a refusal no proof. */
function ask<T>(
  options: SquareOptions,
  call: EffectCall,
  send: (how: SquareCallOptions) => PromiseLike<T>,
): Promise<T> {
  const timeoutInSeconds = (options.timeoutMs ?? TIMEOUT_MS_DEFAULT) / 1_000;
  return callSdk(options, call, async (abortSignal) =>
    send({ maxRetries: 0, timeoutInSeconds, abortSignal }),
  );
}

/** How far Square's clock may be from the database's. */
const CLOCKS_APART_MS = 10 * MINUTE_MS;

/** The payment that was sent under the key, if the list shows it. */
function findPayment(
  { payments }: SquareSdk,
  options: SquareOptions,
  request: SquarePaymentRequest,
  call: EffectCall,
): Promise<unknown> {
  const total = request.amountMoney.amount + (request.tipMoney?.amount ?? 0);
  const partial = request["acceptPartialAuthorization"] === true;
  const query = {
    beginTime: isoTime(call.since - CLOCKS_APART_MS),
    sortOrder: "ASC",
    limit: 100,
    ...(partial ? {} : { total: BigInt(total) }),
    ...(request.locationId === undefined ? {} : { locationId: request.locationId }),
  };
  return ask(options, call, async (how) => {
    for await (const payment of await payments.list(query, how))
      if (textOf(payment, "referenceId") === call.key) return payment;
    return undefined;
  });
}

/** What an error of the SDK proves. */
export function judgeSquareError(error: unknown): Judgement<SquareDecline> {
  const status = numberOf(error, "statusCode");
  // The SDK gives each of its errors a list of errors of its own, also without an answer.
  if (status === undefined) return unsent(memberOf(error, "cause")) ?? inDoubt("unanswered");
  const code = textOf(error, "errors", "0", "code");
  const category = textOf(error, "errors", "0", "category");
  // Square knows the key from another request, which must have been ours.
  if (code === "IDEMPOTENCY_KEY_REUSED") return inDoubt("frozen");
  if (code === undefined) return judgeStatus<SquareDecline>("Square", status, undefined);
  const decline = present({ code, detail: textOf(error, "errors", "0", "detail") });
  // The card or the bank was asked, which happens once under a key.
  const asked = category === "PAYMENT_METHOD_ERROR" || code === "REFUND_DECLINED";
  return asked && status < 500 ? declined(decline) : judgeStatus("Square", status, decline);
}
