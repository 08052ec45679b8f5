import { EXIT, Exit } from "./exit.ts";

const LIMIT_MAX = 1_000;

/** @throws Exit */
export function parseLimit(text: string): number {
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMIT_MAX) return limit;
  throw new Exit(EXIT.usage, `--limit is a number from 1 to ${LIMIT_MAX}.`);
}

/** The number of an event or of a message, as its list prints it. @throws Exit */
export function parseNumber(text: string): number {
  const number = /^[1-9]\d{0,15}$/.test(text) ? Number(text) : 0;
  if (number > 0 && Number.isSafeInteger(number)) return number;
  throw new Exit(EXIT.usage, `A number is one of those that \`list\` prints, not "${text}".`);
}

/** Undefined if none were typed. @throws Exit */
export function parseNumbers(texts: readonly string[]): readonly number[] | undefined {
  const numbers = [...new Set(texts.map(parseNumber))];
  if (numbers.length > LIMIT_MAX)
    throw new Exit(EXIT.usage, `Name ${LIMIT_MAX} numbers at most, or use a filter.`);
  return numbers.length === 0 ? undefined : numbers;
}

/** One of the words that an option knows. @throws Exit */
export function parseChoice<Choice extends string>(
  text: string | undefined,
  known: readonly Choice[],
  option: string,
): Choice | undefined {
  const choice = known.find((word) => word === text);
  if (text === undefined || choice !== undefined) return choice;
  throw new Exit(EXIT.usage, `${option} is one of ${known.join(", ")}, not "${text}".`);
}
