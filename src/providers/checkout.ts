import type { Effect, EffectCall, LookUp } from "../core/effect.ts";
import { type Declined, declined, inDoubt, type Judgement, refused } from "../core/judgement.ts";
import type { Target } from "../model/step.ts";
import { type AccountOptions, targetsOf } from "./account.ts";
import type { ProviderFacts } from "./facts.ts";
import { judgeStatus } from "./refusal.ts";
import { memberOf, numberOf, present, requiredText, textOf } from "./sdk-answer.ts";
import { callSdk, unsentByText } from "./sdk-call.ts";

const DAY_MS = 86_400_000;
/** A payment that is not listed by then is taken as never made, which Checkout.com does not say. */
const QUIET_MS = 30 * 60_000;

/** Another page says 72 hours; the shorter time is the safe one. */
export const CHECKOUT_FACTS: ProviderFacts = {
  provider: "checkout",
  carrier: { in: "header", name: "Cko-Idempotency-Key" },
  characters: "[ -~]",
  lengths: [1, 255],
  keptForMs: DAY_MS,
  scope: "the client's account",
  stores: "successes",
  replays: "same answer",
  whileRunning: undefined,
  onMismatch: undefined,
  // A request that failed is attempted anew under its key, although it may have had its effect.
  replay: { afterNoAnswer: "unsafe", afterFailure: "unsafe" },
  // The lag is not published; this is what the adapter waits.
  lookUp: { by: "the reference of a payment, and the actions of a payment", lagMs: QUIET_MS },
  cancelByKey: false,
  sources: [
    "https://www.checkout.com/docs/payments/manage-payments/retry-a-payment",
    "https://www.checkout.com/docs/payments/manage-payments/get-a-list-of-payments",
  ],
};

/** What is used of a client made by `new Checkout`. */
export interface CheckoutSdk {
  readonly payments: {
    request(body: object, idempotencyKey?: string): Promise<unknown>;
    capture(paymentId: string, body?: object, idempotencyKey?: string): Promise<unknown>;
    refund(paymentId: string, body?: object, idempotencyKey?: string): Promise<unknown>;
    get(id: string): Promise<unknown>;
    getActions(id: string): Promise<unknown>;
    getPaymentList(query?: object): Promise<unknown>;
  };
}

/** The account is the client or the processing channel. */
export type CheckoutOptions = AccountOptions;

/**
 * Checkout.com's own parameters. Without a `reference` the provider key is one; `metadata` is given
 * the member `nevertwice_key`.
 */
export interface CheckoutPaymentRequest {
  /** In the currency's smallest unit. */
  readonly amount?: number;
  readonly currency: string;
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [parameter: string]: unknown;
}

export interface CheckoutActionRequest {
  readonly paymentId: string;
  /** In the currency's smallest unit; the whole payment if left out. */
  readonly amount?: number;
  readonly reference?: string;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly [parameter: string]: unknown;
}

/** That it exists says nothing of its status, which moves on by webhook. */
export interface CheckoutPayment {
  readonly id: string;
  /** Such as `Authorized`, or `Pending` where the customer must be redirected. */
  readonly status: string;
  readonly amount?: number;
  readonly currency?: string;
  readonly redirectUrl?: string;
}

/** Accepted, not settled: whether it came through is told by webhook. */
export interface CheckoutAction {
  readonly id: string;
  readonly paymentId: string;
}

export interface CheckoutDecline {
  /** Such as `20051`, or `amount_invalid` of a request that cannot be. */
  readonly code: string;
  readonly message?: string;
  /** The payment that was made and declined, if there is one. */
  readonly id?: string;
}

export interface CheckoutEffects {
  payment(request: CheckoutPaymentRequest): Effect<CheckoutPayment, CheckoutDecline>;
  capture(request: CheckoutActionRequest): Effect<CheckoutAction, CheckoutDecline>;
  refund(request: CheckoutActionRequest): Effect<CheckoutAction, CheckoutDecline>;
}

export function checkoutEffects(checkout: CheckoutSdk, options: CheckoutOptions): CheckoutEffects {
  const { payments } = checkout;
  const desk: Desk = {
    payments,
    target: targetsOf(CHECKOUT_FACTS, options),
    ask: (call, work) => callSdk(options, call, work),
  };
  return {
    payment: (request) => paymentEffect(desk, request),
    capture: (request) => actionEffect(desk, "Capture", request),
    refund: (request) => actionEffect(desk, "Refund", request),
  };
}

/** What all effects of one client share. */
interface Desk {
  readonly payments: CheckoutSdk["payments"];
  target(kind: string): Target;
  ask(call: EffectCall, work: () => Promise<unknown>): Promise<unknown>;
}

function paymentEffect(
  { payments, target, ask }: Desk,
  request: CheckoutPaymentRequest,
): Effect<CheckoutPayment, CheckoutDecline> {
  return {
    ...RULES,
    input: request,
    target: target("payment"),
    send: async (call) => {
      // The SDK writes the source's type into what it is given.
      const body = structuredClone(marked(request, call.key));
      call.checkTime();
      return toPayment(await ask(call, () => payments.request(body, call.key)));
    },
    reference: ({ id }) => id,
    lookUp: findPayment(request.reference, (call, query) =>
      ask(call, () => payments.getPaymentList(query)),
    ),
    retrieve: async (id, call) => payment(await ask(call, () => payments.get(id))),
  };
}

