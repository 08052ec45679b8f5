import type { Clock } from "../../model/clock.ts";

/** More in one statement gains nothing; more text at once only costs memory. */
const ENTRIES_MAX = 200;
const CHARACTERS_MAX = 4_000_000;

/** When those who wait stop waiting for a group that takes long. */
export interface Overtaking {
  readonly clock: Pick<Clock, "timer">;
  readonly afterMs: number;
  /** How many groups may be overtaken at once. */
  readonly most: number;
}

interface GroupOptions<T> {
  /** In characters. */
  sizeOf(entry: T): number;
  /** Must not throw. */
  send(entries: readonly T[]): Promise<void>;
  /** How many groups may be in flight at once, 1 by default. */
  readonly lanes?: number;
  readonly overtaking?: Overtaking | undefined;
}

/** Adds to the group that leaves next; nothing waits when nothing is in flight. */
export function grouped<T>(options: GroupOptions<T>): (entry: T) => void {
  const { sizeOf, send, lanes = 1, overtaking } = options;
  const waiting: T[] = [];
  let inFlight = 0;
  let overtaken = 0;

  function takeSome(): T[] {
    let characters = 0;
    const end = waiting.findIndex((entry, index) => {
      characters += sizeOf(entry);
      return index >= ENTRIES_MAX || (index > 0 && characters > CHARACTERS_MAX);
    });
    return waiting.splice(0, end === -1 ? waiting.length : end);
  }

  async function fly(): Promise<void> {
    inFlight += 1;
    while (waiting.length > 0) {
      const wasOvertaken = watch();
      await send(takeSome());
      if (wasOvertaken()) return;
    }
    inFlight -= 1;
  }

  /** Gives the lane of a group that takes long to those who wait. */
  function watch(): () => boolean {
    let isOvertaken = false;
    const cancel = overtaking?.clock.timer(overtaking.afterMs, () => {
      if (overtaken >= overtaking.most) return;
      isOvertaken = true;
      overtaken += 1;
      inFlight -= 1;
      if (waiting.length > 0) void fly();
    });
    return () => {
      cancel?.();
      if (isOvertaken) overtaken -= 1;
      return isOvertaken;
    };
  }

  return (entry) => {
    waiting.push(entry);
    if (inFlight < lanes) void fly();
  };
}
