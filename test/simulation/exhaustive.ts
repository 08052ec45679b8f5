import { check, type Violation } from "./checker.ts";
import type { Code } from "./code.ts";
import { createEnumerator, REPEATED, type Situation } from "./enumerator.ts";
import type { History } from "./history.ts";
import { FAULTS, type Fault, type Plan } from "./plan.ts";
import { START } from "./scheduler.ts";
import { launchWorker, play } from "./simulation.ts";
import { createTree, type Tree } from "./tree.ts";
import type { WorkloadName } from "./workload.ts";
import type { World } from "./world.ts";

/**
 * The small worlds. In `duplicate` a request and its duplicate come at once, to one process or to
 * both, and each is sent again once. In `worker` there is one request, sent again once, and the
 * other process's worker passes whenever a lease may have lapsed.
 */
export const SCENES = ["duplicate", "worker"] as const;
export type Scene = (typeof SCENES)[number];

export interface Search {
  readonly scene: Scene;
  readonly workload: WorkloadName;
  /** How many faults a history may have at most. */
  readonly faults: number;
  /** How many of them may be pauses and delays; all of them by default. */
  readonly lasting?: number | undefined;
  /** Leaves out only orders of steps that never touch the same, to check the rest by. */
  readonly thorough?: boolean;
  /** Whether situations that are the same are gone on from only once; so by default. */
  readonly merges?: boolean;
  /** Goes on all the same from every so-many-th of those; to check the rest by. */
  readonly repeats?: number | undefined;
}

/** What a search came to, so far. */
export interface Found {
  histories: number;
  /** Prefixes given up, because their continuations were played before. */
  pruned: number;
  steps: number;
  violations: number;
  /** How often each port's method met each fault. */
  readonly met: Map<string, number>;
  /** What the histories ended in, without times and drawn names. */
  readonly ends: Set<string>;
  /** The first of those with the fewest faults, and then the fewest steps. */
  shortest: Broken | undefined;
}

export interface Broken {
  readonly path: readonly number[];
  readonly history: History;
  readonly violations: readonly Violation[];
}

const PASSES = [1_000];
const STEPS_MAX = 2_000;
const DAY_MS = 86_400_000;

export function createFound(): Found {
  return {
    ...{ histories: 0, pruned: 0, steps: 0, violations: 0 },
    ...{ met: new Map(), ends: new Set(), shortest: undefined },
  };
}

/** Plays one history after the other until there is none left, or the caller has enough. */
export async function search(
  code: Code,
  task: Search,
  found: Found = createFound(),
  isEnough: (tree: Tree) => boolean = () => false,
  tree: Tree = createTree(),
): Promise<Found> {
  const seen = task.merges === false ? undefined : createSeen(task.repeats);
  do {
    const played = await playPath(code, task, tree, seen);
    for (const [name, count] of played.met) found.met.set(name, (found.met.get(name) ?? 0) + count);
    if (played.history === undefined) found.pruned += 1;
    else add(found, tree, played.history);
  } while (!isEnough(tree) && tree.next());
  return found;
}

/** One history. @param path its choices, as a finding tells them */
export async function replay(code: Code, task: Search, path: readonly number[]): Promise<Broken> {
  const played = await playPath(code, task, createTree(path));
  const { history } = played;
  if (history === undefined) throw new Error("This path is part of another history.");
  return { path, history, violations: check(history) };
}

/** A finding for a person: what broke, how it came to it, and how to see it again. */
export function describeBroken(task: Search, { path, history, violations }: Broken): string {
  const { scene, workload, faults, lasting = faults } = task;
  return [
    ...violations.map(({ rule, detail }) => `Broken: ${rule}: ${detail}`),
    ...history.trace.lines().map((line) => `  ${line}`),
    `Repeat it with: npm run prove -- exhaustive --scene ${scene} --workload ${workload} ` +
      `--faults ${faults} --lasting ${lasting} --replay ${path.join() || "-"}`,
  ].join("\n");
}

function add(found: Found, tree: Tree, history: History): void {
  found.histories += 1;
  found.steps += history.trace.count();
  found.ends.add(endOf(history));
  const violations = check(history);
  if (violations.length === 0) return;
  found.violations += 1;
  if (!found.shortest || isShorter(history, found.shortest.history))
    found.shortest = { path: tree.path, history, violations };
}

