import type { RecordId } from "../model/key.ts";
import type { PruneAnswer } from "../store.ts";
import type { Definition } from "./definition.ts";
import { createInHand, type InHand } from "./in-hand.ts";
import { type Handling, handleOnce, startHandling } from "./inbox/pass.ts";
import { sweepOnce } from "./inbox/sweep.ts";
import { type Relaying, relayOnce, startRelaying } from "./outbox/pass.ts";
import type { Ports } from "./ports.ts";
import { pruneOnce } from "./prune.ts";
import { type Recovery, recoverOnce, startRecovery } from "./recover.ts";
import type { Traffic } from "./traffic.ts";
import { createWake, type Wake } from "./wake.ts";

export interface WorkerOptions {
  /** How often to look for work that nobody told of, in milliseconds. */
  readonly pollMs?: number;
  /** How often to prune, in milliseconds. */
  readonly pruneMs?: number;
  /** How many operations, objects and messages are each in hand at the same time. */
  readonly limit?: number;
}

export interface StopOptions {
  /**
   * How long to wait for operations, events and messages that are in hand, in milliseconds; 10 s by
   * default. A message whose send is cut off may be in doubt.
   */
  readonly graceMs?: number;
}

/** What one pass of every job did. */
export interface WorkerPass {
  readonly recovery: Recovery;
  /** Undefined where the store has no inbox, or no outbox. */
  readonly handling: Handling | undefined;
  readonly relaying: Relaying | undefined;
  readonly pruning: PruneAnswer;
}

/** The background jobs: each can be run once, by cron, or all in loops. */
export interface Worker {
  /** Starts the loops; starting twice changes nothing. */
  start(options?: WorkerOptions): void;
  /**
   * Begins nothing more, and waits for what is in hand. What takes longer than the grace is left
   * behind, as if its process had died then; it goes on, unless the process ends.
   */
  stop(options?: StopOptions): Promise<void>;
  /**
   * One pass of recovery, of events that came in, of messages that go out, and of pruning.
   *
   * @throws store-unavailable
   */
  runOnce(options?: Pick<WorkerOptions, "limit">): Promise<WorkerPass>;
}

const POLL_MS_DEFAULT = 1_000;
const PRUNE_MS_DEFAULT = 600_000;
const LIMIT_DEFAULT = 16;
const GRACE_MS_DEFAULT = 10_000;
/** How often to look whether a sweep is due. */
const SWEEP_LOOK_MS = 10_000;
/** The share of its places that a pass keeps filled before it asks for more. */
const REFILL_SHARE = 0.75;

/** The worker, and a call that ends the pauses of its loops. */
export function createWorker(
  ports: Ports,
  definitions: () => readonly Definition[],
  traffic: Traffic,
): { readonly worker: Worker; call(): void } {
  const { inbox, outbox } = traffic;
  let stopper: AbortController | undefined;
  let loops: Promise<unknown> = Promise.resolve();
  let wakes: Wake[] = [];
  const inHand = createInHand(ports);
  const run = (signal: AbortSignal, options: WorkerOptions): Promise<unknown>[] => {
    const { pollMs = POLL_MS_DEFAULT, limit = LIMIT_DEFAULT } = options;
    const loop = looper(ports, signal);
    const keep = <Key>(start: Start<Key>): Promise<void> => {
      const wake = createWake(ports.clock);
      wakes.push(wake);
      return loop(pollMs, filled(ports, signal, { limit, pollMs, inHand }, start), wake);
    };
    return [
      keep<RecordId>((_, active) => startRecovery(ports, definitions(), limit, active)),
      loop(options.pruneMs ?? PRUNE_MS_DEFAULT, async () => {
        await pruneOnce(ports, traffic).catch(() => undefined);
        return false;
      }),
      ...(inbox ? [keep((free) => startHandling(inbox.ports, inbox.definitions, free))] : []),
      ...(inbox ? [loop(SWEEP_LOOK_MS, sweeping(inbox))] : []),
      ...(outbox ? [keep((free) => startRelaying(outbox.ports, outbox.relays, free))] : []),
    ];
  };
  const worker: Worker = {
    start(options = {}) {
      if (stopper) return;
      stopper = new AbortController();
      loops = Promise.all(run(stopper.signal, options));
    },
    async stop({ graceMs = GRACE_MS_DEFAULT } = {}) {
      stopper?.abort();
      stopper = undefined;
      wakes = [];
      await inHand.drained(loops, graceMs);
    },
    async runOnce({ limit = LIMIT_DEFAULT } = {}) {
      const recovery = await recoverOnce(ports, definitions(), limit);
      const handling = inbox && (await handleOnce(inbox.ports, inbox.definitions, limit));
      const relaying = outbox && (await relayOnce(outbox.ports, outbox.relays, limit));
      return { recovery, handling, relaying, pruning: await pruneOnce(ports, traffic) };
    },
  };
  const call = (): void => {
    for (const wake of wakes) wake.call();
  };
  return { worker, call };
}

/** Starts what there is, up to the free places; undefined if the store could not be asked. */
type Start<Key> = (
  free: number,
  active: ReadonlyMap<Key, unknown>,
) => Promise<readonly (readonly [Key, Promise<unknown>])[] | undefined>;

interface Filling {
  readonly limit: number;
  readonly pollMs: number;
  readonly inHand: InHand;
}

/** One pass starts works up to the limit; one that hangs does not keep the others waiting. */
function filled<Key>(
  ports: Ports,
  signal: AbortSignal,
  { limit, pollMs, inHand }: Filling,
  start: Start<Key>,
): () => Promise<boolean> {
  const active = new Map<Key, Promise<unknown>>();
  return async () => {
    const free = limit - active.size;
    const started = await start(free, active);
    for (const [id, run] of started ?? []) {
      active.set(id, run);
      inHand.add(run.finally(() => active.delete(id)));
    }
    // As much as there was room for: there may be more.
    const more = started !== undefined && started.length >= free;
    if (active.size < limit) return more;
    // One question to the store for each that ends would cost more than the work.
    const patience = ports.clock.sleep(pollMs, signal).then(() => "enough" as const);
    while (active.size > limit * REFILL_SHARE)
      if ((await Promise.race([...active.values(), patience])) === "enough") break;
    return true;
  };
}

/** @param pass answers whether there is more to do at once */
type Loop = (pauseMs: number, pass: () => Promise<boolean>, wake?: Wake) => Promise<void>;

function looper(ports: Ports, signal: AbortSignal): Loop {
  return async (pauseMs, pass, wake) => {
    while (!signal.aborted) {
      const more = await pass();
      if (signal.aborted) return;
      // The jitter keeps several workers from pressing the database in step.
      const ms = pauseMs * (0.75 + ports.random.fraction() / 2);
      if (!more) await (wake ?? ports.clock).sleep(ms, signal);
    }
  };
}

/** A pass sweeps the sources whose time has come; one that fails keeps no other from it. */
function sweeping({ ports, definitions }: NonNullable<Traffic["inbox"]>): () => Promise<boolean> {
  const swept = new Map<string, number>();
  return async () => {
    for (const definition of definitions.values()) {
      const { source, sweepEveryMs } = definition;
      const now = ports.clock.monotonic();
      const last = swept.get(source) ?? Number.NEGATIVE_INFINITY;
      if (now - last < sweepEveryMs) continue;
      swept.set(source, now);
      await sweepOnce(ports, definition).catch((error: unknown) =>
        ports.events.emit({ type: "inbox.failed", source, error }),
      );
    }
    return false;
  };
}
