import { createChance } from "../simulation/chance.ts";
import type { Target } from "./target.ts";

/** Longer than this no execution may take; nothing that is read here is long. */
const SLOW_MS = 150;
/** Code that is not compiled yet, or a collection, is not slow three times. */
const SLOW_TRIES = 3;
const SHRINK_MS_MAX = 5_000;

/** An input that breaks its target's property. */
export interface Finding {
  readonly target: string;
  readonly seed: number;
  /** Which execution of the seed it was, from 0. */
  readonly index: number;
  /** The input, cut down as far as it still breaks the property in the same way. */
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzRun {
  readonly executions: number;
  /** Time of one core, in milliseconds: others may use the machine too. */
  readonly coreMs: number;
  readonly finding?: Finding;
}

export interface FuzzLimit {
  readonly executions?: number;
  readonly ms?: number;
}

/** Executes the target from `from` on, until the limit or the first finding. */
export async function fuzz(
  target: Target,
  seed: number,
  limit: FuzzLimit,
  from = 0,
): Promise<FuzzRun> {
  const { executions: most = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY } = limit;
  const start = performance.now();
  const used = process.cpuUsage();
  const coreMs = (): number => coreMsSince(used);
  let index = from;
  for (; index - from < most; index += 1) {
    // A look at the clock for each one would be a part of what is measured.
    if (index % 64 === 0 && performance.now() - start > ms) break;
    const input = target.make(createChance(seed, `${target.name}:${index}`));
    const error = await errorOf(target, input);
    if (error === undefined) continue;
    const least = await shrunk(target, target.toBytes(input), error);
    const finding = { target: target.name, seed, index, input: least, error };
    return { executions: index - from + 1, coreMs: coreMs(), finding };
  }
  return { executions: index - from, coreMs: coreMs() };
}

function coreMsSince(used: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(used);
  return (user + system) / 1_000;
}

/** What is wrong with an input; undefined where the property holds, in time. */
export async function errorOf(target: Target, input: unknown): Promise<unknown> {
  let least = Number.POSITIVE_INFINITY;
  for (let left = SLOW_TRIES; left > 0; left -= 1) {
    const start = performance.now();
    // It costs as much as a small execution, so only what seemed slow is looked at so closely.
    const used = left < SLOW_TRIES ? process.cpuUsage() : undefined;
    try {
      const checked = target.check(input);
      if (checked instanceof Promise) await checked;
    } catch (error) {
      return error ?? new Error("Nothing was thrown.");
    }
    if (performance.now() - start <= SLOW_MS) return undefined;
    // The machine may have been busy elsewhere for that long.
    if (used !== undefined) least = Math.min(least, coreMsSince(used));
    if (least <= SLOW_MS) return undefined;
  }
  return new Error(`It takes ${Math.round(least)} ms.`);
}

/** Cuts parts out of the input, from large to small, as long as the same error comes. */
async function shrunk(target: Target, bytes: Uint8Array, error: unknown): Promise<Uint8Array> {
  let found = Buffer.from(bytes);
  const start = performance.now();
  const hasTime = (): boolean => performance.now() - start < SHRINK_MS_MAX;
  const isStill = async (part: Uint8Array): Promise<boolean> => {
    try {
      return signOf(await errorOf(target, target.fromBytes(part))) === signOf(error);
    } catch {
      // What is no longer an input of this target.
      return false;
    }
  };
  if (!(await isStill(found))) return found;
  for (let size = found.length >> 1; size > 0; size >>= 1)
    for (let at = 0; at < found.length && hasTime(); ) {
      const rest = Buffer.concat([found.subarray(0, at), found.subarray(at + size)]);
      if (await isStill(rest)) found = rest;
      else at += size;
    }
  return found;
}

/** Errors that are alike: of the same kind, thrown at the same place. */
function signOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = /\n +at .*/.exec(error.stack ?? "")?.[0] ?? "";
  return error.name + place;
}
