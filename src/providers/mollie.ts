import type { Effect, EffectCall, LookUp } from "../core/effect.ts";
import { inDoubt, type Judgement } from "../core/judgement.ts";
import { systemClock } from "../model/clock.ts";
import { type AccountOptions, targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import { judgeStatus } from "./refusal.ts";
import { memberOf, numberOf, present, requiredText, textOf } from "./sdk-answer.ts";
import { callSdk, unsentByText } from "./sdk-call.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;

/** That every answer is stored, and for about an hour, is the word of Mollie's own client. */
export const MOLLIE_FACTS: ProviderFacts = {
  provider: "mollie",
  carrier: { in: "header", name: "Idempotency-Key" },
  characters: "[ -~]",
  lengths: [1, 255],
  keptForMs: HOUR_MS,
  scope: "the organization, in test or in live mode",
  stores: "everything",
  replays: "same answer",
  whileRunning: undefined,
  onMismatch: "400",
  replay: { afterNoAnswer: "safe", afterFailure: "frozen" },
  // The lag is not published; this is what the adapter waits.
  lookUp: { by: "metadata, in the lists of payments and of refunds", lagMs: 10 * MINUTE_MS },
  cancelByKey: false,
  sources: [
    "https://docs.mollie.com/reference/api-idempotency",
    "https://github.com/mollie/mollie-api-node/blob/master/src/types/parameters.ts",
  ],
};

/** What is used of a client made by `createMollieClient`. */
export interface MollieSdk {
  readonly payments: {
    create(parameters: object): Promise<unknown>;
    get(id: string): Promise<unknown>;
    page(parameters: object): Promise<unknown>;
  };
  readonly paymentRefunds: {
    create(parameters: object): Promise<unknown>;
    get(id: string, parameters: { paymentId: string }): Promise<unknown>;
    page(parameters: object): Promise<unknown>;
  };
}

/** The account is the profile or the organization, such as `pfl_…`. */
export type MollieOptions = AccountOptions;

export interface MollieAmount {
  readonly currency: string;
  /** With the currency's decimals, such as `19.99`. */
  readonly value: string;
}

/** Mollie's own parameters; `metadata` is given the member `nevertwice_key`. */
export interface MolliePaymentRequest {
  readonly amount: MollieAmount;
  readonly description: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [parameter: string]: unknown;
}

export interface MollieRefundRequest {
  readonly paymentId: string;
  readonly amount: MollieAmount;
  readonly description?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [parameter: string]: unknown;
}

/** That it exists says nothing of its status, which moves on by webhook. */
export interface MolliePayment {
  readonly id: string;
  readonly status: string;
  readonly amount: MollieAmount;
  /** Where the customer pays, while the payment is open. */
  readonly checkoutUrl?: string;
}

export interface MollieRefund {
  readonly id: string;
  readonly paymentId: string;
  readonly status: string;
  readonly amount: MollieAmount;
}

/** A request that cannot be; a payment that fails is a value with the status `failed`. */
export interface MollieDecline {
  /** Mollie's title of the error, such as `Unprocessable Entity`. */
  readonly code: string;
  readonly message?: string;
  /** The parameter that is wrong. */
  readonly field?: string;
}

export interface MollieEffects {
  payment(request: MolliePaymentRequest): Effect<MolliePayment, MollieDecline>;
  refund(request: MollieRefundRequest): Effect<MollieRefund, MollieDecline>;
}

/**
 * Mollie's payments and refunds as effects.
 *
 * @throws option-invalid without the account
 */
export function mollieEffects(mollie: MollieSdk, options: MollieOptions): MollieEffects {
  const target = targetsOf(MOLLIE_FACTS, options);
  return {
    payment: (request) => ({
      ...RULES,
      input: request,
      target: target("payment"),
      send: (call) =>
        send(options, call, () => mollie.payments.create(marked(request, call.key)), toPayment),
      reference: ({ id }) => id,
      lookUp: findIn(options, (parameters) => mollie.payments.page(parameters), toPayment),
      retrieve: async (id, call) =>
        toPayment(await callSdk(options, call, () => mollie.payments.get(id))),
    }),
    refund: (request) => ({
      ...RULES,
      input: request,
      target: target("refund"),
      send: (call) =>
        send(
          options,
          call,
          () => mollie.paymentRefunds.create(marked(request, call.key)),
          toRefund,
        ),
      reference: ({ id }) => id,
      lookUp: findIn(
        options,
        (parameters) => mollie.paymentRefunds.page({ ...parameters, paymentId: request.paymentId }),
        toRefund,
      ),
      retrieve: async (id, call) => {
        const { paymentId } = request;
        return toRefund(
          await callSdk(options, call, () => mollie.paymentRefunds.get(id, { paymentId })),
        );
      },
    }),
  };
}

/** A stored failure comes back under its key for ever, so the look-up has the first word. */
const RULES = {
  keptForMs: HOUR_MS,
  ways: ["look-up", "replay"],
  judge: judgeMollieError,
} as const;

function marked(request: object, key: string): object {
  const metadata = memberOf(request, "metadata") ?? {};
  return { ...request, metadata: { ...metadata, nevertwice_key: key }, idempotencyKey: key };
}

/** How long the client waits before it repeats a request by itself. */
const CLIENT_PAUSE_MS = 2_000;

/**
 * The client repeats a request that got a 5xx, and that cannot be switched off. With the same key
 * that is harmless; but a refusal that came after its pause may not be the first answer, and then
 * proves nothing.
 */
async function send<Value>(
  options: MollieOptions,
  call: EffectCall,
  create: () => Promise<unknown>,
  toValue: (answer: unknown) => Value,
): Promise<Value> {
  const { clock = systemClock } = options;
  call.checkTime();
  const start = clock.monotonic();
  try {
    return toValue(await callSdk(options, call, create));
  } catch (error) {
    const repeated = clock.monotonic() - start >= CLIENT_PAUSE_MS;
    if (!repeated || isFailure(error)) throw error;
    throw new Error("The client may have repeated the request before this.", { cause: error });
  }
}

function isFailure(error: unknown): boolean {
  return (numberOf(error, "statusCode") ?? 0) >= 500;
}

/** What an error of `@mollie/api-client` proves. */
export function judgeMollieError(error: unknown): Judgement<MollieDecline> {
  const status = numberOf(error, "statusCode");
  const message = textOf(error, "message");
  // The cause of an error of `send` may be a proof, but of the client's last request alone.
  if (status === undefined) return unsentByText(message) ?? inDoubt("unanswered");
  // Mollie knows the key from an earlier request, which may have made something.
  if (/idempoten/i.test(message ?? "")) return inDoubt(status === 409 ? "unanswered" : "frozen");
  const code = textOf(error, "title");
  const decline = code && present({ code, message, field: textOf(error, "field") });
  return judgeStatus("Mollie", status, decline || undefined);
}

function toPayment(answer: unknown): MolliePayment {
  return present({
    id: requiredText(answer, "id"),
    status: requiredText(answer, "status"),
    amount: toAmount(answer),
    checkoutUrl: textOf(answer, "_links", "checkout", "href"),
  });
}

function toRefund(answer: unknown): MollieRefund {
  return {
    id: requiredText(answer, "id"),
    paymentId: requiredText(answer, "paymentId"),
    status: requiredText(answer, "status"),
    amount: toAmount(answer),
  };
}

function toAmount(answer: unknown): MollieAmount {
  return {
    currency: requiredText(answer, "amount", "currency"),
    value: requiredText(answer, "amount", "value"),
  };
}

/** More than a time-out and the client's own repetitions; Mollie tells no lag of its lists. */
const QUIET_MS = 10 * MINUTE_MS;
/** How far Mollie's clock may be from the database's. */
const CLOCKS_APART_MS = 10 * MINUTE_MS;
/** The most that Mollie gives. */
const PAGE_SIZE = 250;
/** Beyond this the look-up knows nothing, instead of never ending. */
const PAGES_MAX = 40;

/** Walks a list, newest first, back to the first send. */
function findIn<Value>(
  options: MollieOptions,
  page: (parameters: object) => Promise<unknown>,
  toValue: (answer: unknown) => Value,
): LookUp<Value, MollieDecline> {
  return {
    quietMs: QUIET_MS,
    find: async (call) => {
      let from: string | undefined;
      for (let number = 0; number < PAGES_MAX; number++) {
        const parameters = { limit: PAGE_SIZE, ...(from === undefined ? {} : { from }) };
        const list = await callSdk(options, call, () => page(parameters));
        if (!Array.isArray(list)) throw new Error("Mollie gave no list.");
        const found = list.find((one) => memberOf(one, "metadata", "nevertwice_key") === call.key);
        if (found !== undefined) return toValue(found);
        from = textOf(list, "nextPageCursor");
        const oldest = Date.parse(textOf(list.at(-1), "createdAt") ?? "");
        if (from === undefined || oldest < call.since - CLOCKS_APART_MS) return undefined;
      }
      throw new Error("The list is too long to be looked through.");
    },
  };
}
