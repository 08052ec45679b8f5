import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { ownCode } from "../test/simulation/code.ts";
import { describeBroken, replay, SCENES, type Search } from "../test/simulation/exhaustive.ts";
import { searchAll } from "../test/simulation/search-threads.ts";
import type { SearchProgress, SearchReport } from "../test/simulation/search-worker.ts";
import { WORKLOADS } from "../test/simulation/workload.ts";
import { Misused } from "./misused.ts";

const PROGRESS_MS = 10_000;
const WORKLOADS_DEFAULT = ["plain", "checkout", "keyless"] as const;
const FAULTS_MAX = 4;

interface Task {
  readonly searches: readonly Search[];
  readonly minutes: number;
  readonly threads: number;
  readonly from: readonly number[] | undefined;
  readonly replay: readonly number[] | undefined;
}

function readTask(args: readonly string[]): Task {
  const text = { type: "string" } as const;
  const options = {
    ...{
      scene: text,
      workload: text,
      faults: text,
      lasting: text,
      minutes: text,
      threads: text,
      from: text,
      replay: text,
    },
  };
  const { values } = parseArgs({ args: [...args], options });
  const { scene, workload, faults = "2", lasting = faults, minutes = "60" } = values;
  const threads = values.threads ?? String(availableParallelism());
  const scenes = SCENES.filter((name) => scene === undefined || name === scene);
  const workloads = WORKLOADS.filter((name) =>
    workload === undefined ? WORKLOADS_DEFAULT.some((one) => one === name) : name === workload,
  );
  const searches = workloads.flatMap((name) =>
    scenes.map(
      (one): Search => ({
        scene: one,
        workload: name,
        faults: Number(faults),
        lasting: Number(lasting),
      }),
    ),
  );
  const [from, played] = [pathOf(values.from), pathOf(values.replay)];
  const one = from === undefined && played === undefined;
  const counts = [
    Number(faults),
    Number(lasting),
    Number(threads),
    ...(from ?? []),
    ...(played ?? []),
  ];
  const whole = counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  if (!whole || Number(faults) > FAULTS_MAX || !(Number(minutes) > 0) || threads === "0")
    throw new Misused("The numbers make no sense.");
  if (searches.length === 0 || !(one || searches.length === 1))
    throw new Misused("A path needs its one scene and workload.");
  return {
    ...{ searches, minutes: Number(minutes), threads: Number(threads), from, replay: played },
  };
}

function pathOf(text: string | undefined): readonly number[] | undefined {
  if (text === undefined) return undefined;
  return text === "-" ? [] : text.split(",").map(Number);
}

/** Tries everything in small worlds, or repeats one history. @returns the exit code */
export async function proveExhaustive(args: readonly string[]): Promise<number> {
  const task = readTask(args);
  const [first] = task.searches;
  if (task.replay && first) {
    const broken = await replay(ownCode, first, task.replay);
    console.log(describeBroken(first, broken));
    return broken.violations.length === 0 ? 0 : 1;
  }
  const end = Date.now() + task.minutes * 60_000;
  const levels = task.searches.flatMap((one) => (task.from ? [one] : levelsOf(one)));
  // What few faults break is told before the long searches for what more of them break.
  levels.sort((one, other) => one.faults - other.faults || lastingOf(one) - lastingOf(other));
  let isBroken = false;
  const tasks = levels.map((one) => ({
    ...one,
    ...{ from: task.from, endsAt: end, tellEveryMs: PROGRESS_MS, patience: 0 },
  }));
  await searchAll(tasks, task.threads, {
    progress: (one, progress) => console.log(`  ${nameOf(one)}: ${tellProgress(progress)}`),
    report(one, report) {
      tell(one, report);
      isBroken ||= report.shortest !== undefined;
      return isBroken;
    },
  });
  return isBroken ? 1 : 0;
}

/** Faults that last are searched last, because the schedules after them are the most. */
function levelsOf(task: Search): Search[] {
  const { faults: most } = task;
  return Array.from({ length: most + 1 }, (_, faults) =>
    [...new Set([0, Math.min(lastingOf(task), faults)])].map((lasting) => ({
      ...task,
      ...{ faults, lasting },
    })),
  ).flat();
}

function lastingOf({ faults, lasting = faults }: Search): number {
  return lasting;
}

function nameOf(task: Search): string {
  const { scene, workload, faults } = task;
  return `${scene}, ${workload}, up to ${faults} faults (${lastingOf(task)} lasting)`;
}

function tellProgress({ histories, pruned, at }: SearchProgress): string {
  return `${histories} histories, ${pruned} prefixes pruned, at ${at}`;
}

function tell(task: Search, report: SearchReport): void {
  const { histories, pruned, ends, violations, seconds, left, shortest, met } = report;
  const end = left === undefined ? "complete" : "NOT complete";
  const rate = Math.round((histories + pruned) / Math.max(seconds, 0.001));
  console.log(
    `${nameOf(task)}: ${end}: ${histories} histories, ${pruned} prefixes pruned, ` +
      `${ends.size} distinct ends, ${violations} violations, ${Math.round(seconds)} s (${rate}/s)`,
  );
  for (const [meeting, count] of [...met].sort()) console.log(`  ${meeting} ${count}`);
  if (shortest) console.log(shortest.text);
  else if (left !== undefined)
    console.log(
      `Go on with: npm run prove -- exhaustive --scene ${task.scene} ` +
        `--workload ${task.workload} --faults ${task.faults} --lasting ${lastingOf(task)} ` +
        `--from ${left === "" ? "-" : left}`,
    );
}
