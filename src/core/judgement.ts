import { decodeJson, encodeJson } from "../model/json.ts";
import type { ResultKind, StepResult, Verdict } from "../model/step.ts";

const DECLINED: unique symbol = Symbol.for("nevertwice.declined");
const REFUSED: unique symbol = Symbol.for("nevertwice.refused");
const IN_DOUBT: unique symbol = Symbol.for("nevertwice.in-doubt");
const NOT_EXECUTED: unique symbol = Symbol.for("nevertwice.not-executed");

/** Nobody asks for a longer wait than 30 days, or it would be as good as for ever. */
const WAIT_MAX_MS = 30 * 86_400_000;

/** A definite no of the provider, made by `declined`. */
export interface Declined<Decline> {
  readonly [DECLINED]: true;
  readonly decline: Decline;
}

/** A no for good that executed nothing, made by `refused`. */
export interface Refused<Decline> {
  readonly [REFUSED]: true;
  readonly decline: Decline;
}

/** A proof that nothing happened, made by `notExecuted`. */
export interface NotExecuted {
  readonly [NOT_EXECUTED]: true;
  /** What proves it, in a line. */
  readonly proof: string;
  /** When the provider wants to be asked again, in milliseconds from now. */
  readonly retryAfterMs: number | undefined;
}

/** Nobody knows yet; `because` says what a later send can hope for. */
export interface InDoubt {
  readonly [IN_DOUBT]: true;
  readonly because: Extract<Verdict, "unanswered" | "failed" | "frozen">;
}

/** What an error of a send proves. */
export type Judgement<Decline = never> =
  | Declined<Decline>
  | Refused<Decline>
  | NotExecuted
  | InDoubt;

/**
 * Says that the provider definitely refused.
 *
 * @example return declined({ code: "insufficient_funds" })
 */
export function declined<const Decline>(decline: Decline): Declined<Decline> {
  return { [DECLINED]: true, decline };
}

/**
 * Says that the provider refused this very request for good and executed nothing, such as a
 * malformed one. It is a decline, unless an earlier send of the step is in doubt: then it says
 * nothing of that one, and the doubt stays.
 *
 * @example return refused({ code: "amount_too_small" })
 */
export function refused<const Decline>(decline: Decline): Refused<Decline> {
  return { [REFUSED]: true, decline };
}

/**
 * Says that nothing happened, with the proof: the request never left, or the provider says so.
 *
 * @param proof what proves it, in a line
 * @param retryAfterMs when the provider wants to be asked again, in milliseconds; what is no time,
 *   such as a header that could not be read, is left out
 * @example return notExecuted("the connection was refused")
 */
export function notExecuted(proof: string, retryAfterMs?: number): NotExecuted {
  return { [NOT_EXECUTED]: true, proof: String(proof), retryAfterMs: waitOf(retryAfterMs) };
}

/** What a header was read as may be no time at all, and no store keeps that. */
function waitOf(givenMs: number | undefined): number | undefined {
  if (givenMs === undefined || !(givenMs > 0) || givenMs === Number.POSITIVE_INFINITY)
    return undefined;
  return Math.min(Math.ceil(givenMs), WAIT_MAX_MS);
}

/**
 * Says that nobody knows: no answer came (`unanswered`), the provider told of an error of its own
 * (`failed`), or it will give this answer to the key for ever (`frozen`).
 */
export function inDoubt(because: InDoubt["because"]): InDoubt {
  return { [IN_DOUBT]: true, because };
}

export function isDeclined(value: unknown): value is Declined<unknown> {
  return typeof value === "object" && value !== null && DECLINED in value;
}

export function isRefused(value: unknown): value is Refused<unknown> {
  return typeof value === "object" && value !== null && REFUSED in value;
}

export function isInDoubt(value: unknown): value is InDoubt {
  return typeof value === "object" && value !== null && IN_DOUBT in value;
}

export function isNotExecuted(value: unknown): value is NotExecuted {
  return typeof value === "object" && value !== null && NOT_EXECUTED in value;
}

/** A definite result: `value` is there only once `declined` was looked at. */
export type EffectResult<Value, Decline> =
  | { readonly declined: false; readonly value: Value }
  | { readonly declined: true; readonly decline: Decline };

/** What an effect definitely did. */
export type DefiniteResult = StepResult & {
  readonly kind: Exclude<ResultKind, "not-executed">;
};

/** The bytes of what `send` returned. @throws not-json */
export function encodeResult(returned: unknown): DefiniteResult {
  return isDeclined(returned)
    ? { kind: "declined", value: encodeJson(returned.decline) }
    : { kind: "succeeded", value: encodeJson(returned) };
}

export function decodeResult<Value, Decline>(result: StepResult): EffectResult<Value, Decline> {
  const value = decodeJson(result.value);
  return result.kind === "declined"
    ? { declined: true, decline: value as Decline }
    : { declined: false, value: value as Value };
}
