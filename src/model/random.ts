import { randomBytes, randomInt } from "node:crypto";

/** The source of chance, handed in so that a simulation can replay a seed. */
export interface Random {
  /** `length` bytes that nobody can guess. */
  bytes(length: number): Uint8Array;
  /** A number from 0 (included) to 1 (excluded). */
  fraction(): number;
}

const FRACTION_STEPS = 2 ** 32;

/** The only place of the library that draws from the system's generator. */
export const systemRandom: Random = {
  bytes: (length) => randomBytes(length),
  fraction: () => randomInt(FRACTION_STEPS) / FRACTION_STEPS,
};
