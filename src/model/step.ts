import type { RecordId } from "./key.ts";

/** What is known of one send of an effect; a send without a verdict may have done anything. */
export const VERDICTS = ["definite", "not-executed", "unanswered", "failed", "frozen"] as const;
/**
 * `unanswered` and `failed` (by the provider's own error) leave a doubt; `frozen` is a doubt that
 * the provider will answer the same way for ever; `not-executed` is a proof.
 */
export type Verdict = (typeof VERDICTS)[number];

export const RESULT_KINDS = ["succeeded", "declined", "not-executed"] as const;
export type ResultKind = (typeof RESULT_KINDS)[number];

/** What a step definitely came to. */
export interface StepResult {
  readonly kind: ResultKind;
  /** JSON bytes, sealed if encryption is on; empty if nothing happened. */
  readonly value: Uint8Array;
}

/** One send of an external step, committed before its first byte left. */
export interface SendRecord {
  /** From 1 within its step. */
  readonly number: number;
  /** That of the provider key which it was sent with. */
  readonly generation: number;
  readonly fence: number;
  /** Database time, in milliseconds since the epoch. */
  readonly sentAt: number;
  readonly verdict?: Verdict;
  /** One bounded line: the error, or what proves the verdict. */
  readonly detail?: string;
}

/** Whom an effect goes to, and what it makes there. */
export interface Target {
  /** The provider's name, such as `stripe`. */
  readonly provider: string;
  /** What the effect makes, such as `payment_intent`: references are unique within it. */
  readonly kind: string;
  /** The account and the region that the provider's keys belong to. */
  readonly account?: string;
  readonly region?: string;
}

export interface StepRecord {
  readonly name: string;
  readonly kind: "atomic" | "external";
  /** Digest of the step's arguments, to notice changed code under a live operation. */
  readonly inputDigest: string;
  /** The fence that began (external) or recorded (atomic) the step. */
  readonly fence: number;
  /** When the first send was committed; database time, in milliseconds since the epoch. */
  readonly begunAt: number;
  readonly recordedAt?: number;
  /** Absent while an external step is begun and its result is not recorded. */
  readonly result?: StepResult;
  /** What an external step sent; absent for an atomic one. */
  readonly effect?: StepEffect;
}

export interface StepEffect {
  /** The provider key that was sent, or undefined for an effect without one. */
  readonly providerKey?: string;
  /** Part of the provider key; raised only by proof that nothing happened. */
  readonly generation: number;
  readonly target?: Target;
  /** The exact request as JSON bytes, sealed if encryption is on; absent once pruned. */
  readonly request?: Uint8Array;
  /** Until when the provider surely remembers the key; database time. */
  readonly replayUntil?: number;
  /** Whether the effect can be found at the provider without sending it again. */
  readonly lookUp: boolean;
  /**
   * The provider's own id of what was made. Without a result it is the word of a person, and the
   * next run asks the provider for the rest.
   */
  readonly reference?: string;
  /** The name of the step that this one takes back. */
  readonly compensates?: string;
  /** Whether a later step has taken this one back. */
  readonly compensated: boolean;
  readonly sends: readonly SendRecord[];
}

/** An external step: it is begun by its first send. */
export type SentStep = StepRecord & { readonly effect: StepEffect };

export function isSent(step: StepRecord | undefined): step is SentStep {
  return step?.effect !== undefined;
}

/** A send: the first one also makes the step. A step that is known keeps its own values. */
export interface StepBegin
  extends Pick<StepRecord, "name" | "inputDigest">,
    Pick<StepEffect, "providerKey" | "generation" | "target" | "lookUp" | "compensates"> {
  /** The exact request as JSON bytes, sealed if encryption is on. */
  readonly request: Uint8Array;
  /** How long the provider surely remembers the key, in milliseconds from the first send. */
  readonly keptForMs?: number;
  /** What an effect without a key carries instead, such as in metadata: its step is found by it. */
  readonly mark?: string;
}

/** What a send came to: a result of the step, or a verdict on the send alone. */
export type StepEnd =
  | {
      readonly kind: Exclude<ResultKind, "not-executed">;
      readonly value: Uint8Array;
      readonly reference?: string;
      readonly detail?: string;
    }
  | {
      readonly kind: Exclude<Verdict, "definite">;
      readonly detail?: string;
      /** With `not-executed`: whatever the sends say, it is proved from elsewhere. */
      readonly proven?: boolean;
      /** How many sends the proof speaks of: one that was begun since makes it stale. */
      readonly sends?: number;
    };

/** What an effect is known by at its provider: our key, or the provider's own id of it. */
export type EffectMark =
  | { readonly providerKey: string }
  | (Pick<Target, "provider" | "kind"> & { readonly reference: string });

/** A step and the operation that it belongs to. */
export interface StepName {
  readonly id: RecordId;
  readonly step: string;
}

/** The name under which a person settles a handler that is only wrapped. */
export const OPAQUE_STEP = "handler";

/** The external steps whose effect may or may not have happened. */
export function unfinished(steps: readonly StepRecord[]): StepRecord[] {
  return steps.filter((step) => step.kind === "external" && step.result === undefined);
}

/** The external steps that stand succeeded: neither taken back nor themselves a taking back. */
export function standing(steps: readonly StepRecord[]): StepRecord[] {
  return steps.filter(
    ({ kind, result, effect }) =>
      kind === "external" &&
      result?.kind === "succeeded" &&
      effect?.compensated !== true &&
      effect?.compensates === undefined,
  );
}

/** Those under the present key: a proof from elsewhere has closed the sends before them. */
export function sendsNow<Send extends Pick<SendRecord, "generation">>(
  generation: number,
  sends: readonly Send[],
): readonly Send[] {
  return sends.filter((send) => send.generation === generation);
}

/** Whether every one of these sends proved that nothing happened; true where there is none. */
export function isUntouched(sends: readonly Pick<SendRecord, "verdict">[]): boolean {
  return sends.every((send) => send.verdict === "not-executed");
}

/**
 * The generation of the next provider key. The old key is used on while no provider has seen it;
 * a proof that came from elsewhere may leave a key that the provider remembers.
 */
export function nextGeneration({ effect, result }: StepRecord): number {
  if (effect === undefined) return 0;
  const untouched = isUntouched(sendsNow(effect.generation, effect.sends));
  const proven = result?.kind === "not-executed" && !untouched;
  return effect.generation + (proven ? 1 : 0);
}

/**
 * How far steps have come: it grows with every step, every send and every result. A step that is
 * begun anew has a send more and a result less.
 */
export function progressOf(steps: readonly StepRecord[]): number {
  return steps.reduce((sum, { result, effect }) => {
    const ended = result === undefined ? 0 : 1;
    return sum + 1 + ended + (effect?.sends.length ?? 0);
  }, 0);
}
