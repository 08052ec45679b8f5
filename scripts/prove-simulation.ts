import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { describe } from "../test/simulation/campaign.ts";
import { check } from "../test/simulation/checker.ts";
import { ownCode } from "../test/simulation/code.ts";
import { belowFloor, listOf, missed, table } from "../test/simulation/coverage.ts";
import { type Explored, exploreRange, type Range } from "../test/simulation/explorer.ts";
import { appendToLedger, sumLedger, tellLedger } from "../test/simulation/ledger.ts";
import { loadNext } from "../test/simulation/next-release.ts";
import { DRIVERS, simulate } from "../test/simulation/simulation.ts";
import {
  BACKWARD_WORKLOADS,
  COMPOSED_WORKLOADS,
  PLANNED_WORKLOADS,
  VENDOR_WORKLOADS,
  WEBHOOK_WORKLOADS,
  WORKLOADS,
  type WorkloadName,
} from "../test/simulation/workload.ts";
import { Misused } from "./misused.ts";

const MINUTES_DEFAULT = 1;
const PROGRESS_MS = 10_000;

interface Task extends Range {
  /** Where each run is noted, with its commit. */
  readonly ledger: string | undefined;
}

function readTask(args: readonly string[]): Task {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string" },
      seed: { type: "string" },
      histories: { type: "string" },
      driver: { type: "string" },
      workloads: { type: "string" },
      failover: { type: "boolean" },
      relays: { type: "boolean" },
      next: { type: "boolean" },
      threads: { type: "string" },
      ledger: { type: "string" },
    },
  });
  const unlimited = String(Number.MAX_SAFE_INTEGER);
  const { histories = unlimited, seed = String(Date.now() % 1_000_000_000) } = values;
  const minutes = values.minutes ?? (values.histories ? unlimited : String(MINUTES_DEFAULT));
  const driver = DRIVERS.find((name) => name === values.driver);
  const workloads = values.workloads?.split(",").map((name) => workloadNamed(name));
  const { ledger, threads = String(availableParallelism()) } = values;
  const task = {
    ...{ seed: Number(seed), minutes: Number(minutes), histories: Number(histories), driver },
    ...{ workloads, failover: values.failover, relays: values.relays, next: values.next },
    ...{ threads: Number(threads), ledger },
  };
  if (driver !== values.driver) throw new Misused("The driver is not known.");
  const whole = [task.seed, task.histories, task.threads].every(Number.isSafeInteger);
  const positive = [task.minutes, task.histories, task.threads].every((count) => count > 0);
  if (!whole || !positive) throw new Misused("The numbers make no sense.");
  return task;
}

function workloadNamed(name: string): WorkloadName {
  const all = [
    ...[...WORKLOADS, ...VENDOR_WORKLOADS, ...WEBHOOK_WORKLOADS],
    ...[...BACKWARD_WORKLOADS, ...COMPOSED_WORKLOADS, ...PLANNED_WORKLOADS],
  ];
  const known = all.find((one) => one === name);
  if (known === undefined) throw new Misused(`There is no workload "${name}".`);
  return known;
}

/** Prints one history whole, whether or not it breaks something. */
async function show(task: Task): Promise<number> {
  const code = task.next ? { ...ownCode, next: await loadNext("thread-0") } : ownCode;
  const { history } = await simulate(code, task.seed, { ...task, strict: true });
  const violations = check(history);
  console.log(describe({ history, violations }, task));
  console.log(violations.length === 0 ? "It breaks nothing." : "It breaks a promise.");
  return violations.length === 0 ? 0 : 1;
}

/** Explores simulated histories of new seeds, or prints one. @returns the exit code */
export async function proveSimulation(args: readonly string[]): Promise<number> {
  const task = readTask(args);
  if (task.histories === 1) return show(task);
  const start = performance.now();
  let told = start;
  const seconds = (): number => (performance.now() - start) / 1_000;
  console.log(`Seeds from ${task.seed} on, in ${task.threads} threads.`);
  const explored = await exploreRange(task, ({ histories }) => {
    if (performance.now() - told < PROGRESS_MS) return;
    told = performance.now();
    console.log(`${histories} histories, ${rate(histories, seconds())}, no violation`);
  });
  tell(task, explored, seconds());
  if (task.ledger !== undefined) keep(task.ledger, task, explored, seconds());
  return explored.found === undefined ? 0 : 1;
}

function rate(histories: number, seconds: number): string {
  return `${Math.round(histories / seconds)} a second`;
}

function tell({ workloads }: Task, { campaign, found }: Explored, seconds: number): void {
  if (found !== undefined) {
    console.log(found);
    return;
  }
  const list = listOf(workloads);
  console.log(table(campaign, list));
  const unseen = missed(campaign, list);
  if (unseen.length > 0) console.log(`Never met: ${unseen.join(", ")}`);
  const low = belowFloor(campaign, workloads);
  if (low.length > 0) console.log(`Too few outcomes: ${low.join(", ")}`);
  const { histories, faults } = campaign;
  console.log(
    `${histories} histories, ${faults} faults, ${rate(histories, seconds)}, no violation`,
  );
}

function keep(file: string, { seed }: Task, { campaign, found }: Explored, seconds: number): void {
  const { histories, faults } = campaign;
  const violations = found === undefined ? 0 : 1;
  appendToLedger(file, { commit: commit(), seed, histories, faults, violations, seconds });
  console.log(`${file}:\n${tellLedger(sumLedger(file))}`);
}

/** The revision that runs here, with a plus sign if a file of it was changed. */
function commit(): string {
  const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
  const changed = git("status", "--porcelain", "--untracked-files=no") !== "";
  return `${git("rev-parse", "--short=12", "HEAD")}${changed ? "+" : ""}`;
}
