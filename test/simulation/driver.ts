import type { Chance } from "./chance.ts";
import type { Fault, Plan } from "./plan.ts";
import type { Node, Parked, Timer } from "./scheduler.ts";

/** What can happen at one instant. */
export interface Moment {
  readonly now: number;
  /** Calls that may be performed, and never none of them with a timer that is due. */
  readonly ready: readonly Parked[];
  /** Timers whose time has come; only for a driver that orders them itself. */
  readonly due: readonly Timer[];
}

/** Who decides what happens next: by a seed, by priorities, or by trying everything. */
export interface Driver {
  /** Whether it chooses among due timers too; otherwise they fire as soon as time reaches them. */
  readonly ordersTimers: boolean;
  /** The next thing to happen; undefined lets time pass. */
  choose(moment: Moment): Parked | Timer | undefined;
  faultOf(call: Parked, place: string): Fault | undefined;
  /** Whether a fault that is no fault of a call happens here. */
  strikes(fault: Fault, place: string): boolean;
  /** How a call ends while its node cannot reach the store. */
  outage(): Fault | undefined;
  /** How long a fault of time lasts, in milliseconds. */
  lasts(fault: Fault, now: number): number;
  /** Whether the request of a dead process is still delivered. */
  arrives(): boolean;
  /** From here on nothing fails any more. */
  heal(): void;
  /** A call or a timer was made. */
  readonly makes?: (happening: Parked | Timer, now: number) => void;
  /** A process was given this by a port. */
  readonly hears?: (node: Node, what: unknown) => void;
  faults(): number;
  /** How often a port's method met a fault: "store.claim lose-answer". */
  readonly met: Map<string, number>;
}

/** Faults of time cost nothing of the budget, but there is an end to them. */
const FREE: ReadonlySet<Fault> = new Set(["stall", "skew"]);
const FREE_MAX = 40;
/** Calls so seldom made that they would hardly meet a fault, and how much likelier it is. */
const RARE: ReadonlyMap<string, number> = new Map([
  ["store.note", 12],
  ["provider.find", 4],
  ["provider.refund", 3],
  ["provider.look", 12],
  ["store.commit", 20],
  ["store.takeOver", 2],
  ["store.suspend", 2],
  ["handler.in-settle", 2],
  // An event says something new only after a charge whose answer was lost.
  ["provider.pay", 4],
  ["provider.bill", 4],
  ["provider.failure", 16],
  ["provider.retrieve", 60],
  ["store.reopen", 12],
  ["store.inbox.acceptHandled", 4],
  ["store.inbox.handle", 6],
  ["store.inbox.release", 8],
  ["store.inbox.prune", 2],
  ["store.outbox.end", 6],
  ["store.outbox.claim", 2],
  ["provider.mail", 8],
]);
export const LEASE_MS = 1_000;
const OUTAGE: readonly Fault[] = ["lose-answer", "lose-request"];
const LASTING = { pause: [0.2, 0.7, 1.5, 4], outage: [0.1, 0.5, 2, 5] } as const;

/** Draws everything from the seed. @param skip the ordinals of faults that must not happen */
export function swarmDriver(
  plan: Plan,
  chance: Chance,
  skip: ReadonlySet<number> = new Set(),
): Driver {
  const met = new Map<string, number>();
  let healthy = false;
  let drawn = 0;
  let struck = 0;
  let spent = 0;

  function strikes(fault: Fault, place: string): boolean {
    if (healthy || plan.rates[fault] === 0) return false;
    const weight = RARE.get(place) ?? 1;
    if (!chance.hit(plan.rates[fault] * weight)) return false;
    if (plan.calm && !place.startsWith("store.")) return false;
    const free = FREE.has(fault);
    if (free ? spent >= FREE_MAX : struck >= plan.budget + (weight > 1 ? 2 : 0)) return false;
    drawn += 1;
    if (skip.has(drawn)) return false;
    if (free) spent += 1;
    else struck += 1;
    const name = `${place} ${fault}`;
    met.set(name, (met.get(name) ?? 0) + 1);
    return true;
  }

  return {
    ordersTimers: false,
    ...{ strikes, met },
    choose({ ready }) {
      const idle = ready.length === 0 || strikes("stall", "clock");
      return idle ? undefined : ready[chance.below(ready.length)];
    },
    faultOf({ faults }, place) {
      // Whichever fault is asked first is likelier, so that each has its turn.
      const first = chance.below(Math.max(faults.length, 1));
      if (healthy) return undefined;
      for (let tried = 0; tried < faults.length; tried += 1) {
        const kind = faults[(first + tried) % faults.length];
        if (kind !== undefined && strikes(kind, place)) return kind;
      }
      return undefined;
    },
    outage: () => chance.pick(OUTAGE),
    lasts: (fault) => LEASE_MS * chance.pick(LASTING[fault === "outage" ? "outage" : "pause"]),
    arrives: () => chance.hit(0.5),
    heal() {
      healthy = true;
    },
    faults: () => struck,
  };
}
