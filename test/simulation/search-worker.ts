import { parentPort, workerData } from "node:worker_threads";
import { ownCode } from "./code.ts";
import { createFound, describeBroken, type Search, search } from "./exhaustive.ts";
import { loadMutant, type Mutant } from "./mutant.ts";

export interface SearchTask extends Search {
  /** The broken copy to search; the project's own code by default. */
  readonly mutant?: Mutant;
  /** How many more prefixes to play after the first violation, for a shorter one. */
  readonly patience?: number;
}

export interface SearchReport {
  readonly histories: number;
  readonly pruned: number;
  /** What its histories ended in. */
  readonly ends: ReadonlySet<string>;
  readonly violations: number;
  readonly met: ReadonlyMap<string, number>;
  readonly shortest:
    | { readonly text: string; readonly steps: number; readonly faults: number }
    | undefined;
}

const task = workerData as SearchTask;
const { mutant, patience = Number.POSITIVE_INFINITY } = task;
const code = mutant === undefined ? ownCode : await loadMutant(mutant, "search");
const found = createFound();
let left = patience;
await search(code, task, found, () => {
  if (found.shortest) left -= 1;
  return left < 0;
});
const { shortest, ...counts } = found;
const report: SearchReport = {
  ...counts,
  shortest: shortest && {
    text: describeBroken(task, shortest),
    steps: shortest.history.trace.count(),
    faults: shortest.history.faults,
  },
};
parentPort?.postMessage(report);
