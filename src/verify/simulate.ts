import type { SettingsOptions } from "../core/settings.ts";
import type { MaybePromise } from "../model/answer.ts";
import { systemClock } from "../model/clock.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { Statement } from "../model/statement.ts";
import type { MemoryTransaction } from "../stores/memory/store.ts";
import { type Chance, seededChance } from "./simulation/chance.ts";
import { foreignError, foreignWaits } from "./simulation/foreign.ts";
import { type History, play } from "./simulation/history.ts";
import { calmPlan } from "./simulation/plan.ts";
import type { SimulatedProcess } from "./simulation/process.ts";
import { judgeHistory } from "./simulation/promises.ts";
import type { ProviderOptions } from "./simulation/provider.ts";
import {
  count,
  createTally,
  type SimulationReport,
  type Tally,
  toReport,
  violationOf,
} from "./simulation/report.ts";
import type { Operations, SimulatedRequest } from "./simulation/request.ts";
import type { Verdict, WorldAtRest } from "./simulation/rest.ts";
import { playTape, shortest } from "./simulation/shortest.ts";
import { planOf, type Subject } from "./simulation/world.ts";

export type { Fault, FaultCounts } from "./simulation/fault.ts";
export type { SimulatedProcess } from "./simulation/process.ts";
export type {
  Charge,
  ChargeDecline,
  ChargeRequest,
  Ledger,
  Provider,
  ProviderOptions,
} from "./simulation/provider.ts";
export type { OperationCounts, SimulationReport, Violation } from "./simulation/report.ts";
export type { Operations, SimulatedRequest } from "./simulation/request.ts";
export type { OperationAtRest, Verdict, WorldAtRest } from "./simulation/rest.ts";

export interface SimulateOptions<Declared extends Operations, Outside = undefined> {
  /** The seed of the first history; each next one has the next number. 1 by default. */
  readonly seed?: number;
  /** How many histories to play. 1,000 by default. */
  readonly histories?: number;
  /** Makes what outlives a process, such as fakes of your own; called once a history. */
  readonly outside?: () => Outside;
  /**
   * Declares your operations as a process does at its start. It is called again after every crash,
   * so it must make everything anew.
   */
  readonly build: (process: SimulatedProcess<Outside>) => Declared;
  /** What clients ask for. Each history takes some of them, and asks once or more often. */
  readonly requests: readonly SimulatedRequest<Declared>[];
  /** What must hold at the end of every history, whatever happened. */
  readonly invariant?: (world: WorldAtRest<Outside>) => MaybePromise<Verdict>;
  /** How the simulated payment provider behaves. */
  readonly provider?: ProviderOptions;
  /**
   * `refused`, the default, counts an operation that needs a person as a violation; `allowed` is
   * for effects without keys, whose lost answers nobody can resolve.
   */
  readonly doubts?: "refused" | "allowed";
  /**
   * Whether the store may fail over to a copy that lags, so that its newest commits are forgotten:
   * what they recorded is done again, with the same provider keys. False by default.
   */
  readonly failover?: boolean;
  /**
   * What a statement of a plan does to the tables of the simulation, which know no SQL. Unless set,
   * it becomes a row of the table `statements`.
   */
  readonly write?: (tx: MemoryTransaction, statement: Statement) => void;
  /** As for `nevertwice()`; the lease is 1 s here, and 20 attempts are made. */
  readonly settings?: SettingsOptions;
}

/** So often the event loop has its turn. */
const TURN_EVERY = 20;

/**
 * Runs your own operations through many histories of crashes, lost and late answers, pauses past
 * the lease, duplicate clients and clocks that jump, over the library itself and a store in memory.
 * Time is virtual, and a seed repeats its history.
 *
 * @throws option-invalid, and an error that names the way out if a handler waits for something that
 *   the simulation cannot see
 * @example
 * const report = await simulate({
 *   build: ({ once, provider }) => ({ checkout: declareCheckout(once, provider) }),
 *   requests: [{ operation: "checkout", scope: "acct_1", key: "o-1", input: { amount: 1_999 } }],
 *   invariant: ({ table, provider }) =>
 *     table("orders").values().length === provider.standing.length,
 * });
 * assert.ok(report.passed, report.text);
 */
export async function simulate<Declared extends Operations, Outside = undefined>(
  options: SimulateOptions<Declared, Outside>,
): Promise<SimulationReport> {
  const { seed = 1, histories = 1_000 } = options;
  checkWhole("seed", seed, 0);
  checkWhole("histories", histories, 1);
  const subject = subjectOf(options);
  const tally = createTally();
  await rehearse(subject, seed, tally);
  for (let index = 0; index < histories && !isHopeless(tally); index += 1) {
    await explore(subject, seed + index, tally);
    if (index % TURN_EVERY === 0) await systemClock.sleep(0);
  }
  return toReport(seed, tally);
}

/** What breaks without any fault breaks in every history. */
function isHopeless({ histories, violations }: Tally): boolean {
  return histories === 0 && violations.size > 0;
}

/** Every request once, in a world where nothing fails: mistakes of the set-up show here. */
async function rehearse(subject: Subject, seed: number, tally: Tally): Promise<void> {
  const { length } = subject.requests;
  const calm = (): Promise<History> => play(subject, calmPlan(length), seededChance(seed));
  const history = await calm();
  await refuseHanging(history, calm);
  for (const broken of await judgeHistory(subject, history))
    tally.violations.set(broken.promise, violationOf(seed, { history, broken }, true));
}

async function explore(subject: Subject, seed: number, tally: Tally): Promise<void> {
  const drawn = (chance: Chance): Promise<History> =>
    play(subject, planOf(subject, chance), chance);
  const history = await drawn(seededChance(seed));
  await refuseHanging(history, () => drawn(seededChance(seed)));
  tally.histories += 1;
  count(tally, history);
  for (const broken of await judgeHistory(subject, history)) {
    const { promise } = broken;
    const known = tally.violations.get(promise);
    if (known) {
      tally.violations.set(promise, { ...known, times: known.times + 1 });
      continue;
    }
    const again = await judgeHistory(subject, await playTape(subject, history.tape));
    const repeats = again.some((one) => one.promise === promise);
    const finding = repeats ? await shortest(subject, { history, broken }) : { history, broken };
    tally.violations.set(promise, violationOf(seed, finding, repeats));
  }
}

/** @throws if a handler waits for what will never come */
async function refuseHanging({ hanging }: History, again: () => Promise<History>): Promise<void> {
  const [handler] = hanging;
  if (handler !== undefined) throw foreignError(handler, await foreignWaits(again));
}

function subjectOf<Declared extends Operations, Outside>(
  options: SimulateOptions<Declared, Outside>,
): Subject {
  const { build, requests, invariant, outside, provider = {}, settings = {} } = options;
  const { failover = false, write } = options;
  if (typeof build !== "function")
    throw new NevertwiceError("option-invalid", "`build` is a function that declares operations.");
  if (!Array.isArray(requests) || requests.length === 0)
    throw new NevertwiceError("option-invalid", "`requests` names at least one operation to run.");
  return {
    ...{ requests, provider, settings, failover, tables: write ? { write } : {} },
    build: build as unknown as Subject["build"],
    invariant: (invariant ?? (() => undefined)) as unknown as Subject["invariant"],
    outside: outside ?? (() => undefined),
    doubts: options.doubts ?? "refused",
  };
}

function checkWhole(name: string, value: number, least: number): void {
  if (Number.isSafeInteger(value) && value >= least) return;
  throw new NevertwiceError("option-invalid", `\`${name}\` is a whole number from ${least}.`);
}
