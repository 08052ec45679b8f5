import type { RecordId } from "../model/key.ts";
import type { PruneAnswer } from "../store.ts";
import type { Definition } from "./definition.ts";
import type { Ports } from "./ports.ts";
import { pruneOnce } from "./prune.ts";
import { type Recovery, recoverOnce, startRecovery } from "./recover.ts";

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
/** The share of its places that a pass keeps filled before it asks for more. */
const REFILL_SHARE = 0.75;

export function createWorker(ports: Ports, definitions: () => readonly Definition[]): Worker {
  let stopper: AbortController | undefined;
  let loops: Promise<unknown> = Promise.resolve();
  return {
    start(options = {}) {
      if (stopper) return;
      stopper = new AbortController();
      const { signal } = stopper;
      const pollMs = options.pollMs ?? POLL_MS_DEFAULT;
      const recover = recoverLoop(
        ports,
        definitions,
        signal,
        options.limit ?? LIMIT_DEFAULT,
        pollMs,
      );
      loops = Promise.all([
        loop(ports, signal, pollMs, recover),
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

/** One pass starts runs up to the limit; one that hangs does not keep the others waiting. */
function recoverLoop(
  ports: Ports,
  definitions: () => readonly Definition[],
  signal: AbortSignal,
  limit: number,
  pollMs: number,
): () => Promise<boolean> {
  const active = new Map<RecordId, Promise<unknown>>();
  return async () => {
    const started = await startRecovery(ports, definitions(), limit, active);
    for (const [id, run] of started ?? []) {
      active.set(id, run);
      void run.finally(() => active.delete(id));
    }
    if (active.size < limit) return false;
    // One question to the store for each that ends would cost more than the recovery.
    const patience = ports.clock.sleep(pollMs, signal).then(() => "enough" as const);
    while (active.size > limit * REFILL_SHARE)
      if ((await Promise.race([...active.values(), patience])) === "enough") break;
    return active.size < limit;
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
