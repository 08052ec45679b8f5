import { parseArgs } from "node:util";
import { handlesOf, judge, type Soaked, soak, text } from "../test/soak/soak.ts";
import type { Sample } from "../test/soak/soak-worker.ts";
import { openGround } from "./ground.ts";
import { Misused } from "./misused.ts";

const STORES = ["memory", "sqlite", "postgres"];
const PROGRESS_MS = 10_000;
/** A line is fitted through the second half of the rounds. */
const ROUNDS_LEAST = 8;
const SHOWN = 10;

/** Very many operations in one process, whose memory stays flat. @returns the exit code */
export async function proveSoak(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      store: { type: "string" },
      operations: { type: "string", default: "1000000" },
      rounds: { type: "string", default: "200" },
      seed: { type: "string", default: "1" },
    },
  });
  const numbers = [values.operations, values.rounds, values.seed].map(Number);
  const [operations = 0, rounds = 0, seed = -1] = numbers;
  const stores = STORES.filter((name) => values.store === undefined || name === values.store);
  if (stores.length === 0 || !(rounds >= ROUNDS_LEAST && operations >= rounds && seed >= 0))
    throw new Misused("This makes no sense.");
  let code = 0;
  for (const name of stores) {
    const tell = teller(name);
    const right = await over(name, async (store) =>
      report(name, await soak({ store, operations, rounds, seed, tell })),
    );
    if (!right) code = 1;
  }
  return code;
}

/** A server where the store needs one; what the machine has not got is skipped. */
async function over(name: string, run: (store: string) => Promise<boolean>): Promise<boolean> {
  if (name !== "postgres") return run(name);
  const ground = await openGround(name);
  if (ground === undefined) return true;
  try {
    return await run((await ground.database()) ?? name);
  } finally {
    await ground.close();
  }
}

function teller(name: string): (sample: Sample) => void {
  let told = 0;
  return ({ ms, operations, heapBytes }) => {
    if (ms - told < PROGRESS_MS) return;
    told = ms;
    console.log(`${name}: ${operations} operations, heap ${mib(heapBytes)} MiB`);
  };
}

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2);

/** @returns whether nothing grew, and nothing was wrong */
function report(name: string, soaked: Soaked): boolean {
  const { samples, tally } = soaked;
  const headings = ["operations", "heap MiB", "buffers", "RSS", "handles", "files", "longest turn"];
  const step = Math.ceil(samples.length / SHOWN);
  const rows = samples.filter((_, index) => (index + 1) % step === 0 || index === 0);
  console.log(`\n| ${name} ${headings.join(" | ")} |\n|${" --- |".repeat(headings.length)}`);
  for (const sample of rows) console.log(`| ${cellsOf(sample).join(" | ")} |`);
  const { heap, buffers, rss, broken } = judge(soaked);
  const seconds = (samples.at(-1)?.ms ?? 0) / 1_000;
  const { operations, first, failed, thrown, duplicates } = tally;
  const lines = [
    `${name}: ${operations} operations in ${Math.round(seconds)} s`,
    `${first} first (${failed} failed, ${thrown} thrown once), ${duplicates} duplicates`,
    `${tally.sends} sends, ${tally.pruned} keys pruned, ${tally.unanswered} answers came too late`,
    `rows written ${soaked.total}, succeeded ${tally.succeeded}`,
    `bytes an operation in the second half: heap ${text(heap)}, buffers ${text(buffers)}`,
    `RSS ${text(rss)}; handles at the end ${JSON.stringify(samples.at(-1)?.resources)}`,
  ];
  console.log(`\n${lines.join(".\n")}.`);
  for (const line of broken) console.log(line);
  console.log(broken.length === 0 ? `${name}: flat.` : `${name}: not flat.`);
  return broken.length === 0;
}

function cellsOf(sample: Sample): (string | number)[] {
  const { operations, heapBytes, bufferBytes, rssBytes, files = "", turnMs } = sample;
  return [
    ...[operations, mib(heapBytes), mib(bufferBytes), mib(rssBytes)],
    ...[handlesOf(sample), files, `${turnMs.toFixed(0)} ms`],
  ];
}
