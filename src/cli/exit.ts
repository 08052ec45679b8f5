import { isNevertwiceError } from "../model/errors.ts";
import type { Answer } from "../store.ts";

/** What the exit codes mean; the manual repeats them. */
export const EXIT = {
  done: 0,
  /** The store could not be reached, or something broke. */
  failed: 1,
  /** The words of the command are off. */
  usage: 2,
  /** There is no such operation. */
  unknown: 3,
} as const;

/** An end that a command chose, with its code. */
export class Exit extends Error {
  override readonly name: string = "Exit";
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The value of an answer. @throws Exit with what went wrong */
export function expectOk<T>(answer: Answer<T>): T {
  if (answer.kind === "ok") return answer.value;
  if (isNevertwiceError(answer.error)) throw new Exit(EXIT.failed, answer.error.message);
  const cause = answer.error instanceof Error ? answer.error.message : String(answer.error);
  throw new Exit(EXIT.failed, `The store did not answer: ${cause}`);
}

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** Milliseconds of a text such as `30s`, `12h` or `7d`. @throws Exit */
export function parseDuration(text: string, option: string): number {
  const match = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text);
  if (match === null)
    throw new Exit(EXIT.usage, `${option} is a duration such as 30s, 12h or 7d, not "${text}".`);
  return Number(match[1]) * (UNITS[match[2] ?? "ms"] ?? 1);
}
