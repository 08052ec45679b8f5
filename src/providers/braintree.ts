import type { Effect, EffectCall, LookUp } from "../core/effect.ts";
import {
  type Declined,
  declined,
  inDoubt,
  type Judgement,
  notExecuted,
  type Refused,
  refused,
} from "../core/judgement.ts";
import { targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import { memberOf, present, requiredText, textOf } from "./sdk-answer.ts";
import { callSdk, type Patience, unsentByText } from "./sdk-call.ts";

const DAY_MS = 86_400_000;
/** Longer than the SDK waits for an answer; how far the search lags is not published. */
const QUIET_MS = 30 * 60_000;

/**
 * What holds without `apiRequestKeys`: no keys. The gateway's own check for duplicates compares
 * amount and order within seconds, and is no key.
 */
export const BRAINTREE_FACTS: ProviderFacts = {
  provider: "braintree",
  carrier: undefined,
  characters: "",
  lengths: [0, 0],
  keptForMs: undefined,
  scope: "none",
  stores: "nothing",
  replays: "unknown",
  whileRunning: undefined,
  onMismatch: undefined,
  replay: { afterNoAnswer: "unsafe", afterFailure: "unsafe" },
  // The lag is not published; this is what the adapter waits.
  lookUp: { by: "the order id, in the search of transactions", lagMs: QUIET_MS },
  cancelByKey: false,
  sources: [
    "https://developer.paypal.com/braintree/docs/guides/transactions/node",
    "https://developer.paypal.com/braintree/graphql/integration_guides/idempotency",
  ],
};

/** What is used of a gateway made by `new braintree.BraintreeGateway`. */
export interface BraintreeSdk {
  readonly config: { readonly merchantId: string };
  readonly transaction: {
    sale(attributes: object): Promise<unknown>;
    refund(transactionId: string, options: object): Promise<unknown>;
    submitForSettlement(id: string, amount?: string, options?: object): Promise<unknown>;
    find(transactionId: string): Promise<unknown>;
    search(criteria: (search: BraintreeSearch) => void): AsyncIterable<unknown>;
  };
}

export interface BraintreeSearch {
  orderId(): { is(orderId: string): unknown };
}

export interface BraintreeOptions extends Patience {
  /**
   * Whether this merchant may send `apiRequestKey`, which Braintree enables for some. Then sales
   * and refunds have keys that are kept for 30 days. It takes version 3.37 or newer of the SDK.
   *
   * @see https://developer.paypal.com/braintree/graphql/integration_guides/idempotency
   */
  readonly apiRequestKeys?: boolean;
}

/** Braintree's own attributes; the provider key is put behind `orderId`. */
export interface BraintreeSaleRequest {
  /** With the currency's decimals, such as `19.99`. */
  readonly amount: string;
  /** At most 200 characters. */
  readonly orderId?: string;
  readonly [attribute: string]: unknown;
}

export interface BraintreeRefundRequest {
  readonly transactionId: string;
  /** The whole transaction if left out. */
  readonly amount?: string;
  /** At most 200 characters. */
  readonly orderId?: string;
}

export interface BraintreeSettlementRequest {
  readonly transactionId: string;
  readonly amount: string;
}

/** That it exists says nothing of its settlement, which moves on by webhook or search. */
export interface BraintreeTransaction {
  readonly id: string;
  /** Such as `authorized`, `submitted_for_settlement` or `settled`. */
  readonly status: string;
  readonly amount: string;
  readonly currency?: string;
}

export interface BraintreeDecline {
  /** Of the processor, the gateway's reason, or of the first error in the request. */
  readonly code: string;
  readonly message?: string;
  /** The transaction that was made and declined, if there is one. */
  readonly id?: string;
}

type Transacted = BraintreeTransaction | Declined<BraintreeDecline>;

export interface BraintreeEffects {
  sale(request: BraintreeSaleRequest): Effect<BraintreeTransaction, BraintreeDecline>;
  refund(request: BraintreeRefundRequest): Effect<BraintreeTransaction, BraintreeDecline>;
  /** Has no key of its own; a transaction that is submitted already is found by its status. */
  submitForSettlement(
    request: BraintreeSettlementRequest,
  ): Effect<BraintreeTransaction, BraintreeDecline>;
}

/** Effects without keys are never sent twice: after a lost answer they are looked up, or parked. */
export function braintreeEffects(
  gateway: BraintreeSdk,
  options: BraintreeOptions = {},
): BraintreeEffects {
  const { transaction } = gateway;
  const target = targetsOf(BRAINTREE_FACTS, { account: gateway.config.merchantId });
  const keys = options.apiRequestKeys === true;
  const rules = { ...(keys ? KEYED : KEYLESS), judge: judgeBraintreeError };
  const withKey = (attributes: object, key: string): object =>
    keys ? { ...attributes, apiRequestKey: key } : attributes;
  const send = async (
    call: EffectCall,
    request: () => Promise<unknown>,
  ): Promise<Transacted | Refused<BraintreeDecline>> => {
    call.checkTime();
    return toResult(await callSdk(options, call, request));
  };
  const retrieve = async (id: string, call: EffectCall): Promise<BraintreeTransaction> =>
    toTransaction(await callSdk(options, call, () => transaction.find(id)));
  return {
    sale: (request) => ({
      ...rules,
      input: request,
      target: target("sale"),
      send: (call) => {
        const attributes = { ...request, orderId: markOf(request.orderId, call.key) };
        return send(call, () => transaction.sale(withKey(attributes, call.key)));
      },
      reference: ({ id }) => id,
      lookUp: findByOrder(gateway, options, request.orderId),
      retrieve,
    }),
    refund: ({ transactionId, ...request }) => ({
      ...rules,
      input: { transactionId, ...request },
      target: target("refund"),
      send: (call) => {
        const attributes = { ...request, orderId: markOf(request.orderId, call.key) };
        return send(call, () => transaction.refund(transactionId, withKey(attributes, call.key)));
      },
      reference: ({ id }) => id,
      lookUp: findByOrder(gateway, options, request.orderId),
      retrieve,
    }),
    submitForSettlement: (request) => ({
      ...KEYLESS,
      judge: judgeBraintreeError,
      input: request,
      target: target("settlement"),
      send: (call) =>
        send(call, () => transaction.submitForSettlement(request.transactionId, request.amount)),
      reference: ({ id }) => id,
      lookUp: {
        quietMs: QUIET_MS,
        find: async (call) => {
          const found = await retrieve(request.transactionId, call);
          const submitted = SUBMITTED.has(found.status) && found.amount === request.amount;
          return submitted ? found : undefined;
        },
      },
      retrieve,
    }),
  };
}

const KEYLESS = { keyed: false, ways: ["look-up"] } as const;
const KEYED = { keptForMs: 30 * DAY_MS, ways: ["replay", "look-up"] } as const;

/** Orders may have several transactions; the key belongs to one. */
function markOf(orderId: string | undefined, key: string): string {
  return orderId === undefined ? key : `${orderId}-${key}`;
}

function findByOrder(
  { transaction }: BraintreeSdk,
  options: BraintreeOptions,
  orderId: string | undefined,
): LookUp<BraintreeTransaction, BraintreeDecline> {
  return {
    quietMs: QUIET_MS,
    find: (call) =>
      callSdk(options, call, async () => {
        const mark = markOf(orderId, call.key);
        const found = transaction.search((search) => void search.orderId().is(mark));
        for await (const one of found) if (memberOf(one, "orderId") === mark) return judged(one);
        return undefined;
      }),
  };
}

const SUBMITTED: ReadonlySet<string> = new Set([
  "submitted_for_settlement",
  "settlement_pending",
  "settling",
  "settled",
]);

const DECLINED: ReadonlySet<string> = new Set([
  "processor_declined",
  "gateway_rejected",
  "failed",
  "settlement_declined",
]);

/** Why a request with a key that the gateway knows is refused. */
const KEY_PROBLEMS: Readonly<Record<string, "unanswered" | "failed" | "frozen">> = {
  "915232": "frozen",
  "915233": "unanswered",
  "915234": "frozen",
  "915235": "failed",
};

/** @throws an error whose `because` is what it means, where the gateway knows the key */
function toResult(answer: unknown): Transacted | Refused<BraintreeDecline> {
  const made = memberOf(answer, "transaction");
  if (memberOf(answer, "success") === true) return toTransaction(made);
  if (memberOf(answer, "success") !== false) throw new Error("Braintree gave no result.");
  if (made !== undefined) return judged(made);
  const errors = errorsOf(answer);
  for (const { code } of errors) {
    const because = KEY_PROBLEMS[code];
    if (because !== undefined)
      throw Object.assign(new Error("The gateway knows the key."), { because });
  }
  const code = errors[0]?.code ?? "invalid";
  // No transaction was made, so the refusal is not kept under a key.
  return refused(present({ code, message: textOf(answer, "message") }));
}

function errorsOf(answer: unknown): readonly { readonly code: string }[] {
  const errors = memberOf(answer, "errors") as { deepErrors?(): readonly { code: string }[] };
  return errors?.deepErrors?.() ?? [];
}

function judged(answer: unknown): Transacted {
  const made = toTransaction(answer);
  if (!DECLINED.has(made.status)) return made;
  const code = textOf(answer, "gatewayRejectionReason") ?? textOf(answer, "processorResponseCode");
  const message = textOf(answer, "processorResponseText");
  return declined(present({ code: code ?? made.status, message, id: made.id }));
}

function toTransaction(answer: unknown): BraintreeTransaction {
  return present({
    id: requiredText(answer, "id"),
    status: requiredText(answer, "status"),
    amount: requiredText(answer, "amount"),
    currency: textOf(answer, "currencyIsoCode"),
  });
}

/** What somebody mends while the request waits: credentials, and an SDK that is too old. */
const MENDABLE: ReadonlySet<string> = new Set([
  "authenticationError",
  "authorizationError",
  "upgradeRequired",
]);

/** Refused by the gateway as a thing that is not there, or by the SDK as no request. */
const IMPOSSIBLE: ReadonlySet<string> = new Set(["notFoundError", "invalidKeysError"]);

const FAILED: ReadonlySet<string> = new Set([
  "serverError",
  "serviceUnavailableError",
  "gatewayTimeoutError",
]);

/** What an error of `braintree` proves. Each of its requests is sent once. */
export function judgeBraintreeError(error: unknown): Judgement<BraintreeDecline> {
  const because = memberOf(error, "because");
  if (because === "frozen" || because === "failed") return inDoubt(because);
  const type = textOf(error, "type") ?? "";
  if (MENDABLE.has(type)) return notExecuted(`Braintree refused: ${type}`);
  if (IMPOSSIBLE.has(type))
    return refused(present({ code: type, message: textOf(error, "message") }));
  if (FAILED.has(type)) return inDoubt("failed");
  return unsentByText(textOf(error, "message")) ?? inDoubt("unanswered");
}
