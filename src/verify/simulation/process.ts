import { nevertwice, type Once } from "../../core/once.ts";
import type { SettingsOptions } from "../../core/settings.ts";
import type { Clock } from "../../model/clock.ts";
import type { Random } from "../../model/random.ts";
import type { MemoryStore, MemoryTransaction } from "../../stores/memory/store.ts";
import { seededRandom } from "./chance.ts";
import { CALL_FAULTS } from "./fault.ts";
import { aliveOf, clockOf, live, type Node } from "./node.ts";
import { callThrough, type Network } from "./port.ts";
import { type Bank, connectionLost, type Provider } from "./provider.ts";
import type { Operations } from "./request.ts";
import { storeOf } from "./shared-store.ts";
import { watchedOnce } from "./watched-once.ts";

/** What one simulated process is built of; a crash builds the next one anew. */
export interface SimulatedProcess<Outside> {
  /** Declare your operations here; `tx.table(name)` is their database. */
  readonly once: Once<MemoryTransaction, "async">;
  readonly provider: Provider;
  /**
   * Wraps a function that changes or asks something outside of the process, such as a fake of
   * yours: its request or its answer may be lost, it may come late, and the process may die before
   * or after it. Virtual time stands still while it runs.
   *
   * @example const mail = effect("mail", (to: string, key: string) => outside.mailer.send(to, key))
   */
  effect<Given extends readonly unknown[], T>(
    name: string,
    act: (...given: Given) => T,
  ): (...given: Given) => Promise<Awaited<T>>;
  /** What `outside` made: the same for all processes of a history, and no crash changes it. */
  readonly outside: Outside;
  /** Virtual time. */
  readonly clock: Clock;
  /** Chance that the seed repeats. */
  readonly random: Random;
}

/** What all processes of a history share. */
export interface Ground extends Network {
  readonly raw: MemoryStore;
  readonly bank: Bank;
  readonly outside: unknown;
  readonly build: (process: SimulatedProcess<never>) => Operations;
  readonly settings: SettingsOptions;
  /** Whatever the history's seed is, so that ids differ between histories. */
  readonly seed: string;
  /** Topics that some process relays. */
  readonly topics: Set<string>;
}

/** One process with its own instance of the user's operations. */
export interface Process {
  readonly node: Node;
  readonly operations: Operations;
  /** Handlers that have begun and not ended, as "checkout acct_1/order-1". */
  readonly running: Set<{ readonly label: string }>;
  /** One pass of every background job. */
  pass(): Promise<void>;
}

export const SETTINGS: SettingsOptions = {
  leaseMs: 1_000,
  runForMs: 8_000,
  storeTimeoutMs: 400,
  // The faults of one history use up a few attempts, and never so many.
  attemptsMax: 20,
  backoff: { baseMs: 50, capMs: 400 },
};

/** Starts the present generation of a node. @param died hears of its end */
export function startProcess(ground: Ground, node: Node, died: () => void): Process {
  const end = live(node);
  node.crash = () => {
    ground.scheduler.note(`${node.name}  dies`);
    end();
    ground.scheduler.bury(node);
    died();
  };
  const alive = aliveOf(node);
  const clock = clockOf(ground.scheduler, node);
  const random = seededRandom(`${ground.seed}:${node.name}:${node.generation}`);
  const running: Process["running"] = new Set();
  const opened = nevertwice({
    store: storeOf(ground, node, ground.raw),
    namespace: "simulation",
    ...{ clock, random },
    onEvent: (event) => {
      if ("error" in event && event.error !== undefined)
        ground.scheduler.note(`${node.name}  tells ${event.type}: ${String(event.error)}`);
    },
    ...SETTINGS,
    ...ground.settings,
  });
  const { scheduler, topics } = ground;
  const begins = (label: string): (() => void) => {
    scheduler.note(`${node.name}  runs the handler of ${label}`);
    const run = { label };
    running.add(run);
    return () => running.delete(run);
  };
  const once = watchedOnce(opened, begins, (topic) => topics.add(topic));
  const provider = ground.bank.providerOf(ground, node);
  const effect = effectsOf(ground, node);
  const outside = ground.outside as never;
  return {
    ...{ node, running },
    operations: ground.build({ once, provider, effect, outside, clock, random }),
    async pass() {
      if (alive()) await opened.worker.runOnce().catch(() => undefined);
    },
  };
}

function effectsOf(ground: Ground, node: Node): SimulatedProcess<unknown>["effect"] {
  return (name, act) =>
    (...given) =>
      callThrough(ground, node, {
        ...{ place: `effect.${name}`, faults: CALL_FAULTS, lost: connectionLost },
        run: () => ground.scheduler.hold(name, () => act(...given)),
      });
}
