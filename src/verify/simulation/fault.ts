import type { Chance } from "./chance.ts";

/** Every way in which the simulated world misbehaves. */
export const FAULTS = [
  "lost-request",
  "lost-answer",
  "late-answer",
  "crash-before",
  "crash-after",
  "pause",
  "delay",
  "refused",
  "outage",
  "late-commit",
  "stall",
  "skew",
  "failover",
] as const;
/**
 * `pause` stops a process, often past its lease; `delay` keeps one call on its way; `refused` is a
 * store that rolled back; `outage` cuts a process off from the store; `late-commit` lands after its
 * caller was told that it is lost; `stall` lets time pass; `skew` moves a process's clock;
 * `failover` makes the store forget its newest commits, where that was asked for.
 */
export type Fault = (typeof FAULTS)[number];

export const CALL_FAULTS: readonly Fault[] = FAULTS.slice(0, 7);
export const STORE_FAULTS: readonly Fault[] = FAULTS.slice(0, 9);
export const TRANSACTION_FAULTS: readonly Fault[] = FAULTS.slice(0, 10);

/** How often each kind of fault strikes in one history, and how often in all. */
export interface FaultPlan {
  readonly rates: Readonly<Record<Fault, number>>;
  readonly budget: number;
}

/** How often each point met each fault: `faults["store.claim"]["lost-answer"]`. */
export type FaultCounts = Record<string, Partial<Record<Fault, number>>>;

/** Decides which faults happen. */
export interface Luck {
  /** What goes wrong with a call at this place, if anything. */
  faultOf(place: string, faults: readonly Fault[]): Fault | undefined;
  /** Whether a fault that is none of a call happens now. */
  strikes(fault: "stall" | "skew" | "failover"): boolean;
  /** How long a fault of time lasts, in milliseconds. */
  lasts(fault: "pause" | "delay" | "outage"): number;
  /** How a call ends whose process cannot reach the store. */
  outage(): Fault;
  /** Whether the request of a process that died is still delivered. */
  arrives(): boolean;
  /** From here on nothing fails any more. */
  heal(): void;
  readonly met: FaultCounts;
  count(): number;
}

/** Lengths in leases: within one, about one, and past it. */
const LASTING = {
  delay: [0.2, 0.7, 1.5, 4],
  pause: [1.5, 0.2, 0.7, 4],
  outage: [0.5, 0.1, 2, 5],
} as const;
const OUTAGE: readonly Fault[] = ["lost-answer", "lost-request"];
/** Faults of time cost nothing of the budget, but there is an end to them. */
const FREE_MAX = 40;
/**
 * A start, a wait and a worker make many calls that change nothing, and would use most faults up.
 * No weight is over 3, so that the rates of a plan stay below 1.
 */
const WEIGHTS: Readonly<Record<string, number>> = {
  "store.namespace": 0.1,
  "store.claim": 0.4,
  "store.prune": 0.2,
  "inbox.prune": 0.2,
  "outbox.prune": 0.2,
};
const EFFECT_WEIGHT = 3;

export function createLuck(plan: FaultPlan, chance: Chance, leaseMs: number): Luck {
  const met: FaultCounts = {};
  let healthy = false;
  let struck = 0;
  let free = 0;
  const meet = (place: string, fault: Fault): void => {
    met[place] ??= {};
    met[place][fault] = (met[place][fault] ?? 0) + 1;
  };
  return {
    met,
    faultOf(place, faults) {
      if (healthy || struck >= plan.budget) return undefined;
      const weight = WEIGHTS[place] ?? (isEffect(place) ? EFFECT_WEIGHT : 1);
      // One number decides, and the greatest ones are the faults.
      let left = 1 - chance.fraction();
      for (const fault of faults) {
        left -= plan.rates[fault] * weight;
        if (left > 0) continue;
        struck += 1;
        meet(place, fault);
        return fault;
      }
      return undefined;
    },
    strikes(fault) {
      const rate = plan.rates[fault];
      if (healthy || rate === 0 || free >= FREE_MAX || !chance.hit(rate)) return false;
      free += 1;
      meet(fault === "failover" ? "store" : "clock", fault);
      return true;
    },
    lasts: (fault) => leaseMs * chance.pick(LASTING[fault]),
    outage: () => chance.pick(OUTAGE),
    arrives: () => chance.hit(0.5),
    heal() {
      healthy = true;
    },
    count: () => struck + free,
  };
}

function isEffect(place: string): boolean {
  return place.startsWith("provider.") || place.startsWith("effect.");
}
