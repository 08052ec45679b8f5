/** The two clocks of a process and its timer, handed in so that a simulation can own time. */
export interface Clock {
  /** Milliseconds since the epoch: for comparing with the database's clock, never for a lease. */
  wall(): number;
  /** Milliseconds that only grow: for waiting and for deadlines inside this process. */
  monotonic(): number;
  /**
   * Resolves after `ms` milliseconds, or at once when the signal aborts. Never rejects.
   * With 0 it resolves in this turn of the event loop, once the input that is there was handled.
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Calls `fire` once after `ms` milliseconds, unless the returned function is called before.
   * For deadlines, of which every call has one: an abort signal costs several times as much.
   */
  timer(ms: number, fire: () => void): () => void;
}

/** The only place of the library that reads time or sets a timer. */
export const systemClock: Clock = {
  wall: () => Date.now(),
  monotonic: () => performance.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      if (ms <= 0) return void setImmediate(resolve);
      const done = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener("abort", done, { once: true });
    }),
  timer(ms, fire) {
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/** An instant as a person reads it, in UTC. @param ms milliseconds since the epoch */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
