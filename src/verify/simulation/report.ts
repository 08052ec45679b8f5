import { FAULTS, type FaultCounts } from "./fault.ts";
import type { History } from "./history.ts";
import type { Finding } from "./shortest.ts";

/** What a simulation came to. */
export interface SimulationReport {
  /** Whether nothing was violated. */
  readonly passed: boolean;
  readonly seed: number;
  /** How many histories were played. */
  readonly histories: number;
  /** How many operations clients asked for, and how they ended. */
  readonly operations: OperationCounts;
  /** The share of these operations that succeeded, from 0 to 1. */
  readonly successShare: number;
  /** How often each point met each fault: `faults["store.claim"]["lost-answer"]`. */
  readonly faults: FaultCounts;
  /** One for each promise that was broken. */
  readonly violations: readonly Violation[];
  /** All of it for a person. */
  readonly text: string;
}

export interface OperationCounts {
  readonly asked: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly inDoubt: number;
}

export interface Violation {
  /** What was promised. */
  readonly promise: string;
  readonly detail: string;
  /** The seed of the first history that broke it. */
  readonly seed: number;
  /** How many histories broke it. */
  readonly times: number;
  /** The shortest history that was found from there, a line for each thing that happened. */
  readonly history: string;
  /** How many faults it has. */
  readonly faults: number;
  /** The call that repeats it. */
  readonly again: string;
}

/** What is counted while histories are played. */
export interface Tally {
  histories: number;
  readonly operations: { asked: number; succeeded: number; failed: number; inDoubt: number };
  readonly met: FaultCounts;
  readonly violations: Map<string, Violation>;
}

export function createTally(): Tally {
  const operations = { asked: 0, succeeded: 0, failed: 0, inDoubt: 0 };
  return { histories: 0, operations, met: {}, violations: new Map() };
}

export function count({ operations, met }: Tally, history: History): void {
  for (const { state } of history.rest.operations) {
    operations.asked += 1;
    if (state === "succeeded") operations.succeeded += 1;
    if (state === "failed") operations.failed += 1;
    if (state === "in_doubt") operations.inDoubt += 1;
  }
  for (const [place, faults] of Object.entries(history.met)) {
    met[place] ??= {};
    for (const fault of FAULTS) {
      const times = faults[fault] ?? 0;
      if (times > 0) met[place][fault] = (met[place][fault] ?? 0) + times;
    }
  }
}

const UNREPEATED = [
  "It may not show it again: something is kept from one history to the next outside of `build` and",
  "`outside`, or is drawn from real time or chance.",
].join(" ");

/** @param repeats whether the same choices broke the promise again */
export function violationOf(
  seed: number,
  { history, broken }: Finding,
  repeats: boolean,
): Violation {
  const call = `simulate({ ...options, seed: ${seed}, histories: 1 })`;
  const again = repeats ? call : `${call}. ${UNREPEATED}`;
  return {
    ...broken,
    ...{ seed, again, times: 1, faults: history.faults },
    history: readable(history.trace).join("\n"),
  };
}

/** Without what every process does at its start, and with repetitions told once. */
function readable(trace: readonly string[]): string[] {
  const lines: { readonly line: string; readonly what: string; times: number }[] = [];
  for (const line of trace) {
    const what = line.replace(/^ *\d+ /, "");
    const last = lines.at(-1);
    if (/ store\.namespace$/.test(what)) continue;
    if (last?.what === what) last.times += 1;
    else lines.push({ line, what, times: 1 });
  }
  return lines.map(({ line, times }) => (times > 1 ? `${line}  (${times} times)` : line));
}

export function toReport(seed: number, tally: Tally): SimulationReport {
  const { histories, operations, met } = tally;
  const violations = [...tally.violations.values()];
  const { asked, succeeded } = operations;
  const numbers = {
    ...{ seed, histories, operations, faults: met, violations },
    passed: violations.length === 0,
    successShare: asked === 0 ? 0 : succeeded / asked,
  };
  return { ...numbers, text: textOf(numbers) };
}

function textOf(report: Omit<SimulationReport, "text">): string {
  const { histories, operations, faults, violations, seed } = report;
  const { asked, succeeded, failed, inDoubt } = operations;
  const rows = Object.entries(faults).toSorted(([a], [b]) => a.localeCompare(b));
  return [
    `${histories} histories from seed ${seed}; ${violations.length} promises broken`,
    `${asked} operations: ${succeeded} succeeded, ${failed} failed, ${inDoubt} in doubt`,
    ...rows.map(([place, counts]) => {
      const each = Object.entries(counts).map(([fault, times]) => `${fault} ${times}`);
      return `  ${place.padEnd(20)} ${each.join(", ")}`;
    }),
    ...violations.map(violationText),
  ].join("\n");
}

function violationText({ promise, detail, times, history, again }: Violation): string {
  const lines = history.split("\n").map((line) => `  ${line}`);
  return ["", `Broken in ${times}: ${promise}.`, detail, ...lines, `Repeat it with: ${again}`].join(
    "\n",
  );
}
