import type { Chance } from "./chance.ts";
import type { Driver } from "./driver.ts";
import type { Parked } from "./scheduler.ts";

/** The order of so few steps decides nearly every known race, so that few changes are drawn. */
const CHANGES = [0, 1, 2, 3, 5] as const;
/** About as many steps as a history has, over which the changes are spread. */
const STEPS = 120;

/**
 * Draws one priority for each actor and performs only the call of the highest one; at a few drawn
 * steps the actor that is about to go falls behind all others. Where a fair draw starves nobody for
 * long, this lets one process run far ahead of another. Faults are drawn as before.
 */
export function priorityDriver(driver: Driver, chance: Chance): Driver {
  const priorities = new Map<string, number>();
  const changes = new Set(
    Array.from({ length: chance.pick(CHANGES) }, () => chance.below(STEPS) + 1),
  );
  let steps = 0;
  let lowest = 0;
  let healthy = false;
  const priorityOf = (call: Parked): number => {
    const name = actorOf(call);
    const known = priorities.get(name) ?? 1 + chance.fraction();
    priorities.set(name, known);
    return known;
  };
  const highest = (ready: readonly Parked[]): Parked | undefined => {
    let best: Parked | undefined;
    for (const call of ready)
      if (best === undefined || priorityOf(call) > priorityOf(best)) best = call;
    return best;
  };
  return {
    ...driver,
    choose(moment) {
      // A healed world is fair again, because it must come to its end.
      if (healthy) return driver.choose(moment);
      const { ready } = moment;
      if (ready.length === 0 || driver.strikes("stall", "clock")) return undefined;
      steps += 1;
      const first = highest(ready);
      if (first === undefined || !changes.has(steps)) return first;
      lowest -= 1;
      priorities.set(actorOf(first), lowest);
      return highest(ready);
    },
    heal() {
      healthy = true;
      driver.heal();
    },
  };
}

/** A process, one generation of it, or a client; what is on its way goes with its sender. */
function actorOf({ node, by, generation }: Parked): string {
  return by?.name ?? `${node?.name ?? "-"}:${generation}`;
}