function isShorter(one: History, other: History): boolean {
  if (one.faults !== other.faults) return one.faults < other.faults;
  return one.trace.count() < other.trace.count();
}

interface Played {
  /** Undefined if every continuation was played before. */
  readonly history: History | undefined;
  readonly met: ReadonlyMap<string, number>;
}

interface Seen {
  /** Whether everything that can come from here has come already, or is to come again. */
  meet(situation: Situation): "new" | "known" | "repeated";
}

function createSeen(repeats = Number.POSITIVE_INFINITY): Seen {
  /** The situations met, each with the ways in which it was. */
  const ways = new Map<string, readonly Situation[]>();
  let met = 0;
  return {
    meet(situation) {
      const known = ways.get(situation.key) ?? [];
      if (known.some((one) => covers(one, situation))) {
        met += 1;
        return met % repeats === 0 ? "repeated" : "known";
      }
      const others = known.filter((one) => !covers(situation, one));
      ways.set(situation.key, [...others, situation]);
      return "new";
    },
  };
}

/** Whether no fewer faults were left there, and no step was left out that is not here. */
function covers(one: Situation, other: Situation): boolean {
  if (one.struck > other.struck || one.lasted > other.lasted) return false;
  return one.asleep.every((name) => other.asleep.includes(name));
}

async function playPath(code: Code, task: Search, tree: Tree, seen?: Seen): Promise<Played> {
  const { driver, chance, current, situation, rest } = createEnumerator(tree, task);
  let heard = 0;
  let begun = false;
  let merges = seen;
  const disturb = async (world: World): Promise<void> => {
    if (!begun && task.scene === "worker") startWorker(world);
    begun = true;
    // The reduction takes for granted that only the store makes an answer final.
    const kind = current()?.kind;
    for (; heard < world.facts.length; heard += 1) {
      const fact = world.facts[heard];
      const final = fact?.type === "answered" && /^(succeeded|failed)$/.test(fact.told.kind);
      if (final && !kind?.startsWith("store"))
        world.broken.push("an answer became final without the store");
    }
    rest(world);
    if (!merges || !tree.isNew()) return;
    const way = merges.meet(await situation(world));
    if (way === "known") throw REPEATED;
    // One history is played to its end from here, whatever it meets.
    if (way === "repeated") merges = undefined;
  };
  try {
    const game = { plan: planOf(task), chance, driver, disturb };
    return await play(code, game, { seed: 0, strict: false });
  } catch (error) {
    if (error === REPEATED) return { history: undefined, met: driver.met };
    throw error;
  }
}

function startWorker(world: World): void {
  for (const at of PASSES)
    world.scheduler.timer(undefined, START + at, () => {
      const [, other] = world.processes;
      if (other) launchWorker(world.scheduler, other);
    });
}

function planOf({ scene, workload, faults }: Search): Plan {
  const client = { variant: "same", sends: 1, retries: 1, door: true } as const;
  // The first goes to the first process, because the processes differ in nothing but their names.
  const clients =
    scene === "worker"
      ? [{ ...client, retries: 0, waitMs: 0, route: [0] }]
      : [
          { ...client, waitMs: 0, route: [0, 1] },
          { ...client, waitMs: 0, route: [undefined, 0] },
        ];
  const none = Object.fromEntries(FAULTS.map((fault) => [fault, 0])) as Record<Fault, number>;
  return {
    ...{ nodes: 2, workerRate: 0, namespaceRate: 0, rates: none, budget: faults },
    ...{ steps: STEPS_MAX, attemptsMax: 20, responseMs: 7 * DAY_MS, calm: false },
    operations: [{ label: "acct/order", scope: "acct", key: "order", workload, clients }],
  };
}

/** What remains, under names that do not tell in which order it was made. */
function endOf({ remains, charges, orders, facts, broken }: History): string {
  return JSON.stringify([
    remains.map(({ record, messages }) => [
      ...[record?.state, record?.fence, record?.attempts, record?.doubt, messages.length],
      record?.steps.map(({ name, fence, effect, result }) => [
        ...[name, fence, result?.kind, effect?.generation, effect?.sends.length],
      ]),
    ]),
    charges.map(({ step, kind }) => `${step} ${kind}`),
    orders.map(({ status }) => status).sort(),
    facts.flatMap((fact) => (fact.type === "answered" ? fact.told.kind : [])).sort(),
    broken,
  ]);
}
