import { hash } from "node:crypto";
import type { Random } from "../../src/model/random.ts";

/** A seeded source of choices: the same seed makes the same choices, on every machine. */
export interface Chance extends Random {
  /** A whole number from 0 (included) to `count` (excluded). */
  below(count: number): number;
  pick<T>(items: readonly T[]): T;
  /** True with a probability from 0 to 1. */
  hit(probability: number): boolean;
}

/** Four words of state, mixed by additions, shifts and a rotation; good enough to explore with. */
export function createChance(seed: number, stream = ""): Chance {
  const start = Buffer.from(hash("sha256", `${seed}:${stream}`, "hex"), "hex");
  let a = start.readUInt32LE(0);
  let b = start.readUInt32LE(4);
  let c = start.readUInt32LE(8);
  let count = start.readUInt32LE(12);
  const word = (): number => {
    const mixed = (a + b + count) | 0;
    count = (count + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + mixed) | 0;
    return mixed >>> 0;
  };
  const fraction = (): number => word() / 2 ** 32;
  const below = (limit: number): number => Math.floor(fraction() * limit);
  return {
    fraction,
    below,
    bytes(length) {
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index += 1) bytes[index] = word() & 0xff;
      return bytes;
    },
    hit: (probability) => fraction() < probability,
    pick(items) {
      const item = items[below(items.length)];
      if (item === undefined) throw new Error("There is nothing to pick from.");
      return item;
    },
  };
}
