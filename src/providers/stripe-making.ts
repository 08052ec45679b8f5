import type { Effect, EffectCall } from "../core/effect.ts";
import { declined } from "../core/judgement.ts";
import type { Target } from "../model/step.ts";
import { targetsOf } from "./account.ts";
import { callSdk, type Patience, TIMEOUT_MS_DEFAULT } from "./sdk-call.ts";
import {
  countSends,
  type PaymentIntentObject,
  type StripePage,
  type StripeRequestOptions,
  type StripeSdk,
} from "./stripe-client.ts";
import { judgeStripe, type StripeDecline } from "./stripe-judge.ts";
import { type StripePaymentIntent, toIntent } from "./stripe-values.ts";

export interface StripeOptions extends Patience {
  /** The connected account that the calls are made for; an attempt that names another parks. */
  readonly account?: string;
}

export const PROVIDER = "stripe";

/** In the metadata of what a step makes: the provider key, so that a look-up finds it. */
const MARK = "nevertwice_key";
const CAPTURE_MARK = "nevertwice_capture_key";

/** What all effects of one instance share. */
export interface Desk {
  readonly stripe: StripeSdk;
  /** A search may lag so long, and a send that was given up may still arrive. */
  readonly quietMs: number;
  target(kind: string): Target;
  send<T>(call: EffectCall, work: (options: StripeRequestOptions) => PromiseLike<T>): Promise<T>;
  ask<T>(call: EffectCall, work: (options: StripeRequestOptions) => PromiseLike<T>): Promise<T>;
  judge(error: unknown): ReturnType<typeof judgeStripe>;
}

export function deskOf(stripe: StripeSdk, options: StripeOptions): Desk {
  const { account, timeoutMs = TIMEOUT_MS_DEFAULT } = options;
  const resent = new WeakSet<object>();
  const common: StripeRequestOptions = {
    maxNetworkRetries: 0,
    timeout: timeoutMs,
    ...(account === undefined ? {} : { stripeAccount: account }),
  };
  return {
    stripe,
    quietMs: 60_000 + 2 * timeoutMs,
    target: targetsOf({ provider: PROVIDER }, options, []),
    ask: (call, work) => callSdk(options, call, async () => work(common)),
    async send(call, work) {
      const count = countSends(stripe, call.key);
      try {
        call.checkTime();
        const keyed = { ...common, idempotencyKey: call.key };
        return await callSdk(options, call, async () => work(keyed));
      } catch (error) {
        if (count.sent() > 1 && typeof error === "object" && error !== null) resent.add(error);
        throw error;
      } finally {
        count.end();
      }
    },
    judge: (error) =>
      judgeStripe(error, typeof error === "object" && error !== null && resent.has(error)),
  };
}

/** How objects of a kind are made, read and found. */
interface Making<Made extends Marked, Value> {
  readonly resource: {
    create(params: object, options?: StripeRequestOptions): PromiseLike<Made>;
    retrieve(id: string, params?: object, options?: StripeRequestOptions): PromiseLike<Made>;
  };
  readonly read: (made: Made) => Value;
  readonly find: (call: EffectCall) => Promise<string | undefined>;
  /** The decline that an object shows when it is found; a send gets it as an error. */
  readonly refused?: (made: Made) => StripeDecline | undefined;
}

interface Marked {
  readonly id: string;
  readonly metadata: Readonly<Record<string, string>> | null;
}

/** The effect that makes an object of a kind. */
export function makes<Made extends Marked, Value extends { readonly id: string }>(
  desk: Desk,
  kind: string,
  params: object,
  { resource, read, find, refused }: Making<Made, Value>,
): Effect<Value, StripeDecline> {
  return {
    ...common(desk, kind),
    input: params,
    send: async (call) =>
      read(
        await desk.send(call, (options) => resource.create(marked(params, MARK, call), options)),
      ),
    lookUp: {
      quietMs: desk.quietMs,
      find: async (call) => {
        const id = await find(call);
        if (id === undefined) return undefined;
        // The index may show an older state than the object has.
        const made = await desk.ask(call, (options) => resource.retrieve(id, {}, options));
        const decline = refused?.(made);
        return decline === undefined ? read(made) : declined(decline);
      },
    },
    reference: ({ id }) => id,
    retrieve: async (id, call) =>
      read(await desk.ask(call, (options) => resource.retrieve(id, {}, options))),
  };
}

