import type { Driver } from "./driver.ts";
import type { Fault } from "./plan.ts";
import { createNotes, type Trace } from "./trace.ts";

/** A process that can die: what an earlier generation still asks for is never answered. */
export interface Node {
  readonly name: string;
  generation: number;
  /** A paused node neither runs timers nor hears answers before this time. */
  heldUntil: number;
  /** The store cannot be reached from here before this time, or its answers do not arrive. */
  outUntil: number;
  wallSkewMs: number;
  /** Which release of the handlers it runs. */
  release: Release;
}

/** A rolling deployment has both at once, and may be rolled back. */
export const RELEASES = [1, 2] as const;
export type Release = (typeof RELEASES)[number];

/** A call that waits for the scheduler's choice. */
export interface Parked {
  readonly order: number;
  readonly node: Node | undefined;
  /** Whoever makes the call, if it is not the node: a client, who speaks to a node. */
  readonly by?: { readonly name: string; readonly to: Node };
  readonly generation: number;
  readonly port: string;
  readonly method: string;
  /** The claim under which a call writes. */
  readonly fence?: number | undefined;
  /** The faults that make sense here. */
  readonly faults: readonly Fault[];
  heldUntil: number;
  readonly act: (fault: Fault | undefined) => void;
}

export interface Timer {
  readonly at: number;
  readonly order: number;
  readonly node: Node | undefined;
  /** Whose timer it is, if it is not the node's. */
  readonly owner: string | undefined;
  readonly fire: () => void;
}

/** One thread of virtual time that decides what happens next. */
export interface Scheduler {
  now(): number;
  park(call: Pick<Parked, "node" | "by" | "port" | "method" | "fence" | "faults" | "act">): void;
  /** @returns what takes the timer away again */
  timer(node: Node | undefined, at: number, fire: () => void, owner?: string): () => void;
  /** Whether a fault of this kind happens here and now. */
  strikes(fault: Fault, place: string): boolean;
  /** Forgets timers and calls of a dead generation; some requests are on their way. */
  bury(node: Node): void;
  /**
   * Does one thing after the other until there is nothing to do, or as often as it may.
   *
   * @param before is called before each step; a promise of its is waited for
   * @returns whether there was nothing left to do
   */
  run(steps: number, before?: () => Promise<void> | undefined): Promise<boolean>;
  /** Lets everything that is ready in this process run, until all of it waits for a port. */
  drain(): Promise<void>;
  /** From here on nothing fails any more. */
  heal(nodes: readonly Node[]): void;
  advanceTo(at: number): void;
  /** Tells what a process is given by a port, to whoever must know what it knows. */
  hears(node: Node, what: unknown): void;
  /** All that waits: for a choice, or for a time. */
  pending(): { readonly calls: readonly Parked[]; readonly timers: readonly Timer[] };
  /** @param line is called when somebody reads it, so all that it tells must not change */
  note(line: () => string): void;
  readonly trace: Trace;
  /** Grows whenever anything reaches a port. */
  activity(): number;
}

export const START = 1_700_000_000_000;

