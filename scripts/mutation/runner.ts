import { registerHooks } from "node:module";
import { basename, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { InstrumenterContext, StrykerOptions } from "@stryker-mutator/api/core";
import { commonTokens, declareClassPlugin, PluginKind, tokens } from "@stryker-mutator/api/plugin";
import {
  type DryRunResult,
  DryRunStatus,
  determineHitLimitReached,
  type MutantRunOptions,
  type MutantRunResult,
  type TestResult,
  type TestRunner,
  TestStatus,
  toMutantRunResult,
} from "@stryker-mutator/api/test-runner";
import { collect, type Test } from "./tests.ts";

/** What the mutated sources look at: which mutant is on, and which test is running. */
const space: InstrumenterContext = {};
Object.assign(globalThis, { __stryker__: space });

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === "node:test" && context.parentURL?.includes("/test/")
      ? { url: new URL("./tests.ts", import.meta.url).href, shortCircuit: true }
      : next(specifier, context),
});

/** What nobody has caught fails the test that is running, as it would with Node's own runner. */
const strays: unknown[] = [];
for (const name of ["unhandledRejection", "uncaughtException"] as const)
  process.on(name, (error: unknown) => strays.push(error));

/** What stands under `hot` in the options. */
interface HotOptions {
  readonly hot: {
    /** The test files, relative to the root of the project. */
    readonly files: readonly string[];
    /** A test whose name holds one of these is left out. */
    readonly without: readonly string[];
    /** By a part of a test's name: the only file whose mutants it runs for. */
    readonly own: Readonly<Record<string, string>>;
    /** How long a test may take at most, in milliseconds; Stryker knows only all of them. */
    readonly testMs?: number;
  };
}

/**
 * Runs tests in the process that holds the mutated sources, and only those that reach a mutant:
 * a process for each file and mutant costs a hundred times as much.
 */
class HotRunner implements TestRunner {
  static readonly inject = tokens(commonTokens.options);
  readonly files: readonly string[];
  readonly without: readonly string[];
  readonly own: readonly (readonly [string, string])[];
  readonly testMs: number | undefined;
  readonly #loaded = new Map<string, readonly Test[]>();
  #begun = 0;

  constructor(options: StrykerOptions) {
    const { hot } = options as unknown as HotOptions;
    this.files = hot.files;
    this.without = hot.without;
    this.own = Object.entries(hot.own);
    this.testMs = hot.testMs;
  }

  capabilities(): { reloadEnvironment: boolean } {
    return { reloadEnvironment: false };
  }

  async dryRun(): Promise<DryRunResult> {
    // Whatever runs while files load belongs to no test.
    for (const file of this.files) await this.#load(file);
    const tests: TestResult[] = [];
    for (const loaded of this.#loaded.values())
      for (const test of loaded) {
        space.currentTestId = test.id;
        tests.push(await resultOf(test));
        delete space.currentTestId;
      }
    const { mutantCoverage } = space;
    const coverage = mutantCoverage === undefined ? {} : { mutantCoverage };
    return { status: DryRunStatus.Complete, tests, ...coverage };
  }

  async mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    try {
      return await this.#mutantRun(options);
    } finally {
      delete space.activeMutant;
    }
  }

  async #mutantRun(options: MutantRunOptions): Promise<MutantRunResult> {
    const tests: TestResult[] = [];
    this.#begun += 1;
    const { hitLimit, testFilter } = options;
    const filter = testFilter === undefined ? undefined : new Set(testFilter);
    // A mutant of what runs while files load must be on before the first of them.
    if (options.mutantActivation === "static") arm(options);
    for (const file of nearFirst(this.files, options.sandboxFileName)) {
      if (testFilter?.some((id) => id.startsWith(`${file} > `)) === false) continue;
      const loaded = await this.#load(file).catch((error: unknown) => failed(file, 0, error));
      if ("status" in loaded) {
        tests.push(loaded);
        break;
      }
      arm(options);
      for (const test of loaded) {
        if (filter?.has(test.id) === false || this.#isOthers(test, options)) continue;
        const result = await this.#inTime(resultOf(test));
        const limit = determineHitLimitReached(space.hitCount, hitLimit);
        if (limit !== undefined) return toMutantRunResult(limit);
        if (result === undefined)
          return toMutantRunResult({ status: DryRunStatus.Timeout, reason: test.id });
        // A new process takes over, in which nothing that a mutant did is left.
        if (this.#begun > 1 && (await isSpoilt(test, result)))
          throw new Error("A mutant left a trace.");
        tests.push(result);
        if (result.status === TestStatus.Failed)
          return toMutantRunResult({ status: DryRunStatus.Complete, tests });
      }
    }
    return toMutantRunResult({ status: DryRunStatus.Complete, tests });
  }

  async #inTime(result: Promise<TestResult>): Promise<TestResult | undefined> {
    if (this.testMs === undefined) return result;
    const stop = new AbortController();
    const end = setTimeout(this.testMs, undefined, { signal: stop.signal }).catch(() => undefined);
    try {
      return await Promise.race([result, end]);
    } finally {
      stop.abort();
    }
  }

  #isOthers({ id }: Test, { sandboxFileName }: MutantRunOptions): boolean {
    return this.own.some(([part, file]) => id.includes(part) && !sandboxFileName.endsWith(file));
  }

  async #load(file: string): Promise<readonly Test[]> {
    const known = this.#loaded.get(file);
    if (known !== undefined) return known;
    const all = await collect(file, pathToFileURL(join(process.cwd(), file)).href);
    const tests = all.filter(({ id }) => !this.without.some((part) => id.includes(part)));
    this.#loaded.set(file, tests);
    return tests;
  }
}

function arm({ activeMutant, hitLimit }: MutantRunOptions): void {
  space.activeMutant = activeMutant.id;
  delete space.hitCount;
  delete space.hitLimit;
  if (hitLimit !== undefined) Object.assign(space, { hitLimit, hitCount: 0 });
}

/** What fails without the mutant too may fail for what an earlier mutant left behind. */
async function isSpoilt(test: Test, { status }: TestResult): Promise<boolean> {
  if (status !== TestStatus.Failed) return false;
  delete space.activeMutant;
  return (await resultOf(test)).status === TestStatus.Failed;
}

async function resultOf(test: Test): Promise<TestResult> {
  const start = performance.now();
  strays.length = 0;
  try {
    const end = await test.run();
    await new Promise((resolve) => void setImmediate(resolve));
    if (strays.length > 0) throw strays[0];
    const { id, file } = test;
    const status = end === "skipped" ? TestStatus.Skipped : TestStatus.Success;
    return { id, name: id, fileName: file, timeSpentMs: performance.now() - start, status };
  } catch (error) {
    return failed(test.id, performance.now() - start, error);
  }
}

function failed(id: string, timeSpentMs: number, error: unknown): TestResult {
  const failureMessage = String(error).slice(0, 500);
  return { id, name: id, timeSpentMs, status: TestStatus.Failed, failureMessage };
}

/** The tests that carry the name of the mutated file are the first to find out. */
function nearFirst(files: readonly string[], mutated: string): readonly string[] {
  const noun = basename(mutated, ".ts");
  const isNear = (file: string): boolean => {
    const name = basename(file, ".test.ts");
    return name.startsWith(noun) || name.endsWith(`-${noun}`);
  };
  return [...files.filter(isNear), ...files.filter((file) => !isNear(file))];
}

/** What Stryker finds in a plugin. */
export const strykerPlugins: readonly unknown[] = [
  declareClassPlugin(PluginKind.TestRunner, "hot", HotRunner),
];
