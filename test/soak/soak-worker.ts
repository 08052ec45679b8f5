import { readdirSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setImmediate as turn } from "node:timers/promises";
import { openGround } from "./ground.ts";
import { openLoad, type Tally } from "./load.ts";

/** The state of the process after a round, when nothing is under way. */
export interface Sample {
  readonly operations: number;
  readonly ms: number;
  readonly heapBytes: number;
  /** Outside of the heap: buffers. */
  readonly bufferBytes: number;
  readonly rssBytes: number;
  readonly resources: Readonly<Record<string, number>>;
  /** Undefined where the machine has no list of them. */
  readonly files: number | undefined;
  /** The longest turn of the event loop in the round, in milliseconds. */
  readonly turnMs: number;
}

export interface SoakEnd {
  readonly tally: Tally;
  /** What the user's own rows add up to. */
  readonly total: number;
}

/** Turns of the event loop that let go what a round has left. */
const TURNS = 5;

const [store = "", operations = "", rounds = "", seed = ""] = process.argv.slice(2);
const collect = (globalThis as { gc?: () => void }).gc;
if (collect === undefined) throw new Error("This process is to be started with --expose-gc.");

const ground = await openGround(store);
const load = openLoad(ground, Number(seed));
const delay = monitorEventLoopDelay({ resolution: 10 });
const began = performance.now();
delay.enable();

for (let round = 0; round < Number(rounds); round += 1) {
  delay.reset();
  await load.round(Number(operations) / Number(rounds));
  const turnMs = delay.max / 1e6;
  for (let count = 0; count < TURNS; count += 1) await turn();
  collect();
  collect();
  const { heapUsed, external, rss } = process.memoryUsage();
  const sample: Sample = {
    ...{ operations: load.tally.operations, ms: performance.now() - began, turnMs },
    ...{ heapBytes: heapUsed, bufferBytes: external, rssBytes: rss },
    ...{ resources: counts(process.getActiveResourcesInfo()), files: openFiles() },
  };
  process.send?.(sample);
}
delay.disable();
const end: SoakEnd = { tally: load.tally, total: await ground.total() };
await load.close();
await ground.close();
process.send?.(end);
process.disconnect();

function counts(names: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const name of names) found[name] = (found[name] ?? 0) + 1;
  return found;
}

function openFiles(): number | undefined {
  try {
    return readdirSync("/proc/self/fd").length;
  } catch {
    return undefined;
  }
}
