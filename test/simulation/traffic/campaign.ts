import { playHistory, type Traffic, type Verdict } from "./history.ts";

/** The rows of the table, and what each of them is to show. */
export const TRAFFICS: Readonly<Record<string, Traffic>> = {
  "read back": { monotone: true, lagMs: 0, reads: true, deaths: 0 },
  "read back, states may go back": { monotone: false, lagMs: 0, reads: true, deaths: 0 },
  "reads lag by up to 500 ms": { monotone: false, lagMs: 500, reads: true, deaths: 0 },
  "processes die": { monotone: false, lagMs: 500, reads: true, deaths: 0.1 },
  "the event is believed": { monotone: true, lagMs: 0, reads: false, deaths: 0.1 },
};

export interface Tally {
  histories: number;
  wrong: number;
  events: number;
  effects: number;
  lost: number;
  doubled: number;
  deliveries: number;
  reads: number;
  /** The first seed that broke something. */
  broken: number | undefined;
}

export function createTally(): Tally {
  const zeros = { histories: 0, wrong: 0, events: 0, effects: 0, lost: 0, doubled: 0 };
  return { ...zeros, deliveries: 0, reads: 0, broken: undefined };
}

/** Plays histories of consecutive seeds. */
export async function playAll(
  traffic: Traffic,
  first: number,
  histories: number,
  tally: Tally = createTally(),
): Promise<Tally> {
  for (let seed = first; seed < first + histories; seed += 1) {
    const verdict = await playHistory(seed, traffic);
    add(tally, verdict);
    if (isBroken(verdict, traffic)) tally.broken ??= seed;
  }
  return tally;
}

/** An event that is believed may be superseded, so only what is read back has one effect each. */
function isBroken(verdict: Verdict, { reads }: Traffic): boolean {
  const { wrongState, doubled, lost } = verdict;
  return wrongState || doubled > 0 || (reads && lost > 0);
}

function add(tally: Tally, verdict: Verdict): void {
  tally.histories += 1;
  tally.wrong += Number(verdict.wrongState);
  for (const name of ["events", "effects", "lost", "doubled", "deliveries", "reads"] as const)
    tally[name] += verdict[name];
}
