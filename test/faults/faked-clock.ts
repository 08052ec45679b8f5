import { chmod, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fakedBy, findFaketime } from "./preload.ts";

/** The wall clock of processes that are started with its environment. */
export interface FakedClock {
  readonly env: Readonly<Record<string, string>>;
  /** Sets it so far ahead of the machine's, or behind it with a minus; in milliseconds. */
  set(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** @returns undefined where there is no libfaketime */
export async function openFakedClock(): Promise<FakedClock | undefined> {
  const library = await findFaketime();
  if (library === undefined) return undefined;
  const directory = await mkdtemp(join(tmpdir(), "nevertwice-clock-"));
  // Postgres runs as somebody else.
  await chmod(directory, 0o755);
  const file = join(directory, "clock");
  const set = async (ms: number): Promise<void> => {
    const seconds = ms / 1_000;
    await writeFile(`${file}.new`, `${seconds < 0 ? "" : "+"}${seconds}\n`);
    await rename(`${file}.new`, file);
  };
  await set(0);
  return {
    env: fakedBy(library, file),
    set,
    close: () => rm(directory, { recursive: true, force: true }),
  };
}

export const HOUR_MS = 3_600_000;
export const DAY_MS = 86_400_000;

/** A leap of a clock as a person says it. */
export function leapText(ms: number): string {
  const direction = ms < 0 ? "back" : "ahead";
  const size = Math.abs(ms);
  const [count, unit] = size % DAY_MS === 0 ? [size / DAY_MS, "day"] : [size / HOUR_MS, "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"} ${direction}`;
}
