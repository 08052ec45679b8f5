import type { Sweep } from "../core/inbox/sweep-list.ts";
import { NevertwiceError } from "../model/errors.ts";
import { UNSIGNED_FINGERPRINT } from "../model/event.ts";
import { stripeEvent } from "./stripe.ts";
import { plain, type SweepOptions, sliceSweep } from "./sweep-slices.ts";

/** What is used of an instance of the official `stripe` package. */
export interface StripeEventsSdk {
  readonly events: {
    list(
      params: {
        limit: number;
        created: { gte: number; lte: number };
        starting_after?: string;
        types?: string[];
      },
      options: { timeout: number; maxNetworkRetries: number; stripeAccount?: string },
    ): PromiseLike<{
      readonly data: readonly { readonly id: string }[];
      readonly has_more: boolean;
    }>;
  };
}

export interface StripeSweepOptions extends SweepOptions {
  /**
   * The types that the endpoint is subscribed to, 20 at most; all by default. A type that is added
   * later is only found from then on.
   */
  readonly types?: readonly string[];
  /** The connected account whose events the endpoint gets. */
  readonly stripeAccount?: string;
}

const PAGE_LENGTH = 100;
const TYPES_MAX = 20;
const KEPT_MS = 30 * 86_400_000;
const REQUEST = { timeout: 20_000, maxNetworkRetries: 1 };

/**
 * Stripe's own list of events, which it keeps for 30 days.
 *
 * @throws option-invalid
 * @see https://docs.stripe.com/api/events/list
 * @example once.inbox(provider, handlers, { sweep: stripeSweep(stripe) });
 */
export function stripeSweep(stripe: StripeEventsSdk, options: StripeSweepOptions = {}): Sweep {
  const { types, stripeAccount } = options;
  if (types !== undefined && (types.length === 0 || types.length > TYPES_MAX))
    throw new NevertwiceError("option-invalid", `Stripe lists 1 to ${TYPES_MAX} \`types\`.`);
  const request = { ...REQUEST, ...(stripeAccount === undefined ? {} : { stripeAccount }) };
  return sliceSweep(options, KEPT_MS, async ({ from, to, after }) => {
    const created = { gte: Math.floor(from / 1_000), lte: Math.ceil(to / 1_000) };
    const { data, has_more } = await stripe.events.list(
      {
        ...{ limit: PAGE_LENGTH, created },
        ...(after === undefined ? {} : { starting_after: after }),
        ...(types === undefined ? {} : { types: [...types] }),
      },
      request,
    );
    const last = data.at(-1);
    if (has_more && last === undefined) throw new Error("Stripe's list goes on after nothing.");
    return {
      events: data.map((event) => stripeEvent(plain(event), UNSIGNED_FINGERPRINT)),
      next: has_more ? last?.id : undefined,
    };
  });
}
