import { appendFileSync, existsSync, readFileSync } from "node:fs";

/** What one run of a proof came to, as one line of JSON. */
export interface LedgerLine {
  /** The revision that was run, with a plus sign where files differ from it. */
  readonly commit: string;
  readonly seed: number;
  readonly histories: number;
  readonly faults: number;
  readonly violations: number;
  readonly seconds: number;
}

export interface LedgerSum {
  readonly commit: string;
  runs: number;
  histories: number;
  faults: number;
  violations: number;
  seconds: number;
}

/** Adds a line and keeps all that stand there. */
export function appendToLedger(file: string, line: LedgerLine): void {
  appendFileSync(file, `${JSON.stringify(line)}\n`);
}

/** The sums of each commit, in the order in which they came. @throws at a line that is none */
export function sumLedger(file: string): LedgerSum[] {
  const sums = new Map<string, LedgerSum>();
  const lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
  for (const [index, text] of lines.entries()) {
    if (text === "") continue;
    const line = readLine(text);
    if (line === undefined) throw new Error(`Line ${index + 1} of the ledger cannot be read.`);
    const { commit } = line;
    const sum = sums.get(commit) ?? {
      ...{ commit, runs: 0, histories: 0, faults: 0, violations: 0, seconds: 0 },
    };
    sum.runs += 1;
    for (const name of COUNTS) sum[name] += line[name];
    sums.set(commit, sum);
  }
  return [...sums.values()];
}

const COUNTS = ["histories", "faults", "violations", "seconds"] as const;

function readLine(text: string): LedgerLine | undefined {
  try {
    const line = JSON.parse(text) as LedgerLine;
    const counted = COUNTS.every((name) => Number.isFinite(line[name]) && line[name] >= 0);
    return typeof line.commit === "string" && counted ? line : undefined;
  } catch {
    return undefined;
  }
}

/** The ledger in words, one line a commit and one for all of them. */
export function tellLedger(sums: readonly LedgerSum[]): string {
  const total = { commit: "all", runs: 0, histories: 0, faults: 0, violations: 0, seconds: 0 };
  for (const sum of sums) {
    total.runs += sum.runs;
    for (const name of COUNTS) total[name] += sum[name];
  }
  return [...sums, total]
    .map(
      ({ commit, runs, histories, faults, violations, seconds }) =>
        `${commit.padEnd(13)} ${runs} runs, ${histories} histories, ${faults} faults, ` +
        `${violations} violations, ${Math.round(seconds)} s`,
    )
    .join("\n");
}
