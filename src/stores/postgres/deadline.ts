import type { Clock } from "../../model/clock.ts";
import { DeadlineError } from "./errors.ts";

/** The promise's value, or `DeadlineError` after `ms` milliseconds. */
export type Within = <T>(what: string, ms: number, promise: Promise<T>) => Promise<T>;

/** A deadline may pass by this much before it is noticed. */
const TICK_MS = 25;

interface Deadline {
  readonly at: number;
  readonly pass: () => void;
}

/**
 * Deadlines that share one timer: a timer of its own for every statement costs more than the
 * statement's share of a group. The timer runs only while something is waited for.
 */
export function deadlines(clock: Clock): Within {
  const open = new Set<Deadline>();
  let watching = false;

  async function watch(): Promise<void> {
    watching = true;
    while (open.size > 0) {
      await clock.sleep(TICK_MS);
      const now = clock.monotonic();
      for (const deadline of open) if (deadline.at <= now) deadline.pass();
    }
    watching = false;
  }

  return (what, ms, promise) =>
    new Promise((resolve, reject) => {
      const deadline: Deadline = {
        at: clock.monotonic() + ms,
        pass: () => {
          open.delete(deadline);
          reject(new DeadlineError(what, ms));
        },
      };
      open.add(deadline);
      if (!watching) void watch();
      promise.then(
        (value) => {
          open.delete(deadline);
          resolve(value);
        },
        (error: unknown) => {
          open.delete(deadline);
          reject(error);
        },
      );
    });
}
