import type { Effect } from "../../core/effect.ts";
import {
  type Declined,
  declined,
  inDoubt,
  type NotExecuted,
  notExecuted,
  type Refused,
  refused,
} from "../../core/judgement.ts";
import type { Passed, ProviderResult, SandboxClient, Wanted } from "../../sandbox/client.ts";
import { type Charge, isObject, type Refund, type RefundRequest } from "../../sandbox/wire.ts";
import type { Purchase } from "./bookkeeping.ts";

/** The provider's code of a refusal, such as `card_declined`. */
export interface PaymentDecline {
  readonly code: string;
}

/** What a test or the demo does right before and right after the provider is called. */
export interface CallWatch {
  before(): void;
  after(): void;
}

export const PROVIDER = "sandbox";
const CARD_DECLINED = "card_declined";
const UNWATCHED: CallWatch = { before: () => {}, after: () => {} };
/** By then a request has arrived at a provider on the same machine, or it never will. */
const QUIET_MS = 1_000;
/** The provider's clock and the database's may differ by so much. */
const CLOCKS_APART_MS = 120_000;

/** One charge for one order. */
export function chargeEffect(
  provider: SandboxClient,
  orderId: string,
  { cartId, amount, currency }: Purchase,
  watch: CallWatch = UNWATCHED,
): Effect<Charge, PaymentDecline> {
  return {
    ...resolvedBy<Charge>("charges", (wanted) => provider.charges(wanted)),
    target: { provider: PROVIDER, kind: "charge" },
    input: { orderId, cartId, amount, currency },
    send: async ({ key }) => {
      const request = { amount, currency, metadata: { orderId, cartId } };
      watch.before();
      const result = await provider.charge(request, { idempotencyKey: key });
      watch.after();
      return result.kind === "succeeded" ? result.charge : unsuccessful(result);
    },
  };
}

/** One refund of a charge. */
export function refundEffect(
  provider: SandboxClient,
  request: RefundRequest,
): Effect<Refund, PaymentDecline> {
  return {
    ...resolvedBy<Refund>("refunds", (wanted) => provider.refunds(wanted)),
    target: { provider: PROVIDER, kind: "refund" },
    input: { chargeId: request.charge, amount: request.amount },
    send: async ({ key }) => {
      const result = await provider.refund(request, { idempotencyKey: key });
      return result.kind === "succeeded" ? result.refund : unsuccessful(result);
    },
  };
}

type Unsuccessful = Exclude<ProviderResult<"unused", never>, { kind: "succeeded" }>;

/** A definite no, or a proof that nothing happened. @throws what leaves a doubt */
function unsuccessful(
  result: Unsuccessful,
): Declined<PaymentDecline> | Refused<PaymentDecline> | NotExecuted {
  if (result.kind === "declined") {
    const { code } = result.decline;
    // Other refusals leave the key free, so they say nothing of an earlier send.
    return code === CARD_DECLINED ? declined({ code }) : refused({ code });
  }
  if (result.kind === "not-executed") return notExecuted(result.cause);
  throw Object.assign(new Error(result.cause), { because: becauseOf(result.status) });
}

function becauseOf(status: number | undefined): "failed" | "unanswered" {
  return status !== undefined && status >= 500 ? "failed" : "unanswered";
}

type Resolving<Made> = Pick<
  Effect<Made, PaymentDecline>,
  "judge" | "reference" | "ways" | "replayAfterFailure" | "lookUp" | "retrieve"
>;

/**
 * The provider lists what it made, with the key, so a lost answer is looked up first. It forgets
 * its own failures, so the same key is sent again only after a look-up had time to find the first.
 */
function resolvedBy<Made extends Charge | Refund>(
  name: "charges" | "refunds",
  list: (wanted?: Wanted) => Promise<Passed>,
): Resolving<Made> {
  return {
    judge: (error) =>
      inDoubt(isObject(error) && error["because"] === "failed" ? "failed" : "unanswered"),
    reference: ({ id }) => id,
    ways: ["look-up", "replay"],
    replayAfterFailure: false,
    lookUp: {
      quietMs: QUIET_MS,
      async find({ key, since }) {
        const wanted = { key, since: Math.max(0, Math.floor(since) - CLOCKS_APART_MS) };
        return readList<Made>(name, await list(wanted))[0];
      },
    },
    retrieve: async (reference) => {
      const [made] = readList<Made>(name, await list({ id: reference }));
      if (made === undefined) throw new Error(`The provider knows no ${reference}.`);
      return made;
    },
  };
}

/** @throws Error if the provider did not answer with its list */
function readList<Made>(name: string, passed: Passed): readonly Made[] {
  const cause = passed.kind === "unreachable" ? passed.cause : `it answered ${passed.status}`;
  const body = passed.kind === "answered" && isObject(passed.body) ? passed.body : {};
  if (!Array.isArray(body["data"]))
    throw new Error(`The list of ${name} cannot be read: ${cause}.`);
  return body["data"] as readonly Made[];
}
