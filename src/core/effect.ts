import { NevertwiceError } from "../model/errors.ts";
import { canonicalJson } from "../model/json.ts";
import { digest } from "../model/key.ts";
import type { Target } from "../model/step.ts";
import type { MaybePromise } from "../store.ts";
import type { Declined, Judgement, NotExecuted, Refused } from "./judgement.ts";

/**
 * A change in someone else's system. In its plain form it is `input` and `send`; the rest tells
 * how its provider behaves, so that a lost answer can be resolved instead of guessed.
 */
export interface Effect<Value, Decline> {
  /**
   * The arguments, as JSON: stored with the first send. If they differ on a later attempt, the step
   * is refused as changed code.
   */
  readonly input?: unknown;
  /** Whom it goes to and what it makes there. A later attempt that names another parks. */
  readonly target?: Target;
  /**
   * False for a provider without idempotency keys. Such an effect is never sent twice on a guess.
   */
  readonly keyed?: boolean;
  /**
   * How long the provider remembers a key, in milliseconds; 24 hours by default. An effect whose
   * answer was lost is not sent again after that, because the provider would take it for a new one.
   */
  readonly keptForMs?: number;
  /**
   * How long after its commit a send may still leave, in milliseconds; 5 s by default. A process
   * that slept longer drops it, because another may have taken over and looked for it meanwhile.
   */
  readonly sendByMs?: number;
  /**
   * Sends the effect. What it returns is definite and recorded. What a throw means is said by
   * `judge`.
   */
  readonly send: (
    call: EffectCall,
  ) => MaybePromise<Value | Declined<Decline> | Refused<Decline> | NotExecuted>;
  /** What a throw of `send` proves; by default it proves nothing. */
  readonly judge?: (error: unknown) => Judgement<Decline>;
  /** The provider's own id of what was made; it is adopted once over all operations. */
  reference?(value: Value): string | undefined;
  /**
   * How a step without a result is resolved, in this order; by default `replay` for an effect with
   * a key, then `look-up` if there is one.
   */
  readonly ways?: readonly Way[];
  /**
   * False for a provider that forgets its failures, and so may execute anew what it has executed:
   * the same key is sent again only after a look-up, which then stands first in `ways`, has found
   * nothing for long enough.
   */
  readonly replayAfterFailure?: boolean;
  /** Finds what an earlier send made, without sending it again. */
  readonly lookUp?: LookUp<Value, Decline>;
  /** Makes sure that an earlier send stays without effect; a definite yes is a proof. */
  readonly cancel?: (call: EffectCall) => MaybePromise<NotExecuted | undefined>;
  /** The value behind a reference that a person or a webhook has told. */
  readonly retrieve?: (reference: string, call: EffectCall) => MaybePromise<Value>;
}

/** Send again with the same key, ask the provider, or cancel what may still arrive. */
export type Way = "replay" | "look-up" | "cancel";

export interface LookUp<Value, Decline> {
  /**
   * How long after the last send a look-up that finds nothing still means nothing, in milliseconds:
   * a late request may land, and an index lags.
   */
  readonly quietMs: number;
  /**
   * Whether nothing found after `quietMs` proves that nothing happened. Leave it out unless the
   * provider says so: then a step that is not found waits for a person.
   */
  readonly absenceProves?: boolean;
  /** @returns undefined if nothing is found */
  readonly find: (call: EffectCall) => MaybePromise<Value | Declined<Decline> | undefined>;
}

export interface EffectCall {
  /**
   * The provider key: the same over every retry, take-over and restart. Also for an effect without
   * keys, as a mark for the provider's own metadata by which a look-up finds it.
   */
  readonly key: string;
  /** Aborts when a newer claim owns the operation. */
  readonly signal: AbortSignal;
  /** When the first send was committed, in milliseconds since the epoch by the database's clock. */
  readonly since: number;
  /**
   * To be called right before the first byte leaves, where the adapter can; `send` itself is
   * guarded already. @throws send-too-late
   */
  checkTime(): void;
}

/**
 * The shortest memory among the large providers.
 *
 * @see https://docs.stripe.com/api/idempotent_requests
 */
export const KEPT_FOR_MS_DEFAULT: number = 86_400_000;
export const SEND_BY_MS_DEFAULT: number = 5_000;

/** The digest of a step's arguments. @throws not-json */
export function effectDigest(effect: Effect<unknown, unknown>): string {
  return digest(
    "external",
    canonicalJson(effect.input),
    effect.keyed === false ? "keyless" : "keyed",
  ).toString("hex");
}

/** In which order a step without a result is resolved. */
export function waysOf(effect: Effect<unknown, unknown>): readonly Way[] {
  const ways = effect.ways ?? ["replay", "look-up", "cancel"];
  return ways.filter(
    (way) =>
      (way === "replay" && effect.keyed !== false) ||
      (way === "look-up" && effect.lookUp !== undefined) ||
      (way === "cancel" && effect.cancel !== undefined),
  );
}

/** @throws option-invalid */
export function checkEffect(effect: Effect<unknown, unknown>): void {
  if (typeof effect?.send === "function") return;
  throw new NevertwiceError(
    "option-invalid",
    "An external step takes { input, send: ({ key, signal }) => … }.",
  );
}
