import { parentPort, workerData } from "node:worker_threads";
import { ownCode } from "./code.ts";
import { createFound, describeBroken, type Search, search } from "./exhaustive.ts";
import { loadMutant, type Mutant } from "./mutant.ts";
import { createTree } from "./tree.ts";

export interface SearchTask extends Search {
  /** The broken copy to search; the project's own code by default. */
  readonly mutant?: Mutant;
  /** How many more prefixes to play after the first violation, for a shorter one. */
  readonly patience?: number;
  /** The path to begin with, where another search has ended. */
  readonly from?: readonly number[] | undefined;
  /** When it has to end, in milliseconds since the epoch. */
  readonly endsAt?: number;
  /** How often to tell how far it is, in milliseconds; never by default. */
  readonly tellEveryMs?: number;
}

export interface SearchReport {
  readonly histories: number;
  readonly pruned: number;
  /** What its histories ended in. */
  readonly ends: ReadonlySet<string>;
  readonly violations: number;
  readonly met: ReadonlyMap<string, number>;
  readonly seconds: number;
  /** The path to go on with, if it did not come to its end. */
  readonly left: string | undefined;
  readonly shortest:
    | { readonly text: string; readonly steps: number; readonly faults: number }
    | undefined;
}

/** What a search says before its report. */
export interface SearchProgress {
  readonly histories: number;
  readonly pruned: number;
  readonly at: string;
}

const NEVER = Number.POSITIVE_INFINITY;
const task = workerData as SearchTask;
const { mutant, patience = NEVER, from, endsAt = NEVER, tellEveryMs = NEVER } = task;
const code = mutant === undefined ? ownCode : await loadMutant(mutant, "search");
const found = createFound();
const start = performance.now();
const tree = createTree(from);
let more = patience;
let told = start;
let isCut = false;
await search(
  code,
  task,
  found,
  () => {
    const now = performance.now();
    const { histories, pruned } = found;
    if (now - told >= tellEveryMs) {
      told = now;
      parentPort?.postMessage({ histories, pruned, at: tree.path.join() } satisfies SearchProgress);
    }
    if (found.shortest) more -= 1;
    isCut = more < 0 || Date.now() >= endsAt;
    return isCut;
  },
  tree,
);
const { shortest, ...counts } = found;
const report: SearchReport = {
  ...counts,
  seconds: (performance.now() - start) / 1_000,
  left: isCut ? tree.path.join() : undefined,
  shortest: shortest && {
    text: describeBroken(task, shortest),
    steps: shortest.history.trace.count(),
    faults: shortest.history.faults,
  },
};
parentPort?.postMessage(report);
