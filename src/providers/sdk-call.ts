import type { EffectCall } from "../core/effect.ts";
import { type NotExecuted, notExecuted } from "../core/judgement.ts";
import { type Clock, systemClock } from "../model/clock.ts";
import { judgeNetwork } from "../model/network.ts";
import { memberOf, textOf } from "./sdk-answer.ts";

/** How long an SDK is waited for. */
export interface Patience {
  /** How long one call may take, in milliseconds; 20 s by default. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

export const TIMEOUT_MS_DEFAULT = 20_000;

/**
 * Calls an SDK under a time-out of our own, and hands it a signal for what it can still give up.
 * What it sent may arrive after the waiting is over, so the time-out proves nothing.
 */
export async function callSdk<T>(
  { timeoutMs = TIMEOUT_MS_DEFAULT, clock = systemClock }: Patience,
  { signal }: Pick<EffectCall, "signal">,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const gaveUp = new AbortController();
  // One that throws instead of rejecting must not leave a timer behind.
  const answered = (async () => await call(gaveUp.signal))();
  return await new Promise<T>((resolve, reject) => {
    const end = (settle: () => void): void => {
      stop();
      signal.removeEventListener("abort", abort);
      settle();
    };
    const giveUp = (error: unknown): void => {
      end(() => reject(error));
      gaveUp.abort(error);
    };
    const abort = (): void => giveUp(signal.reason);
    const late = (): void => giveUp(new Error(`No answer within ${timeoutMs} ms.`));
    const stop = clock.timer(timeoutMs, late);
    signal.addEventListener("abort", abort, { once: true });
    answered.then(
      (answer) => end(() => resolve(answer)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

/** The proof that a connection never stood, where the error or its cause gives it. */
export function unsent(error: unknown): NotExecuted | undefined {
  const code = textOf(error, "code");
  // The error of an HTTP client repeats the code of its cause, and leaves out the system call.
  const repeats = code !== undefined && textOf(error, "cause", "code") === code;
  const { verdict, because } = judgeNetwork(repeats ? memberOf(error, "cause") : error);
  return verdict === "not-executed" ? notExecuted(because) : undefined;
}

const BEFORE_CONNECTION = /\b(?:connect ECONNREFUSED|getaddrinfo (?:ENOTFOUND|EAI_AGAIN))\b/;

/** The same for an SDK that keeps nothing but the text of the error that it got. */
export function unsentByText(text: string | undefined): NotExecuted | undefined {
  const [found] = BEFORE_CONNECTION.exec(text ?? "") ?? [];
  return found === undefined ? undefined : notExecuted(`no connection was made: ${found}`);
}