function actionEffect(
  { payments, target, ask }: Desk,
  type: "Capture" | "Refund",
  { paymentId, ...request }: CheckoutActionRequest,
): Effect<CheckoutAction, CheckoutDecline> {
  const kind = type === "Capture" ? "capture" : "refund";
  const find = async (call: EffectCall, isIt: (one: unknown) => boolean): Promise<unknown> => {
    const actions = await ask(call, () => payments.getActions(paymentId));
    if (!Array.isArray(actions)) throw new Error("Checkout.com gave no list.");
    return actions.find((one) => memberOf(one, "type") === type && isIt(one));
  };
  return {
    ...RULES,
    input: { paymentId, ...request },
    target: target(kind),
    send: async (call) => {
      const body = marked(request, call.key);
      call.checkTime();
      const act = (): Promise<unknown> => payments[kind](paymentId, body, call.key);
      return { id: requiredText(await ask(call, act), "action_id"), paymentId };
    },
    reference: ({ id }) => id,
    lookUp: {
      quietMs: QUIET_MS,
      find: async (call) => {
        const found = await find(call, (one) => isMarked(one, request.reference, call.key));
        return found === undefined ? undefined : toAction(found, paymentId);
      },
    },
    retrieve: async (id, call) => ({
      id: requiredText(await find(call, (one) => memberOf(one, "id") === id), "id"),
      paymentId,
    }),
  };
}

type Markable = Pick<CheckoutActionRequest, "reference" | "metadata">;

/** It is sent again only once a look-up had time to find it. */
const RULES = {
  keptForMs: DAY_MS,
  ways: ["look-up", "replay"],
  replayAfterFailure: false,
  judge: judgeCheckoutError,
} as const;

function marked(request: Markable, key: string): object {
  const { reference = key, metadata } = request;
  return { ...request, reference, metadata: { ...metadata, nevertwice_key: key } };
}

/** A reference of the user's own may be shared by many payments; the key is not. */
function isMarked(answer: unknown, reference: string | undefined, key: string): boolean {
  if (memberOf(answer, "metadata", "nevertwice_key") === key) return true;
  return reference === undefined && memberOf(answer, "reference") === key;
}

const PAGE_SIZE = 100;
/** Beyond this the look-up knows nothing, instead of never ending. */
const PAGES_MAX = 20;

function findPayment(
  reference: string | undefined,
  list: (call: EffectCall, query: object) => Promise<unknown>,
): LookUp<CheckoutPayment, CheckoutDecline> {
  return {
    quietMs: QUIET_MS,
    find: async (call) => {
      // The SDK puts the query together without escaping it.
      const wanted = encodeURIComponent(reference ?? call.key);
      for (let page = 0; page < PAGES_MAX; page++) {
        const query = { reference: wanted, limit: PAGE_SIZE, skip: page * PAGE_SIZE };
        const answer = await list(call, query);
        const data = memberOf(answer, "data");
        if (!Array.isArray(data)) throw new Error("Checkout.com gave no list.");
        const found = data.find((one) => isMarked(one, reference, call.key));
        if (found !== undefined) return toPayment(found);
        const total = numberOf(answer, "total_count") ?? 0;
        if (data.length === 0 || total <= query.skip + data.length) return undefined;
      }
      throw new Error("The list is too long to be looked through.");
    },
  };
}

/** A refusal of the card comes as a success with the status `Declined`. */
function toPayment(answer: unknown): CheckoutPayment | Declined<CheckoutDecline> {
  const made = payment(answer);
  return made.status === "Declined" ? declined(declineOf(answer)) : made;
}

function payment(answer: unknown): CheckoutPayment {
  return present({
    id: requiredText(answer, "id"),
    status: requiredText(answer, "status"),
    amount: numberOf(answer, "amount"),
    currency: textOf(answer, "currency"),
    redirectUrl: textOf(answer, "_links", "redirect", "href"),
  });
}

function toAction(answer: unknown, paymentId: string): CheckoutAction | Declined<CheckoutDecline> {
  if (memberOf(answer, "approved") === false) return declined(declineOf(answer));
  return { id: requiredText(answer, "id"), paymentId };
}

function declineOf(answer: unknown): CheckoutDecline {
  return present({
    code: textOf(answer, "response_code") ?? "declined",
    message: textOf(answer, "response_summary"),
    id: requiredText(answer, "id"),
  });
}

/**
 * What an error of `checkout-sdk-node` proves. As failures are not kept under a key, a refusal is
 * not the answer that an earlier send got.
 */
export function judgeCheckoutError(error: unknown): Judgement<CheckoutDecline> {
  if (textOf(error, "name") === "ValueError")
    return refused(present({ code: "value-error", message: textOf(error, "body") }));
  const status = numberOf(error, "http_code");
  if (status === undefined) {
    // The SDK puts the text of a connection's error where a body would be.
    return unsentByText(textOf(error, "body")) ?? inDoubt("unanswered");
  }
  const body = memberOf(error, "body");
  if (/idempoten/i.test(JSON.stringify(body ?? ""))) return inDoubt("unanswered");
  const told = textOf(body, "error_codes", "0") ?? textOf(body, "error_type");
  const decline: CheckoutDecline = { code: told ?? `status-${status}` };
  // A capture or a refund that the payment is in no state for; 403 without a word is the key's.
  if (status === 403 && told !== undefined) return refused(decline);
  return judgeStatus("Checkout.com", status, decline);
}
