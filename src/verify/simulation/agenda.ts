import type { Fault } from "./fault.ts";
import type { Node } from "./node.ts";

/** A call that waits for the scheduler's choice. */
export interface Waiting {
  /** Undefined for a client, who lives outside of all processes. */
  readonly node: Node | undefined;
  /** Where it goes, such as `store.claim`. */
  readonly place: string;
  readonly faults: readonly Fault[];
  /** Whether a network may still deliver it after its sender has died. */
  readonly travels: boolean;
  readonly act: (fault: Fault | undefined) => void;
}

export interface Parked extends Waiting {
  readonly generation: number;
  heldUntil: number;
}

interface Timer {
  readonly at: number;
  readonly node: Node | undefined;
  readonly fire: () => void;
}

/** All that waits: for a choice, or for a time. */
export interface Agenda {
  park(call: Waiting): void;
  /** Takes a call away, to be performed. */
  take(call: Parked): void;
  /** @returns what takes the timer away again */
  timer(node: Node | undefined, at: number, fire: () => void): () => void;
  /** The calls that can be performed at this time. */
  ready(now: number): readonly Parked[];
  /** The next instant at which anything can happen; infinite if there is none. */
  next(now: number): number;
  /** Lets the one timer fire whose time came first. */
  fire(now: number): void;
  /** Forgets what belongs to dead generations, but for requests that are on their way. */
  bury(node: Node, arrives: () => boolean): void;
  /** Nothing is held back any more. */
  release(): void;
}

export function createAgenda(): Agenda {
  const parked: Parked[] = [];
  const timers: Timer[] = [];
  const remove = <T>(list: T[], one: T): void => {
    const index = list.indexOf(one);
    if (index >= 0) list.splice(index, 1);
  };
  return {
    park: (call) => {
      parked.push({ ...call, generation: call.node?.generation ?? 0, heldUntil: 0 });
    },
    take: (call) => remove(parked, call),
    timer(node, at, fire) {
      const timer: Timer = { at, node, fire };
      timers.push(timer);
      return () => remove(timers, timer);
    },
    ready: (now) => parked.filter((call) => readyAt(call) <= now),
    next(now) {
      let instant = first(timers) ?? Number.POSITIVE_INFINITY;
      for (const call of parked) {
        const at = readyAt(call);
        if (at > now) instant = Math.min(instant, at);
      }
      return instant;
    },
    fire(now) {
      const at = first(timers);
      const timer = timers.find((one) => firesAt(one) === at);
      if (timer === undefined || firesAt(timer) > now) return;
      remove(timers, timer);
      timer.fire();
    },
    bury(node, arrives) {
      for (const timer of timers.filter((one) => one.node === node)) remove(timers, timer);
      for (const call of parked.filter((one) => one.node === node && !isLive(one)))
        if (!call.travels || !arrives()) remove(parked, call);
    },
    release() {
      for (const call of parked) call.heldUntil = 0;
    },
  };
}

/** Whether the generation that made the call still lives. */
export function isLive(call: Parked): boolean {
  return call.node === undefined || call.node.generation === call.generation;
}

function readyAt(call: Parked): number {
  return Math.max(call.heldUntil, isLive(call) ? (call.node?.heldUntil ?? 0) : 0);
}

function firesAt(timer: Timer): number {
  return Math.max(timer.at, timer.node?.heldUntil ?? 0);
}

function first(timers: readonly Timer[]): number | undefined {
  let earliest: number | undefined;
  for (const timer of timers) {
    const at = firesAt(timer);
    if (earliest === undefined || at < earliest) earliest = at;
  }
  return earliest;
}
