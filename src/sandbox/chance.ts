import { createHash } from "node:crypto";
import type { Random } from "../model/random.ts";

const DIGEST_BYTES = 32;

/** The drawing of a seed with a number: the same on each machine and after each restart. */
export function drawn(seed: number, purpose: string, number: number): Buffer {
  return createHash("sha256").update(`${seed} ${purpose} ${number}`).digest();
}

/** A number from 0 (included) to 1 (excluded). */
export function fractionOf(digest: Buffer): number {
  return digest.readUInt32BE(0) / 2 ** 32;
}

const LETTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Letters and digits for an id, from bytes. */
export function lettersOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => LETTERS[byte % LETTERS.length]).join("");
}

/** Letters and digits of a seed; each number has its own. */
export function drawnLetters(seed: number, number: number, length: number): string {
  const count = Math.ceil(length / DIGEST_BYTES);
  const parts = Array.from({ length: count }, (_, part) => drawn(seed, `id ${part}`, number));
  return lettersOf(Buffer.concat(parts).subarray(0, length));
}

/** A seed for who gave none. */
export function anySeed(random: Random): number {
  return Math.floor(random.fraction() * 2 ** 31);
}
