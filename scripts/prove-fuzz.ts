import { parseArgs } from "node:util";
import { errorOf, type Finding, fuzz } from "../test/fuzz/run.ts";
import type { Target } from "../test/fuzz/target.ts";
import { TARGETS } from "../test/fuzz/targets.ts";
import { Misused } from "./misused.ts";

/** Feeds hostile input to whatever reads it, and checks what came of it. @returns the exit code */
export async function proveFuzz(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      minutes: { type: "string", default: "1" },
      seed: { type: "string", default: "1" },
      target: { type: "string" },
      input: { type: "string" },
    },
  });
  const [minutes, seed] = [Number(values.minutes), Number(values.seed)];
  const targets = TARGETS.filter(({ name }) => [undefined, name].includes(values.target));
  if (!(minutes > 0) || !Number.isSafeInteger(seed) || targets.length === 0) {
    throw new Misused(
      `The numbers make no sense, or nothing has that name. The targets are: ${TARGETS.map(({ name }) => name).join(", ")}.`,
    );
  }
  const [first] = targets;
  if (values.input !== undefined && first !== undefined) return again(first, values.input);
  return all(targets, seed, (minutes * 60_000) / targets.length);
}

async function all(targets: readonly Target[], seed: number, ms: number): Promise<number> {
  const findings: Finding[] = [];
  let [executions, coreMs] = [0, 0];
  console.log(`Seed ${seed}, ${(ms / 1_000).toFixed(1)} s for each target.\n`);
  console.log("| target | executions | a second of one core | findings |");
  console.log("|---|---|---|---|");
  for (const target of targets) {
    const run = await fuzz(target, seed, { ms });
    executions += run.executions;
    coreMs += run.coreMs;
    if (run.finding !== undefined) findings.push(run.finding);
    console.log(row(target.name, run.executions, run.coreMs, run.finding ? 1 : 0));
  }
  console.log(row("all", executions, coreMs, findings.length));
  for (const finding of findings) tell(finding);
  return findings.length === 0 ? 0 : 1;
}

function row(name: string, executions: number, coreMs: number, findings: number): string {
  const rate = Math.round((executions / coreMs) * 1_000);
  return `| ${name} | ${executions} | ${rate} | ${findings} |`;
}

function tell({ target, seed, index, input, error }: Finding): void {
  const hex = Buffer.from(input).toString("hex");
  console.log(`\nThe property of ${target} is broken by execution ${index} of the seed ${seed}:`);
  console.log(error);
  console.log(`\nRepeat it with:\nnpm run prove -- fuzz --target ${target} --input ${hex}`);
}

/** One input once more. */
async function again(target: Target, hex: string): Promise<number> {
  const error = await errorOf(target, target.fromBytes(Buffer.from(hex, "hex")));
  console.log(error ?? `The property of ${target.name} holds.`);
  return error === undefined ? 0 : 1;
}
