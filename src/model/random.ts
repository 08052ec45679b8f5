import { randomBytes, randomInt } from "node:crypto";

/** The source of chance, handed in so that a simulation can replay a seed. */
export interface Random {
  /** `length` bytes that nobody can guess. */
  bytes(length: number): Uint8Array;
  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number;
}

const FRACTION_STEPS = 2 ** 32;

/** Bytes are drawn in bulk, because a call of the generator costs more than its bytes. */
const POOL_BYTES = 4_096;
let pool = new Uint8Array(0);
let used = 0;

function draw(length: number): Uint8Array {
  if (length > POOL_BYTES) return randomBytes(length);
  if (used + length > pool.length) {
    pool = new Uint8Array(randomBytes(POOL_BYTES));
    used = 0;
  }
  used += length;
  // A copy, so that nobody holds what others are given.
  return pool.slice(used - length, used);
}

/** The only place of the library that draws from the system's generator. */
export const systemRandom: Random = {
  bytes: draw,
  fraction: () => randomInt(FRACTION_STEPS) / FRACTION_STEPS,
};
