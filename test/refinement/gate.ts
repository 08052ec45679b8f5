import type { Chance } from "../simulation/chance.ts";

/** One of several calls that run side by side. */
export type Lane = number;

interface Parked {
  readonly lane: Lane;
  go(): void;
}

/** The statements of several calls, let through one at a time in an order of chance. */
export interface Gate {
  /** Waits at the gate while it is closed; then counts as under way until it has run. */
  pass<T>(lane: Lane, session: number | undefined, run: () => Promise<T>): Promise<T>;
  /** Runs the calls, each behind the gate from its beginning on. Answers when each one ran. */
  runAll<T>(calls: readonly (() => Promise<T>)[], chance: Chance): Promise<readonly Ran<T>[]>;
}

/** What a call came to, and when: the counts of what the gate let through until then. */
export interface Ran<T> {
  readonly value: T;
  readonly began: number;
  readonly ended: number;
}

const POLL_MS = 2;

/** @param areBlocked whether all of these sessions wait for locks of others */
export function createGate(areBlocked: (sessions: readonly number[]) => Promise<boolean>): Gate {
  const parked: Parked[] = [];
  const flying = new Map<symbol, number | undefined>();
  let open = true;
  let moves = 0;
  let passed = 0;

  async function pass<T>(
    lane: Lane,
    session: number | undefined,
    run: () => Promise<T>,
  ): Promise<T> {
    if (open) return run();
    await new Promise<void>((resolve) => parked.push({ lane, go: resolve }));
    const flight = Symbol("flight");
    flying.set(flight, session);
    try {
      return await run();
    } finally {
      flying.delete(flight);
      moves += 1;
    }
  }

  /** Every call is at the gate, has ended, or waits for a lock of another one. */
  async function still(busy: ReadonlySet<Lane>): Promise<void> {
    for (;;) {
      const before = moves;
      await later(POLL_MS);
      const atGate = new Set(parked.map(({ lane }) => lane));
      const sessions = [...flying.values()].filter((session) => session !== undefined);
      const underWay = [...busy].filter((lane) => !atGate.has(lane)).length;
      // A call that is neither at the gate nor in the server is still on its way to one of them.
      if (underWay !== flying.size || before !== moves) continue;
      if (flying.size === 0) return;
      if ((await areBlocked(sessions)) && before === moves && parked.length > 0) return;
    }
  }

  async function runAll<T>(
    calls: readonly (() => Promise<T>)[],
    chance: Chance,
  ): Promise<readonly Ran<T>[]> {
    open = false;
    passed = 0;
    const busy = new Set(calls.keys());
    const all = calls.map(async (call, lane) => {
      await pass(lane, undefined, async () => {});
      const began = passed;
      try {
        const value = await call();
        return { value, began, ended: passed };
      } finally {
        busy.delete(lane);
        moves += 1;
      }
    });
    try {
      while (busy.size > 0) {
        await still(busy);
        const next = chance.below(Math.max(1, parked.length));
        const [chosen] = parked.toSorted((a, b) => a.lane - b.lane).slice(next);
        if (chosen === undefined) continue;
        parked.splice(parked.indexOf(chosen), 1);
        passed += 1;
        moves += 1;
        chosen.go();
      }
    } finally {
      open = true;
      for (const { go } of parked.splice(0)) go();
    }
    return Promise.all(all);
  }

  return { pass, runAll };
}

function later(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
