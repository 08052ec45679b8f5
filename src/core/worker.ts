import type { PruneAnswer } from "../store.ts";
import type { Definition } from "./definition.ts";
import type { Ports } from "./ports.ts";
import { pruneOnce } from "./prune.ts";
import { type Recovery, recoverOnce } from "./recover.ts";

export interface WorkerOptions {
  /** How often to look for operations to recover, in milliseconds. */
  readonly pollMs?: number;
  /** How often to prune, in milliseconds. */
  readonly pruneMs?: number;
  /** How many operations one pass recovers at the same time. */
  readonly limit?: number;
}

/** The background jobs: each can be run once, by cron, or all in loops. */
export interface Worker {
  /** Starts the loops; starting twice changes nothing. */
  start(options?: WorkerOptions): void;
  /** Ends the loops and waits for the pass under way. */
  stop(): Promise<void>;
  /** One pass of recovery and one of pruning. @throws store-unavailable */
  runOnce(
    options?: Pick<WorkerOptions, "limit">,
  ): Promise<{ readonly recovery: Recovery; readonly pruning: PruneAnswer }>;
}

const POLL_MS_DEFAULT = 1_000;
const PRUNE_MS_DEFAULT = 600_000;
const LIMIT_DEFAULT = 16;

export function createWorker(ports: Ports, definitions: () => readonly Definition[]): Worker {
  let stopper: AbortController | undefined;
  let loops: Promise<unknown> = Promise.resolve();
  return {
    start(options = {}) {
      if (stopper) return;
      stopper = new AbortController();
      const { signal } = stopper;
      const limit = options.limit ?? LIMIT_DEFAULT;
      loops = Promise.all([
        // A full pass goes on at once; an outage is waited out at the same pace.
        loop(
          ports,
          signal,
          options.pollMs ?? POLL_MS_DEFAULT,
          async () => (await recoverOnce(ports, definitions(), limit)).found === limit,
        ),
        loop(ports, signal, options.pruneMs ?? PRUNE_MS_DEFAULT, async () => {
          await pruneOnce(ports).catch(() => undefined);
          return false;
        }),
      ]);
    },
    async stop() {
      stopper?.abort();
      stopper = undefined;
      await loops;
    },
    async runOnce({ limit = LIMIT_DEFAULT } = {}) {
      const recovery = await recoverOnce(ports, definitions(), limit);
      return { recovery, pruning: await pruneOnce(ports) };
    },
  };
}

/** @param pass answers whether there is more to do at once */
async function loop(
  ports: Ports,
  signal: AbortSignal,
  pauseMs: number,
  pass: () => Promise<boolean>,
): Promise<void> {
  while (!signal.aborted) {
    const more = await pass();
    if (signal.aborted) return;
    // The jitter keeps several workers from pressing the database in step.
    if (!more) await ports.clock.sleep(pauseMs * (0.75 + ports.random.fraction() / 2), signal);
  }
}
