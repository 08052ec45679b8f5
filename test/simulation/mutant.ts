import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Code } from "./code.ts";
import type { Aim } from "./plan.ts";

/** One textual change; the text before it stands in its file exactly once. */
export interface Patch {
  readonly file: string;
  readonly before: string;
  readonly after: string;
}

/**
 * A version of the protocol with one promise broken, to see that the simulation notices; aimed
 * where it shows, if few operations can show it.
 */
export interface Mutant extends Aim {
  readonly name: string;
  readonly patches: readonly Patch[];
}

const ROOT = join(import.meta.dirname, "..", "..");
/** The same in each run, so that what was compiled of a copy is found again. */
const SHELVES = join(ROOT, ".tmp", "mutants");

/** Whose copies they are: another test file may clear its own meanwhile. */
export type Shelf = "simulation" | "search" | "next" | `thread-${number}`;

/** A patch of one file under src. */
export function patch(file: string, before: string, after: string): Patch {
  return { file, before, after };
}

/** Copies the sources, breaks the copy as the mutant says, and loads it. */
export async function loadMutant({ name, patches }: Mutant, shelf: Shelf): Promise<Code> {
  const folder = join(SHELVES, shelf, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const part of ["model", "core", "stores", "store.ts"])
    cpSync(join(ROOT, "src", part), join(folder, "src", part), { recursive: true });
  for (const { file, before, after } of patches) {
    const path = join(folder, "src", file);
    const text = readFileSync(path, "utf8");
    const times = text.split(before).length - 1;
    if (times !== 1)
      throw new Error(
        `The mutant ${name} finds its text ${times} times in src/${file}:\n${before}`,
      );
    writeFileSync(
      path,
      text.replace(before, () => after),
    );
  }
  const load = (file: string): Promise<Record<string, unknown>> =>
    import(pathToFileURL(join(folder, "src", file)).href);
  const [once, store, outcome, judgement] = await Promise.all([
    load("core/once.ts"),
    load("stores/memory/store.ts"),
    load("model/outcome.ts"),
    load("core/judgement.ts"),
  ]);
  return { ...once, ...store, ...outcome, ...judgement } as unknown as Code;
}

export function clearMutants(shelf: Shelf): void {
  rmSync(join(SHELVES, shelf), { recursive: true, force: true });
}
