import { AsyncLocalStorage } from "node:async_hooks";
import { createAgenda, isLive, type Parked, type Waiting } from "./agenda.ts";
import type { Chance } from "./chance.ts";
import type { Luck } from "./fault.ts";
import { createHold } from "./hold.ts";
import type { Node, Time } from "./node.ts";

/** One thread of virtual time that decides what happens next. */
export interface Scheduler extends Time {
  park(call: Waiting): void;
  /** Runs the user's own code while virtual time stands still; its calls are performed at once. */
  hold<T>(name: string, run: () => T): Promise<Awaited<T>>;
  /** Forgets timers and calls of dead generations; some requests are on their way. */
  bury(node: Node): void;
  /** Does one thing. False if there is nothing to do. */
  step(): Promise<boolean>;
  /** Lets everything that is ready run, until all of it waits for the scheduler. */
  drain(): Promise<void>;
  /** From here on nothing fails any more. */
  heal(nodes: readonly Node[]): void;
  advanceTo(at: number): void;
  note(line: string): void;
  readonly trace: readonly string[];
}

const START = 1_700_000_000_000;

export function createScheduler(chance: Chance, luck: Luck): Scheduler {
  const agenda = createAgenda();
  const trace: string[] = [];
  const inside = new AsyncLocalStorage<true>();
  const held = createHold();
  let now = START;

  const note = (line: string): void => {
    trace.push(`${String(Math.floor(now - START)).padStart(6)} ${line}`);
  };

  function perform(call: Parked): void {
    const { node, place } = call;
    const drawn = luck.faultOf(place, call.faults);
    const toStore = call.faults.includes("outage");
    const out = toStore && isLive(call) && (node?.outUntil ?? 0) > now;
    const fault = out ? luck.outage() : drawn;
    const who = node === undefined ? "" : `${node.name}${isLive(call) ? "" : " (dead)"}  `;
    note(`${who}${place}${fault === undefined ? "" : `  << ${fault}`}`);
    if (fault === "pause" && node) node.heldUntil = now + luck.lasts(fault);
    else if (fault === "delay") call.heldUntil = now + luck.lasts(fault);
    else if (fault === "outage" && node) node.outUntil = now + luck.lasts(fault);
    else {
      agenda.take(call);
      call.act(fault);
    }
  }

  async function drain(): Promise<void> {
    do {
      await tick();
      await held.settled();
      await tick();
    } while (held.holds());
  }

  return {
    ...{ note, drain, trace },
    now: () => now,
    park(call) {
      if (inside.getStore()) call.act(undefined);
      else agenda.park(call);
    },
    hold: (name, run) => held.add(name, () => inside.run(true, run)),
    timer: agenda.timer,
    bury: (node) => agenda.bury(node, luck.arrives),
    async step() {
      const ready = agenda.ready(now);
      const idle = ready.length === 0 || luck.strikes("stall");
      const chosen = idle ? undefined : ready[chance.below(ready.length)];
      if (chosen) perform(chosen);
      else {
        const next = agenda.next(now);
        if (next === Number.POSITIVE_INFINITY) return ready.length > 0;
        now = Math.max(now, next);
        agenda.fire(now);
      }
      await drain();
      return true;
    },
    heal(nodes) {
      luck.heal();
      for (const node of nodes) Object.assign(node, { heldUntil: 0, outUntil: 0, skewMs: 0 });
      agenda.release();
    },
    advanceTo(at) {
      now = Math.max(now, at);
    },
  };
}

/** A tick comes after every promise that can go on, and after those that they let go on. */
function tick(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}
