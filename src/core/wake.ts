import type { Clock } from "../model/clock.ts";

/** The pause of a loop, which a call ends early; a call during a pass is not lost. */
export interface Wake {
  call(): void;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export function createWake(clock: Clock): Wake {
  let called = false;
  let end: AbortController | undefined;
  return {
    call() {
      called = true;
      end?.abort();
    },
    async sleep(ms, signal) {
      if (!called) {
        end = new AbortController();
        await clock.sleep(ms, AbortSignal.any([signal, end.signal]));
        end = undefined;
      }
      called = false;
    },
  };
}
