import { isFinal } from "../../src/model/operation.ts";
import type { Chance } from "./chance.ts";
import { createChance } from "./chance.ts";
import { type Driver, LEASE_MS, type Moment } from "./driver.ts";
import { enough, isIndependent, type Standing, type Step, stepNames } from "./independence.ts";
import { createMemories } from "./memories.ts";
import type { Fault } from "./plan.ts";
import { type Parked, START, type Timer } from "./scheduler.ts";
import type { Tree } from "./tree.ts";
import type { World } from "./world.ts";

/** Thrown where every continuation was played before, in another order of the same steps. */
export const REPEATED: unique symbol = Symbol("repeated");

/** One history of a tree: each of its choices is the tree's. */
export interface Enumerator {
  readonly driver: Driver;
  readonly chance: Chance;
  /** The step under way. */
  current(): Step | undefined;
  /** To be called after each step. */
  rest(world: World): void;
  /** A digest of all that the future depends on, and the steps that it leaves out. */
  situation(world: World): Promise<Situation>;
}

export interface Situation {
  readonly key: string;
  /** How many faults there were, and how many of them last. */
  readonly struck: number;
  readonly lasted: number;
  readonly asleep: readonly string[];
}

const LASTING: ReadonlySet<Fault> = new Set(["pause", "defer"]);
/** Larger draws only make ids, of which none is better than another. */
const CHOICES_MAX = 8;

export interface Budget {
  /** How many faults there may be in one history. */
  readonly faults: number;
  /** How many of them may be pauses and delays; all of them by default. */
  readonly lasting?: number | undefined;
  /** Whether to leave out only orders of steps that never touch the same; to check the rest by. */
  readonly thorough?: boolean | undefined;
}

export function createEnumerator(
  tree: Tree,
  { faults: budget, lasting = budget, thorough = false }: Budget,
): Enumerator {
  const met = new Map<string, number>();
  const stepOf = stepNames();
  const memories = createMemories();
  /** Steps whose every continuation from here was played, until something touches them. */
  let asleep: readonly Step[] = [];
  /** What may be asleep, by its name. */
  const happenings = new Map<string, Parked | Timer>();
  let step: Step | undefined;
  let standing: Standing = { fence: 0, final: false };
  let heard = 0;
  let healthy = false;
  let struck = 0;
  let lasted = 0;

  const isSpent = (): boolean => healthy || struck >= budget;

  function count(fault: Fault, place: string): Fault {
    struck += 1;
    if (LASTING.has(fault)) lasted += 1;
    const name = `${place} ${fault}`;
    met.set(name, (met.get(name) ?? 0) + 1);
    return fault;
  }

  function choose({ now, ready, due }: Moment): Parked | Timer | undefined {
    const all = [...ready, ...earliest(due)];
    if (healthy || all.length === 0) return all[0];
    const steps = new Map(all.map((one) => [stepOf(one, standing), one]));
    const names = new Set(asleep.map(({ name }) => name));
    const known = new Map([...steps.keys()].map((one) => [one.name, one]));
    asleep = asleep.map((one) => known.get(one.name) ?? one);
    for (const [{ name }, one] of steps) happenings.set(name, one);
    const isForeign = (one: Step): boolean => {
      const happening = steps.get(one);
      return happening !== undefined && !("act" in happening) && happening.node === undefined;
    };
    const some = thorough ? [...steps.keys()] : enough([...steps.keys()], isForeign);
    const awake = some.filter(({ name }) => !names.has(name));
    if (awake.length === 0) throw REPEATED;
    const at = tree.choice(awake.length);
    const chosen = awake[at];
    if (chosen === undefined) return undefined;
    asleep = [...asleep, ...awake.slice(0, at)].filter((one) => isIndependent(one, chosen));
    step = chosen;
    const happening = steps.get(chosen);
    if (happening) memories.begin(happening, now);
    return happening;
  }

  const driver: Driver = {
    ordersTimers: true,
    ...{ met, choose },
    faultOf(call, place) {
      if (isSpent()) return undefined;
      const faults = call.faults.filter(
        (fault) => isDistinct(fault, call) && (lasted < lasting || !LASTING.has(fault)),
      );
      const fault = faults[tree.choice(faults.length + 1) - 1];
      if (fault) memories.strikes(call, fault);
      return fault && count(fault, place);
    },
    strikes(fault, place) {
      if (fault !== "throw" || isSpent()) return false;
      const strikes = tree.choice(2) === 1;
      if (strikes) count(fault, place);
      memories.draws(strikes);
      return strikes;
    },
    hears: memories.hears,
    makes: memories.makes,
    outage: () => undefined,
    // Both last past every lease that is held now, until an instant at which others wake too.
    lasts: (_, now) => Math.ceil((now - START) / LEASE_MS + 1) * LEASE_MS - (now - START),
    arrives: () => !healthy && tree.choice(2) === 1,
    heal() {
      healthy = true;
    },
    faults: () => struck,
  };
  const below = (limit: number): number => {
    if (healthy || limit > CHOICES_MAX) return 0;
    const drawn = tree.choice(limit);
    memories.draws(drawn);
    return drawn;
  };
  const drawn: Chance = {
    ...createChance(0),
    below,
    hit: (probability) => probability >= 1 || (probability > 0 && below(2) === 1),
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("There is nothing to pick from.");
      return item;
    },
  };
  function rest(world: World): void {
    memories.rest(world);
    if (thorough) return;
    for (; heard < world.facts.length; heard += 1) {
      const fact = world.facts[heard];
      if (fact?.type !== "claimed" && fact?.type !== "wrote") continue;
      if (standing.final) world.broken.push("a final record was written to");
      if (fact.fence < standing.fence) world.broken.push("an old fence was written under");
      const { fence, state } = fact;
      standing = {
        fence: Math.max(fence, standing.fence),
        final: standing.final || isFinal(state),
      };
    }
  }

  /** The same steps may have other names in the same situation. */
  function sleepers(): string[] {
    const counts = new Map<string, number>();
    return asleep.map(({ name }) => {
      const happening = happenings.get(name);
      const what = happening ? memories.describe(happening) : name;
      const count = counts.get(what) ?? 0;
      counts.set(what, count + 1);
      return `${count} ${what}`;
    });
  }

  const situation = async (world: World): Promise<Situation> => ({
    key: await memories.digest(world),
    ...{ struck, lasted },
    asleep: sleepers(),
  });
  return { driver, chance: drawn, current: () => step, situation, rest };
}

/** A process fires its own timers in the order of their times, however late it is. */
function earliest(due: readonly Timer[]): Timer[] {
  const first = new Map<string, Timer>();
  for (const timer of due) {
    const owner = timer.node?.name ?? timer.owner ?? "";
    const known = first.get(owner);
    if (known === undefined || timer.at < known.at) first.set(owner, timer);
  }
  return [...first.values()];
}

/** What a process asks for first, so that it can die before it has done anything. */
const FIRST: ReadonlySet<string> = new Set(["claim", "atomic", "due"]);
const READS: ReadonlySet<string> = new Set(["read", "due", "namespace", "look", "find"]);

/**
 * Leaves out what is another fault by another name. To die before a call is to die after the call
 * before it. A read that is lost on its way is a read whose answer is lost. An answer that comes
 * after its deadline is a lost one, and an unreachable store is several lost calls.
 */
function isDistinct(fault: Fault, { method }: Parked): boolean {
  if (fault === "late-answer" || fault === "outage") return false;
  if (fault === "crash-before") return FIRST.has(method);
  return fault !== "lose-request" || !READS.has(method);
}
