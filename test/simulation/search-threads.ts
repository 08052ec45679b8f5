import { Worker } from "node:worker_threads";
import type { SearchProgress, SearchReport, SearchTask } from "./search-worker.ts";

/** The situations of a large search fill more than a thread gets by default. */
const HEAP_MB = 8_192;

/** Who is told how the searches go. */
export interface Listener {
  progress(task: SearchTask, progress: SearchProgress): void;
  /** @returns whether to begin no more of them */
  report(task: SearchTask, report: SearchReport): boolean;
}

/** Searches several worlds, as many at a time as there are threads, in their order. */
export async function searchAll(
  tasks: readonly SearchTask[],
  threads: number,
  listener: Listener,
): Promise<void> {
  const left = [...tasks];
  const keep = async (): Promise<void> => {
    for (let task = left.shift(); task; task = left.shift()) {
      const current = task;
      const report = await searchInThread(task, (one) => listener.progress(current, one));
      if (listener.report(task, report)) left.length = 0;
    }
  };
  await Promise.all(Array.from({ length: threads }, keep));
}

function searchInThread(
  task: SearchTask,
  tell: (progress: SearchProgress) => void,
): Promise<SearchReport> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./search-worker.ts", import.meta.url), {
      workerData: task,
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
    });
    worker.on("message", (message: SearchProgress | SearchReport) => {
      if ("at" in message) tell(message);
      else resolve(message);
    });
    worker.on("error", reject);
    worker.on("exit", (code) => {
      reject(new Error(`The thread ended with the code ${code} and without a report.`));
    });
  });
}
