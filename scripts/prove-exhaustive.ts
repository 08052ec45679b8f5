import { parseArgs } from "node:util";
import { ownCode } from "../test/simulation/code.ts";
import {
  createFound,
  describeBroken,
  replay,
  SCENES,
  type Search,
  search,
} from "../test/simulation/exhaustive.ts";
import { createTree } from "../test/simulation/tree.ts";
import { WORKLOADS } from "../test/simulation/workload.ts";

const USAGE =
  "npm run prove -- exhaustive [--scene duplicate|worker] [--workload plain] [--faults 2] " +
  "[--lasting 2] [--minutes 60] [--from 0,1,0] [--replay 0,1,0]";
const PROGRESS_MS = 10_000;
const WORKLOADS_DEFAULT = ["plain", "checkout", "keyless"] as const;
const FAULTS_MAX = 4;

interface Task {
  readonly searches: readonly Search[];
  readonly minutes: number;
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
      from: text,
      replay: text,
    },
  };
  const { values } = parseArgs({ args: [...args], options });
  const { scene, workload, faults = "2", lasting = faults, minutes = "60" } = values;
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
  const counts = [Number(faults), Number(lasting), ...(from ?? []), ...(played ?? [])];
  const whole = counts.every((count) => Number.isSafeInteger(count) && count >= 0);
  if (!whole || Number(faults) > FAULTS_MAX || !(Number(minutes) > 0))
    throw new Error(`The numbers make no sense. Usage: ${USAGE}`);
  if (searches.length === 0 || !(one || searches.length === 1))
    throw new Error(`A path needs its one scene and workload. Usage: ${USAGE}`);
  return { searches, minutes: Number(minutes), from, replay: played };
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
  const end = performance.now() + task.minutes * 60_000;
  for (const one of task.searches) {
    for (const level of task.from ? [one] : levelsOf(one))
      if (!(await prove(level, task.from, end))) return 1;
  }
  return 0;
}

/**
 * What few faults break is told before the long search for what more of them break, and pauses are
 * last, because the schedules after them are the most.
 */
function levelsOf(task: Search): Search[] {
  const { faults: most, lasting = most } = task;
  return Array.from({ length: most + 1 }, (_, faults) =>
    Array.from({ length: Math.min(lasting, faults) + 1 }, (__, few) => ({
      ...task,
      ...{ faults, lasting: few },
    })),
  ).flat();
}

/** @returns whether no promise was broken */
async function prove(
  task: Search,
  from: readonly number[] | undefined,
  end: number,
): Promise<boolean> {
  const { scene, workload, faults, lasting } = task;
  const name = `${scene}, ${workload}, up to ${faults} faults (${lasting} lasting)`;
  const start = performance.now();
  const found = createFound();
  let told = start;
  let left: string | undefined;
  const counts = (): string => {
    const seconds = Math.round((performance.now() - start) / 1_000);
    const { histories, pruned, ends, violations } = found;
    return (
      `${histories} histories, ${pruned} prefixes pruned, ${ends.size} distinct ends, ` +
      `${violations} violations, ${seconds} s`
    );
  };
  const isEnough: Parameters<typeof search>[3] = (tree) => {
    const now = performance.now();
    const path = tree.path.join();
    if (now - told >= PROGRESS_MS) {
      told = now;
      console.log(`  ${counts()}, at ${path}`);
    }
    if (now < end && found.shortest === undefined) return false;
    left = path;
    return true;
  };
  await search(ownCode, task, found, isEnough, createTree(from));
  console.log(`${name}: ${left === undefined ? "complete" : "NOT complete"}: ${counts()}`);
  for (const [meeting, count] of [...found.met].sort()) console.log(`  ${meeting} ${count}`);
  if (found.shortest) console.log(describeBroken(task, found.shortest));
  else if (left !== undefined)
    console.log(
      `Go on with: npm run prove -- exhaustive --scene ${task.scene} ` +
        `--workload ${task.workload} --faults ${task.faults} --lasting ${task.lasting} --from ${left}`,
    );
  return found.shortest === undefined;
}
