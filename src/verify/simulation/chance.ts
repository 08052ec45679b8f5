import { createHash } from "node:crypto";
import type { Random } from "../../model/random.ts";

/** The choices of one history. */
export interface Chance {
  /** A whole number from 0 (included) to `count` (excluded). */
  below(count: number): number;
  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number;
  /** True with a probability from 0 to 1. */
  hit(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** All that was drawn so far. The smaller a number, the plainer is what it chooses. */
  readonly tape: readonly number[];
}

const WORDS = 2 ** 32;

/** Four words of state, mixed by additions, shifts and a rotation; good enough to explore with. */
function wordsOf(seed: string): () => number {
  const start = createHash("sha256").update(seed).digest();
  let a = start.readUInt32LE(0);
  let b = start.readUInt32LE(4);
  let c = start.readUInt32LE(8);
  let count = start.readUInt32LE(12);
  return () => {
    const mixed = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + mixed) | 0;
    return mixed >>> 0;
  };
}

/** The same choices for the same seed, on every machine. */
export function seededChance(seed: number): Chance {
  return chanceOf(wordsOf(`history:${seed}`));
}

/** The choices of a tape, and the plainest ones after its end. */
export function tapedChance(tape: readonly number[]): Chance {
  let at = 0;
  return chanceOf(() => {
    const word = tape[at] ?? 0;
    at += 1;
    return word;
  });
}

function chanceOf(word: () => number): Chance {
  const tape: number[] = [];
  const fraction = (): number => {
    const drawn = word();
    tape.push(drawn);
    return drawn / WORDS;
  };
  const below = (count: number): number => Math.floor(fraction() * count);
  return {
    ...{ below, fraction, tape },
    hit: (probability) => fraction() >= 1 - probability,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("There is nothing to pick from.");
      return item;
    },
  };
}

/** The random numbers of one process, which nobody needs to choose again. */
export function seededRandom(seed: string): Random {
  const word = wordsOf(seed);
  return {
    fraction: () => word() / WORDS,
    bytes: (length) => Uint8Array.from({ length }, () => word() & 0xff),
  };
}
