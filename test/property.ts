import { relative } from "node:path";
import { test } from "node:test";
import fc from "fast-check";

const SEED = "NEVERTWICE_SEED";
const PATH = "NEVERTWICE_PATH";

/** A failure prints the smallest counterexample and the command that repeats it. */
export function testProperty<T>(name: string, property: fc.IRawProperty<T>): void {
  test(name, async (t) => {
    const file = relative(process.cwd(), t.filePath ?? "");
    const { [SEED]: seed, [PATH]: path } = process.env;
    const details = await fc.check(property, {
      numRuns: 300,
      ...(seed === undefined ? {} : { seed: Number(seed) }),
      ...(path === undefined ? {} : { path }),
    });
    if (details.failed)
      throw new Error(`${fc.defaultReportMessage(details)}\n\n${repeat(details, file, name)}`);
  });
}

function repeat<T>(details: fc.RunDetails<T>, file: string, name: string): string {
  const path = details.counterexamplePath;
  const environment = `${SEED}=${details.seed}${path === null ? "" : ` ${PATH}=${path}`}`;
  const pattern = name.replaceAll(/[^A-Za-z0-9 ]/g, ".");
  const command = `node --conditions=source --test --test-name-pattern='^${pattern}$' ${file}`;
  return `Repeat it with:\n${environment} ${command}`;
}
