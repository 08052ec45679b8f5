import type { Ports } from "./ports.ts";

/** What a worker has begun and not ended, whichever job it is of. */
export interface InHand {
  add(work: Promise<unknown>): void;
  /**
   * Waits for what is begun after `before`, but no longer than the grace.
   *
   * @param graceMs in milliseconds
   */
  drained(before: Promise<unknown>, graceMs: number): Promise<void>;
}

export function createInHand({ clock }: Pick<Ports, "clock">): InHand {
  const works = new Set<Promise<unknown>>();
  const ended = async (before: Promise<unknown>): Promise<void> => {
    await before;
    while (works.size > 0) await Promise.allSettled(works);
  };
  return {
    add(work) {
      works.add(work);
      const remove = (): void => void works.delete(work);
      work.then(remove, remove);
    },
    async drained(before, graceMs) {
      const over = new AbortController();
      await Promise.race([ended(before), clock.sleep(graceMs, over.signal)]);
      over.abort();
    },
  };
}
