import { Worker } from "node:worker_threads";
import type { Campaign } from "./campaign.ts";
import type { Mutant } from "./mutant.ts";
import type { Aim } from "./plan.ts";
import type { SearchReport, SearchTask } from "./search-worker.ts";

/** Aimed as the mutant is, if it says nothing else. */
export interface Task extends Aim {
  readonly seeds: number;
  /** The broken copy to explore; the project's own code by default. */
  readonly mutant?: Mutant;
}

export interface Report {
  readonly campaign: Campaign;
  readonly found:
    | {
        readonly text: string;
        readonly steps: number;
        readonly faults: number;
        readonly rule: string;
      }
    | undefined;
}

/** Explores in a thread of its own: the test runner follows every promise, which makes it slow. */
export function launch(task: Task): Promise<Report> {
  return inThread<Report>("./campaign-worker.ts", task);
}

/** Searches a small world to its end in a thread of its own. */
export function launchSearch(task: SearchTask): Promise<SearchReport> {
  return inThread<SearchReport>("./search-worker.ts", task);
}

function inThread<Answer>(file: string, workerData: unknown): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(file, import.meta.url), { workerData });
    worker.on("message", resolve);
    worker.on("error", reject);
    worker.on("exit", (code) => {
      reject(new Error(`The thread ended with the code ${code} and without a report.`));
    });
  });
}
