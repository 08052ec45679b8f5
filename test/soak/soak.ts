import { fork } from "node:child_process";
import { once } from "node:events";
import type { Sample, SoakEnd } from "./soak-worker.ts";

export interface SoakOptions {
  /** memory, sqlite, or the URL of a Postgres database of its own. */
  readonly store: string;
  readonly operations: number;
  /** After each of them the process is looked at. */
  readonly rounds: number;
  readonly seed: number;
  readonly tell?: (sample: Sample) => void;
}

export interface Soaked extends SoakEnd {
  readonly samples: readonly Sample[];
}

const WORKER = new URL("./soak-worker.ts", import.meta.url);

/** So many operations in one process. @throws if it does not come to its end */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const { store, operations, rounds, seed, tell } = options;
  const child = fork(WORKER, [store, operations, rounds, seed].map(String), {
    execArgv: [...process.execArgv.filter((flag) => !flag.startsWith("--test")), "--expose-gc"],
  });
  const samples: Sample[] = [];
  let end: SoakEnd | undefined;
  child.on("message", (said: Sample | SoakEnd) => {
    if ("tally" in said) {
      end = said;
    } else {
      samples.push(said);
      tell?.(said);
    }
  });
  const kill = (): void => void child.kill();
  process.once("exit", kill);
  const [code, signal] = await once(child, "exit");
  process.off("exit", kill);
  if (end === undefined) throw new Error(`The soaked process ended with ${code ?? signal}.`);
  return { ...end, samples };
}

/** A line through points, and how far its slope may be off by the noise (two standard errors). */
export interface Trend {
  readonly slope: number;
  readonly noise: number;
}

/** The straight line of least squares. */
export function trendOf(points: readonly (readonly [number, number])[]): Trend {
  const count = points.length;
  const mean = (index: 0 | 1): number => points.reduce((sum, at) => sum + at[index], 0) / count;
  const [meanX, meanY] = [mean(0), mean(1)];
  const spread = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  const slope = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0) / spread;
  const rest = points.reduce((sum, [x, y]) => sum + (y - meanY - slope * (x - meanX)) ** 2, 0);
  return { slope, noise: 2 * Math.sqrt(rest / (count - 2) / spread) };
}

/** A growth of the heap that no user would ever see, in bytes for each operation. */
const GROWTH_MAX = 1;

export interface Judged {
  readonly heap: Trend;
  readonly buffers: Trend;
  readonly rss: Trend;
  readonly broken: readonly string[];
}

/** Judges the second half: the first one fills caches and compiles code. */
export function judge({ samples, tally, total }: Soaked): Judged {
  const half = samples.slice(Math.floor(samples.length / 2));
  const trend = (read: (sample: Sample) => number): Trend =>
    trendOf(half.map((sample) => [sample.operations, read(sample)]));
  const [heap, buffers] = [trend((one) => one.heapBytes), trend((one) => one.bufferBytes)];
  const broken = [...tally.wrong];
  const grows = ({ slope, noise }: Trend): boolean => slope + noise > GROWTH_MAX;
  if (grows(heap)) broken.push(`The heap may grow by ${text(heap)} bytes an operation.`);
  if (grows(buffers)) broken.push(`Buffers may grow by ${text(buffers)} bytes an operation.`);
  if (total !== tally.succeeded)
    broken.push(`${tally.succeeded} succeeded, and ${total} rows were written.`);
  const quarters = [half.slice(0, half.length / 2), half.slice(half.length / 2)] as const;
  for (const [what, read] of [["Handles", handlesOf] as const, ["Files", filesOf] as const]) {
    // Timers come and go: it grows if the fewest later on are more than the most before.
    const [most, fewest] = [Math.max(...quarters[0].map(read)), Math.min(...quarters[1].map(read))];
    if (fewest > most) broken.push(`${what} grew from ${most} to ${fewest}.`);
  }
  return { heap, buffers, rss: trend((one) => one.rssBytes), broken };
}

export function handlesOf({ resources }: Sample): number {
  return Object.values(resources).reduce((sum, count) => sum + count, 0);
}

const filesOf = ({ files = 0 }: Sample): number => files;

export function text({ slope, noise }: Trend): string {
  return `${slope.toFixed(3)} ± ${noise.toFixed(3)}`;
}