export function createScheduler(driver: Driver): Scheduler {
  const parked: Parked[] = [];
  const timers: Timer[] = [];
  const notes = createNotes();
  let now = START;
  let order = 0;
  let activity = 0;

  const note = (line: () => string): void => notes.add(now - START, line);

  const readyAt = (call: Parked): number =>
    Math.max(call.heldUntil, isLive(call) ? (call.node?.heldUntil ?? 0) : 0);
  const firesAt = (timer: Timer): number => Math.max(timer.at, timer.node?.heldUntil ?? 0);

  function fire(timer: Timer): void {
    timers.splice(timers.indexOf(timer), 1);
    timer.fire();
  }

  /**
   * Goes to the next instant at which anything can happen, and lets one timer fire there.
   *
   * @returns what became of it, or undefined if nothing will ever happen
   */
  function advance(): "fired" | "later" | undefined {
    let next: Timer | undefined;
    let instant = Number.POSITIVE_INFINITY;
    for (const timer of timers) {
      const at = firesAt(timer);
      if (at < instant) [next, instant] = [timer, at];
    }
    for (const call of parked) {
      const at = readyAt(call);
      if (at > now && at < instant) instant = at;
    }
    if (instant === Number.POSITIVE_INFINITY) return undefined;
    now = Math.max(now, instant);
    if (!next || firesAt(next) > now || driver.ordersTimers) return "later";
    fire(next);
    return "fired";
  }

  function perform(call: Parked): void {
    const place = placeOf(call);
    const drawn = driver.faultOf(call, place);
    const out = call.port === "store" && isLive(call) && (call.node?.outUntil ?? 0) > now;
    const fault = out ? driver.outage() : drawn;
    const live = isLive(call);
    note(() => {
      const who = `${call.node?.name ?? "-"}${live ? "" : "(dead)"}`;
      return `${who} ${place}${fault === undefined ? "" : ` !${fault}`}`;
    });
    if (fault === "pause" && call.node) {
      call.node.heldUntil = now + driver.lasts(fault, now);
    } else if (fault === "defer") {
      call.heldUntil = now + driver.lasts(fault, now);
    } else if (fault === "outage" && call.node) {
      call.node.outUntil = now + driver.lasts(fault, now);
    } else {
      parked.splice(parked.indexOf(call), 1);
      call.act(fault);
    }
  }

  /** @returns whether anybody may go on now, or undefined if there was nothing to do */
  function step(): "done" | "later" | undefined {
    const ready = parked.filter((call) => readyAt(call) <= now);
    const due = driver.ordersTimers ? timers.filter((timer) => firesAt(timer) <= now) : NOTHING;
    const chosen = driver.choose({ now, ready, due });
    if (chosen === undefined) {
      const advanced = advance();
      if (advanced === undefined) return ready.length > 0 ? "later" : undefined;
      return advanced === "fired" ? "done" : "later";
    }
    if ("act" in chosen) perform(chosen);
    else fire(chosen);
    return "done";
  }

  /** A tick comes after every promise that can go on, and after those that they let go on. */
  const drain = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

  return {
    ...{ note, drain, trace: notes },
    strikes: driver.strikes,
    now: () => now,
    activity: () => activity,
    park(call) {
      activity += 1;
      order += 1;
      const made: Parked = { ...call, order, generation: call.node?.generation ?? 0, heldUntil: 0 };
      parked.push(made);
      driver.makes?.(made, now);
    },
    timer(node, at, fire, owner) {
      activity += 1;
      order += 1;
      const timer: Timer = { at, order, node, owner, fire };
      timers.push(timer);
      driver.makes?.(timer, now);
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
        const onItsWay = ORPHANS.has(call.port) && driver.arrives();
        if (!onItsWay) parked.splice(parked.indexOf(call), 1);
      }
    },
    run(steps, before) {
      let left = steps;
      return new Promise((resolve, reject) => {
        /** @returns whether there is more to do, once all that is ready has gone on */
        const go = (): boolean => {
          while (left > 0) {
            left -= 1;
            const waits = before?.();
            if (waits) {
              waits.then(act).then(rest, reject);
              return false;
            }
            const end = act();
            if (end !== "later") return end;
          }
          resolve(false);
          return false;
        };
        const act = (): boolean | "later" => {
          const end = step();
          if (end === undefined) resolve(true);
          return end === "later" ? end : end === "done";
        };
        const turn = (): void => {
          try {
            rest(go());
          } catch (error) {
            reject(error);
          }
        };
        // Ticks are done before promises go on, so the next one is asked for by a promise.
        const rest = (more: boolean | "later"): void => {
          if (more !== false) void NOW.then(() => process.nextTick(turn));
        };
        turn();
      });
    },
    heal(nodes) {
      driver.heal();
      for (const node of nodes) Object.assign(node, { heldUntil: 0, outUntil: 0 });
      for (const call of parked) call.heldUntil = 0;
    },
    hears: (node, what) => driver.hears?.(node, what),
    pending: () => ({ calls: parked, timers }),
    advanceTo(at) {
      now = Math.max(now, at);
    },
  };
}

/** Requests that a network may still deliver after their sender has died. */
const ORPHANS: ReadonlySet<string> = new Set(["store", "provider"]);

const NOW = Promise.resolve();
const NOTHING: readonly Timer[] = [];

/** Where a call is made, as one text for all calls of a method. */
const PLACES = new Map<string, Map<string, string>>();

function placeOf({ port, method }: Parked): string {
  const known = PLACES.get(port)?.get(method);
  if (known !== undefined) return known;
  const place = `${port}.${method}`;
  PLACES.set(port, (PLACES.get(port) ?? new Map<string, string>()).set(method, place));
  return place;
}

function isLive(call: Parked): boolean {
  return call.node === undefined || call.node.generation === call.generation;
}
