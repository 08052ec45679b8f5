import { Worker } from "node:worker_threads";
import { type Campaign, createCampaign, type Drawing, merge } from "./campaign.ts";

/** The part of a range of seeds that one thread explores. */
export interface Share extends Drawing {
  /** Its first seed, and how far the next one is. */
  readonly seed: number;
  readonly stride: number;
  readonly histories: number;
  readonly minutes: number;
}

/** What a thread has come to. */
export interface Progress {
  readonly campaign: Campaign;
  /** What it found, told for a person. */
  readonly found: string | undefined;
  readonly ended: boolean;
}

export interface Range extends Drawing {
  readonly seed: number;
  readonly histories: number;
  readonly minutes: number;
  readonly threads: number;
}

export interface Explored {
  readonly campaign: Campaign;
  readonly found: string | undefined;
}

/**
 * Explores a range of seeds in several threads, each of which takes every so manieth of them.
 *
 * @param tell is called with all that was explored so far, whenever a thread reports
 */
export async function exploreRange(
  { seed, histories, minutes, threads, ...drawing }: Range,
  tell: (campaign: Campaign) => void,
): Promise<Explored> {
  const parts = new Map<number, Campaign>();
  const sum = (): Campaign => merge(createCampaign(drawing.driver), [...parts.values()]);
  const workers: Worker[] = [];
  const run = (index: number): Promise<string | undefined> =>
    new Promise((resolve, reject) => {
      const count = Math.ceil((histories - index) / threads);
      const share: Share = {
        ...{ seed: seed + index, stride: threads, histories: count, minutes, ...drawing },
      };
      const file = new URL("./explorer-worker.ts", import.meta.url);
      const worker = new Worker(file, { workerData: share });
      workers.push(worker);
      worker.on("message", ({ campaign, found, ended }: Progress) => {
        parts.set(index, campaign);
        tell(sum());
        if (found !== undefined || ended) resolve(found);
      });
      worker.on("error", reject);
      worker.on("exit", () => resolve(undefined));
    });
  const runs = Array.from({ length: Math.min(threads, histories) }, (_, index) => run(index));
  // The first finding ends the search; who finds nothing goes on to its end.
  const finding = Promise.race(
    runs.map(async (one) => (await one) ?? (await new Promise<string>(() => undefined))),
  );
  const whole = Promise.all(runs).then((all) => all.find((found) => found !== undefined));
  const found = await Promise.race([finding, whole]);
  await Promise.all(workers.map((worker) => worker.terminate()));
  return { campaign: sum(), found };
}
