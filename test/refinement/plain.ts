import { type Counted, TICK_MS, type World } from "./world.ts";

/** Members that hold a time of the store's clock. */
const TIMES: ReadonlySet<string> = new Set([
  ...["now", "at", "leaseUntil", "runUntil", "dueAt", "createdAt", "finalAt", "begunAt"],
  ...["recordedAt", "sentAt", "replayUntil", "receivedAt", "endedAt", "stagedAt", "firstSentAt"],
]);

/** A database cannot hold the NUL of an error's text; memory has no reason to lose it. */
const ERRORS: ReadonlySet<string> = new Set(["error", "lastError"]);

/**
 * An answer as every store would give it: times in half ticks since the sequence began, numbers by
 * the order in which they were first seen, bytes as digits, and errors without the words of their
 * database.
 */
export function plainOf(world: World, counted: Counted | undefined, value: unknown): unknown {
  const numberOf = (number: number): string => {
    if (counted === undefined) return String(number);
    const seen = world.numbers[counted];
    const place = seen.indexOf(number);
    return `${counted} ${place >= 0 ? place : seen.push(number) - 1}`;
  };
  const plain = (one: unknown, name: string): unknown => {
    if (one instanceof Uint8Array) return Buffer.from(one).toString("hex");
    if (one instanceof Error) return one.message === "The callback throws." ? one.message : "Error";
    if (typeof one === "number") {
      // It grows with each claim, but the contract does not say by how much.
      if (name === "fence" && counted === "events") return "a fence";
      if (TIMES.has(name)) return `${halfTicks(world, one)} half ticks`;
      // The only lists of bare numbers are of those that count.
      return name === "number" || name === "[]" ? numberOf(one) : one;
    }
    if (ERRORS.has(name) && typeof one === "string") return one.replaceAll("\0", "\uFFFD");
    if (name === "filter" && typeof one === "string") return plainFilter(one);
    if (Array.isArray(one)) return one.map((item) => plain(item, "[]"));
    if (typeof one !== "object" || one === null) return one;
    const hidden = isBehind(one) ? "dueAt" : "";
    const entries = Object.entries(one).filter(
      ([key, member]) => member !== undefined && key !== hidden,
    );
    return Object.fromEntries(
      entries
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([key, member]) => [key, plain(member, key)]),
    );
  };
  // A filter is kept as text, with the numbers that were asked for.
  const plainFilter = (text: string): unknown => {
    const { numbers, after, ...rest } = JSON.parse(text) as Record<string, unknown>;
    const isGiven = (member: unknown): boolean => member !== undefined;
    return { ...rest, numbers: isGiven(numbers), after: isGiven(after) };
  };
  return plain(withoutError(value), "");
}

/** Of what was not applied only the kind is promised; the error is the driver's own. */
function withoutError(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("kind" in value)) return value;
  if (value.kind !== "not-applied" && value.kind !== "not-known") return value;
  return { ...value, error: undefined };
}

/** A store may put off a message that stands behind another one of its aggregate. */
function isBehind(one: object): boolean {
  const { aggregate, state, sends } = one as Readonly<Record<string, unknown>>;
  return aggregate !== undefined && state === "waiting" && sends === 0;
}

function halfTicks({ began }: World, time: number): number {
  return Math.floor((time - began) / (TICK_MS / 2));
}
