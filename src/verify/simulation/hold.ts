import { systemClock } from "../../model/clock.ts";

/** Code of the user's that runs in real time, while the simulated world stands still. */
export interface Hold {
  add<T>(name: string, run: () => T): Promise<Awaited<T>>;
  holds(): boolean;
  /** Waits until all of it has ended. @throws if it takes too long */
  settled(): Promise<void>;
}

/** In real milliseconds. */
const PATIENCE_MS = 5_000;

export function createHold(): Hold {
  const running = new Map<Promise<unknown>, string>();
  return {
    holds: () => running.size > 0,
    async add<T>(name: string, run: () => T): Promise<Awaited<T>> {
      const done = started(run);
      running.set(done, name);
      try {
        return await done;
      } finally {
        running.delete(done);
      }
    },
    async settled() {
      if (running.size === 0) return;
      let cancel = (): void => undefined;
      const late = new Promise<"late">((resolve) => {
        cancel = systemClock.timer(PATIENCE_MS, () => resolve("late"));
      });
      const all = Promise.allSettled(running.keys());
      const ended = await Promise.race([all, late]);
      cancel();
      if (ended !== "late") return;
      const [name] = running.values();
      throw new Error(
        `The effect "${name}" did not end within ${PATIENCE_MS / 1_000} s. In a simulation it should answer at once: let it call a fake, which \`outside\` makes.`,
      );
    },
  };
}

async function started<T>(run: () => T): Promise<Awaited<T>> {
  return await run();
}
