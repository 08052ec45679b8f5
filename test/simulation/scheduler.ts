import type { Chance } from "./chance.ts";
import type { Fault, Plan } from "./plan.ts";

/** A process that can die: what an earlier generation still asks for is never answered. */
export interface Node {
  readonly name: string;
  generation: number;
  /** A paused node neither runs timers nor hears answers before this time. */
  heldUntil: number;
  /** The store cannot be reached from here before this time, or its answers do not arrive. */
  outUntil: number;
  wallSkewMs: number;
}

/** A call that waits for the scheduler's choice. */
export interface Parked {
  readonly order: number;
  readonly node: Node | undefined;
  readonly generation: number;
  readonly port: string;
  readonly method: string;
  /** The faults that make sense here. */
  readonly faults: readonly Fault[];
  heldUntil: number;
  readonly act: (fault: Fault | undefined) => void;
}

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly node: Node | undefined;
  readonly fire: () => void;
}

/** One thread of virtual time that decides what happens next. */
export interface Scheduler {
  now(): number;
  park(call: Pick<Parked, "node" | "port" | "method" | "faults" | "act">): void;
  /** @returns what takes the timer away again */
  timer(node: Node | undefined, at: number, fire: () => void): () => void;
  /** Whether a fault of this kind happens here and now. */
  strikes(fault: Fault, place: string): boolean;
  /** Forgets timers and calls of a dead generation; some requests are on their way. */
  bury(node: Node): void;
  /** Does one thing. False if there is nothing to do. */
  step(): Promise<boolean>;
  /** Lets everything that is ready in this process run, until all of it waits for a port. */
  drain(): Promise<void>;
  /** From here on nothing fails any more. */
  heal(nodes: readonly Node[]): void;
  advanceTo(at: number): void;
  note(line: string): void;
  readonly trace: string[];
  faults(): number;
  /** Grows whenever anything reaches a port. */
  activity(): number;
  /** How often a port's method met a fault: "store.claim lose-answer". */
  readonly met: Map<string, number>;
}

/** The longest chain of promises between two calls of a port is about half as long. */
const QUIET_TICKS = 64;
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
]);
export const START = 1_700_000_000_000;
const LEASE_MS = 1_000;

/** @param skip the ordinals of faults that must not happen, for shrinking */
export function createScheduler(
  plan: Plan,
  chance: Chance,
  skip: ReadonlySet<number> = new Set(),
): Scheduler {
  const parked: Parked[] = [];
  const timers: Timer[] = [];
  const trace: string[] = [];
  const met = new Map<string, number>();
  let now = START;
  let order = 0;
  let activity = 0;
  let healthy = false;
  let drawn = 0;
  let struck = 0;
  let spent = 0;

  const note = (line: string): void => void trace.push(`${now - START} ${line}`);

  function strikes(fault: Fault, place: string): boolean {
    const weight = RARE.get(place) ?? 1;
    const rate = plan.rates[fault] * weight;
    if (healthy || rate === 0 || !chance.hit(rate)) return false;
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

  const readyAt = (call: Parked): number =>
    Math.max(call.heldUntil, isLive(call) ? (call.node?.heldUntil ?? 0) : 0);
  const firesAt = (timer: Timer): number => Math.max(timer.at, timer.node?.heldUntil ?? 0);

  /** Goes to the next instant at which anything can happen, and lets one timer fire there. */
  function advance(): boolean {
    let next: Timer | undefined;
    for (const timer of timers)
      if (next === undefined || firesAt(timer) < firesAt(next)) next = timer;
    const held = parked.map(readyAt).filter((at) => at > now);
    const instant = Math.min(next ? firesAt(next) : Number.POSITIVE_INFINITY, ...held);
    if (instant === Number.POSITIVE_INFINITY) return false;
    now = Math.max(now, instant);
    if (next && firesAt(next) <= now) {
      timers.splice(timers.indexOf(next), 1);
      next.fire();
    }
    return true;
  }

  function perform(call: Parked): void {
    const place = `${call.port}.${call.method}`;
    // Whichever fault is asked first is likelier, so that each has its turn.
    const first = chance.below(Math.max(call.faults.length, 1));
    const order = [...call.faults.slice(first), ...call.faults.slice(0, first)];
    const drawnFault = order.find((kind) => strikes(kind, place));
    const out = call.port === "store" && isLive(call) && (call.node?.outUntil ?? 0) > now;
    const fault = out ? chance.pick(OUTAGE) : drawnFault;
    const who = `${call.node?.name ?? "-"}${isLive(call) ? "" : "(dead)"}`;
    note(`${who} ${place}${fault === undefined ? "" : ` !${fault}`}`);
    if (fault === "pause" && call.node) {
      call.node.heldUntil = now + LEASE_MS * chance.pick([0.2, 0.7, 1.5, 4]);
    } else if (fault === "defer") {
      call.heldUntil = now + LEASE_MS * chance.pick([0.2, 0.7, 1.5, 4]);
    } else if (fault === "outage" && call.node) {
      call.node.outUntil = now + LEASE_MS * chance.pick([0.1, 0.5, 2, 5]);
    } else {
      parked.splice(parked.indexOf(call), 1);
      call.act(fault);
    }
  }

  async function drain(): Promise<void> {
    let seen = activity;
    for (let quiet = 0; quiet < QUIET_TICKS; quiet += 1) {
      await null;
      if (activity === seen) continue;
      seen = activity;
      quiet = 0;
    }
  }

  return {
    ...{ strikes, note, drain, trace, met },
    now: () => now,
    faults: () => struck,
    activity: () => activity,
    park(call) {
      activity += 1;
      order += 1;
      parked.push({ ...call, order, generation: call.node?.generation ?? 0, heldUntil: 0 });
    },
    timer(node, at, fire) {
      activity += 1;
      order += 1;
      const timer: Timer = { at, order, node, fire };
      timers.push(timer);
      return () => {
        const index = timers.indexOf(timer);
        if (index >= 0) timers.splice(index, 1);
      };
    },
    bury(node) {
      for (const timer of timers.filter((one) => one.node === node))
        timers.splice(timers.indexOf(timer), 1);
      for (const call of parked.filter(
        (one) => one.node === node && one.generation < node.generation,
      )) {
        const onItsWay = ORPHANS.has(call.port) && chance.hit(0.5);
        if (!onItsWay) parked.splice(parked.indexOf(call), 1);
      }
    },
    async step() {
      const ready = parked.filter((call) => readyAt(call) <= now);
      const idle = ready.length === 0 || strikes("stall", "clock");
      const chosen = idle ? undefined : ready[chance.below(ready.length)];
      if (chosen) perform(chosen);
      else if (!advance()) return ready.length > 0;
      await drain();
      return true;
    },
    heal(nodes) {
      healthy = true;
      for (const node of nodes) Object.assign(node, { heldUntil: 0, outUntil: 0 });
      for (const call of parked) call.heldUntil = 0;
    },
    advanceTo(at) {
      now = Math.max(now, at);
    },
  };
}

const OUTAGE: readonly Fault[] = ["lose-answer", "lose-request"];

/** Requests that a network may still deliver after their sender has died. */
const ORPHANS: ReadonlySet<string> = new Set(["store", "provider"]);

function isLive(call: Parked): boolean {
  return call.node === undefined || call.node.generation === call.generation;
}
