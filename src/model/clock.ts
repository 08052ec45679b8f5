import { AsyncLocalStorage } from "node:async_hooks";

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
   * One of a second or more may be late by a hundredth of its time.
   */
  timer(ms: number, fire: () => void): () => void;
}

/** Deadlines from here on share timers, because they are many and nearly all are taken back. */
const SHARED_FROM_MS = 1_000;

interface Shared {
  readonly timer: NodeJS.Timeout;
  readonly waiting: Set<{ readonly fire: () => void }>;
}

const shared = new Map<number, Shared>();
/** What fires for many belongs to the context of none. */
const outside = AsyncLocalStorage.snapshot();

function share(ms: number, fire: () => void): () => void {
  // The highest power of two that is no more than 1/128 of the time.
  const width = 1 << (24 - Math.clz32(ms));
  const due = Math.ceil((performance.now() + ms) / width) * width;
  const { timer, waiting } = shared.get(due) ?? open(due);
  const mine = { fire };
  // What nobody waits for must not keep the process alive.
  if (waiting.size === 0) timer.ref();
  waiting.add(mine);
  return () => {
    if (waiting.delete(mine) && waiting.size === 0) timer.unref();
  };
}

function open(due: number): Shared {
  const waiting: Shared["waiting"] = new Set();
  const end = (): void => {
    shared.delete(due);
    for (const one of waiting) {
      waiting.delete(one);
      one.fire();
    }
  };
  const left = Math.ceil(due - performance.now());
  const opened = { timer: outside(() => setTimeout(end, left)), waiting };
  shared.set(due, opened);
  return opened;
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
    if (ms >= SHARED_FROM_MS) return share(ms, fire);
    const timer = setTimeout(fire, ms);
    return () => clearTimeout(timer);
  },
};

/** An instant as a person reads it, in UTC. @param ms milliseconds since the epoch */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

const MINUTE_MS = 60_000;

/** An instant as it is said in this process's zone, with the offset that the zone has then. */
export function localTime(instant: Date): string {
  const minutes = -instant.getTimezoneOffset();
  const shifted = isoTime(instant.getTime() + minutes * MINUTE_MS);
  const two = (part: number): string => String(Math.trunc(part)).padStart(2, "0");
  const size = Math.abs(minutes);
  return shifted.replace("Z", `${minutes < 0 ? "-" : "+"}${two(size / 60)}:${two(size % 60)}`);
}

/** Clocks further apart than this make every age doubtful; milliseconds. */
export const CLOCK_MARGIN_MS = 300_000;