function common(
  desk: Desk,
  kind: string,
): Pick<
  Effect<never, StripeDecline>,
  "target" | "keptForMs" | "ways" | "replayAfterFailure" | "judge"
> {
  return {
    target: desk.target(kind),
    keptForMs: 86_400_000,
    ways: ["replay", "look-up"],
    // Harmless, and it tells a stored 500 from one that never reached the API.
    replayAfterFailure: true,
    judge: desk.judge,
  };
}

/** Captures what was authorised; a mark of its own tells our capture from somebody else's. */
export function capture(
  desk: Desk,
  id: string,
  params: object,
): Effect<StripePaymentIntent, StripeDecline> {
  const { paymentIntents } = desk.stripe;
  return {
    ...changes(desk, "capture", id, params, (made, call) =>
      made.metadata[CAPTURE_MARK] === call.key ? toIntent(made) : undefined,
    ),
    send: async (call) => {
      const sent = marked(params, CAPTURE_MARK, call);
      return toIntent(
        await desk.send(call, (options) => paymentIntents.capture(id, sent, options)),
      );
    },
  };
}

/** Cancels an intent; that it is cancelled is all that matters, whoever has done it. */
export function cancel(
  desk: Desk,
  id: string,
  params: object,
): Effect<StripePaymentIntent, StripeDecline> {
  const { paymentIntents } = desk.stripe;
  return {
    ...changes(desk, "cancel", id, params, (made) =>
      made.status === "canceled" ? toIntent(made) : undefined,
    ),
    send: async (call) =>
      toIntent(await desk.send(call, (options) => paymentIntents.cancel(id, params, options))),
  };
}

/** What the effects on an intent that is there have in common. */
function changes(
  desk: Desk,
  kind: string,
  id: string,
  params: object,
  seen: (made: PaymentIntentObject, call: EffectCall) => StripePaymentIntent | undefined,
): Omit<Effect<StripePaymentIntent, StripeDecline>, "send"> {
  const { paymentIntents } = desk.stripe;
  const intent = (known: string, call: EffectCall): Promise<PaymentIntentObject> =>
    desk.ask(call, (options) => paymentIntents.retrieve(known, {}, options));
  return {
    ...common(desk, kind),
    input: { id, params },
    lookUp: {
      quietMs: desk.quietMs,
      find: async (call) => seen(await intent(id, call), call),
    },
    retrieve: async (known, call) => toIntent(await intent(known, call)),
    reference: (value) => value.id,
  };
}

function marked(params: object, mark: string, { key }: EffectCall): object {
  const metadata: unknown = "metadata" in params ? params.metadata : undefined;
  return { ...params, metadata: { ...(metadata ?? {}), [mark]: key } };
}

/** By the search index, which may lag. */
export async function findSearched(
  desk: Desk,
  call: EffectCall,
  resource: {
    search(
      params: { query: string; limit?: number },
      options?: StripeRequestOptions,
    ): PromiseLike<StripePage<Marked>>;
  },
): Promise<string | undefined> {
  const query = `metadata['${MARK}']:'${call.key}'`;
  const page = await desk.ask(call, (options) => resource.search({ query, limit: 2 }, options));
  return onlyOne(page.data.map(({ id }) => id));
}

/** Lists are read page by page, but a busy account's are not read without end. */
const PAGES_MAX = 20;

/** By a list, which does not lag. */
export async function findListed<Made extends Marked>(
  desk: Desk,
  call: EffectCall,
  resource: {
    list(params: object, options?: StripeRequestOptions): PromiseLike<StripePage<Made>>;
  },
  filter: object,
): Promise<string | undefined> {
  const found: string[] = [];
  let after: object = {};
  for (let pages = 1; ; pages += 1) {
    const params = { ...filter, ...after, limit: 100 };
    const page = await desk.ask(call, (options) => resource.list(params, options));
    const ours = page.data.filter(({ metadata }) => metadata?.[MARK] === call.key);
    found.push(...ours.map(({ id }) => id));
    const last = page.data.at(-1);
    if (!page.has_more || last === undefined) return onlyOne(found);
    if (pages === PAGES_MAX) throw new Error("The list is too long to be searched.");
    after = { starting_after: last.id };
  }
}

/** Two objects with the mark of one send are for a person to look at. */
function onlyOne(ids: readonly string[]): string | undefined {
  if (ids.length > 1) throw new Error(`Several objects carry the mark: ${ids.join(", ")}.`);
  return ids[0];
}
