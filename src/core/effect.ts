import { NevertwiceError } from "../model/errors.ts";
import { canonicalJson, decodeJson, encodeJson } from "../model/json.ts";
import { digest } from "../model/key.ts";
import type { StepResult } from "../model/operation.ts";

/** A change in someone else's system, in its plain form. */
export interface Effect<Value, Decline> {
  /**
   * The arguments, as JSON. If they differ on a later attempt, the step is refused as changed code.
   */
  readonly input?: unknown;
  /**
   * False for a provider without idempotency keys. Such an effect is never sent twice: if its
   * answer is lost, the operation stays in doubt until a person settles it.
   */
  readonly keyed?: boolean;
  /**
   * How long the provider remembers a key, in milliseconds; 24 hours by default. An effect whose
   * answer was lost is not sent again after that, because the provider would take it for a new one.
   */
  readonly keptForMs?: number;
  /**
   * Sends the effect. What it returns is definite and recorded. A throw means that nobody knows
   * whether the effect happened.
   */
  readonly send: (
    call: EffectCall,
  ) => Value | Declined<Decline> | PromiseLike<Value | Declined<Decline>>;
}

export interface EffectCall {
  /** The provider key: the same over every retry, take-over and restart. */
  readonly key: string;
  /** Aborts when a newer claim owns the operation. */
  readonly signal: AbortSignal;
}

const DECLINED: unique symbol = Symbol.for("nevertwice.declined");

/** A definite no of the provider, made by `declined`. */
export interface Declined<Decline> {
  readonly [DECLINED]: true;
  readonly decline: Decline;
}

/**
 * Says that the provider definitely refused.
 *
 * @example return declined({ code: "insufficient_funds" })
 */
export function declined<const Decline>(decline: Decline): Declined<Decline> {
  return { [DECLINED]: true, decline };
}

/** A definite result: `value` is there only once `declined` was looked at. */
export type EffectResult<Value, Decline> =
  | { readonly declined: false; readonly value: Value }
  | { readonly declined: true; readonly decline: Decline };

/** The digest of a step's arguments. @throws not-json */
export function effectDigest(effect: Effect<unknown, unknown>): string {
  const text = effect.input === undefined ? "" : canonicalJson(effect.input);
  return digest("external", text, effect.keyed === false ? "keyless" : "keyed").toString("hex");
}

/** The bytes of what `send` returned. @throws not-json */
export function encodeResult(returned: unknown): StepResult {
  if (typeof returned === "object" && returned !== null && DECLINED in returned) {
    return { kind: "declined", value: encodeJson((returned as Declined<unknown>).decline) };
  }
  return { kind: "succeeded", value: encodeJson(returned) };
}

export function decodeResult<Value, Decline>(result: StepResult): EffectResult<Value, Decline> {
  const value = decodeJson(result.value);
  return result.kind === "declined"
    ? { declined: true, decline: value as Decline }
    : { declined: false, value: value as Value };
}

/**
 * The shortest memory among the large providers.
 *
 * @see https://docs.stripe.com/api/idempotent_requests
 */
export const KEPT_FOR_MS_DEFAULT: number = 86_400_000;

/** @throws option-invalid */
export function checkEffect(effect: Effect<unknown, unknown>): void {
  if (typeof effect?.send === "function") return;
  throw new NevertwiceError(
    "option-invalid",
    "An external step takes { input, send: ({ key, signal }) => … }.",
  );
}
