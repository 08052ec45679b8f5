import { mock } from "node:test";

/** Stands in for `node:test`, so that every test can run again and again in one process. */
export interface Test {
  readonly id: string;
  readonly file: string;
  run(): Promise<"passed" | "skipped">;
}

type Hook = () => unknown;
type Work = (context: Context) => unknown;
type Rest = readonly [Work?] | readonly [{ readonly skip?: unknown }, Work?];

/** The part of the runner's context that the project's tests use. */
interface Context {
  readonly name: string;
  readonly filePath: string;
  readonly signal: AbortSignal;
  after(hook: Hook): void;
  diagnostic(): void;
  skip(): void;
  test(name: string, ...rest: Rest): Promise<void>;
}

interface Group {
  readonly name: string;
  readonly before: Hook[];
}

const found: Test[] = [];
let file = "";
let groups: readonly Group[] = [];

/** Loads the tests of one file, once. */
export async function collect(path: string, url: string): Promise<readonly Test[]> {
  file = path;
  groups = [{ name: path, before: [] }];
  const first = found.length;
  await import(url);
  return found.slice(first);
}

function declare(name: string, ...rest: Rest): void {
  const { skip, work } = parted(rest);
  const [around, path] = [groups, file];
  const full = [...around.map((one) => one.name), name].join(" > ");
  const twins = found.filter(({ id }) => id === full || id.startsWith(`${full} (`)).length;
  const run = async (): Promise<"passed" | "skipped"> => {
    if (skip || work === undefined) return "skipped";
    for (const { before: hooks } of around) for (const hook of hooks.splice(0)) await hook();
    return perform(name, path, work);
  };
  found.push({ id: twins === 0 ? full : `${full} (${twins + 1})`, file: path, run });
}

export function describe(name: string, ...rest: readonly [...unknown[], () => void]): void {
  const outer = groups;
  groups = [...outer, { name, before: [] }];
  const declare = rest.at(-1);
  if (typeof declare === "function") declare();
  groups = outer;
}

export function before(hook: Hook): void {
  groups.at(-1)?.before.push(hook);
}

/** What a file closes after its tests stays open here, because its tests run again. */
export function after(): void {}

/** As in the runner's own, the hooks hang on the function too. */
export const test = Object.assign(declare, { before, after });

export { mock };

function parted(rest: Rest): { readonly skip: boolean; readonly work: Work | undefined } {
  const [first, second] = rest;
  if (typeof first === "function") return { skip: false, work: first };
  return { skip: first?.skip !== undefined && first.skip !== false, work: second };
}

async function perform(name: string, path: string, work: Work): Promise<"passed" | "skipped"> {
  const hooks: Hook[] = [];
  const stop = new AbortController();
  let skipped = false;
  try {
    await work({
      name,
      filePath: path,
      signal: stop.signal,
      after: (hook) => void hooks.push(hook),
      diagnostic: () => {},
      skip: () => {
        skipped = true;
      },
      test: async (inner, ...rest) => {
        const { skip, work: part } = parted(rest);
        if (!skip && part !== undefined) await perform(inner, path, part);
      },
    });
  } finally {
    stop.abort();
    for (const hook of hooks) await hook();
  }
  return skipped ? "skipped" : "passed";
}
