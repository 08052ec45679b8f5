import { type Clock, systemClock } from "../../src/index.ts";
import { settleTurn } from "./acquirer.ts";

/** A clock whose time passes only when a test says so. */
export interface HandClock extends Clock {
  /** The timers that are set and neither fired nor taken back. */
  readonly pending: number;
  /** Lets so many milliseconds pass, and what is due happen at its own time. */
  pass(ms: number): Promise<void>;
}

export function handClock(): HandClock {
  let now = 1_000;
  const timers = new Set<{ readonly at: number; readonly fire: () => void }>();
  const dueBy = (end: number) =>
    [...timers].filter(({ at }) => at <= end).toSorted((one, other) => one.at - other.at)[0];
  return {
    wall: systemClock.wall,
    monotonic: () => now,
    sleep: (ms, signal) =>
      ms === 0
        ? systemClock.sleep(0, signal)
        : new Promise((resolve) => {
            const timer = { at: now + ms, fire: resolve };
            timers.add(timer);
          }),
    timer(ms, fire) {
      const timer = { at: now + ms, fire };
      timers.add(timer);
      return () => void timers.delete(timer);
    },
    get pending() {
      return timers.size;
    },
    async pass(ms) {
      const end = now + ms;
      await settleTurn();
      for (let next = dueBy(end); next !== undefined; next = dueBy(end)) {
        timers.delete(next);
        now = Math.max(now, next.at);
        next.fire();
        await settleTurn();
      }
      now = end;
    },
  };
}
