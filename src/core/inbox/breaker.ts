import type { Clock } from "../../model/clock.ts";

const FAILURES_MAX = 5;
const PAUSE_MS = 1_000;
const PAUSE_MS_MAX = 60_000;

/**
 * Pauses the claims of a source whose provider cannot be read, so that its time-outs do not take
 * every place of the worker. Its events wait in the store meanwhile.
 */
export interface Breaker {
  isOpen(source: string): boolean;
  /** What the last reading came to. */
  tell(source: string, worked: boolean): void;
}

export function createBreaker(clock: Pick<Clock, "monotonic">): Breaker {
  const failing = new Map<string, { readonly failures: number; readonly until: number }>();
  return {
    isOpen: (source) => clock.monotonic() < (failing.get(source)?.until ?? 0),
    tell(source, worked) {
      if (worked) return void failing.delete(source);
      const failures = (failing.get(source)?.failures ?? 0) + 1;
      const beyond = failures - FAILURES_MAX;
      const pause = beyond < 0 ? 0 : Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** Math.min(beyond, 10));
      failing.set(source, { failures, until: clock.monotonic() + pause });
    },
  };
}
