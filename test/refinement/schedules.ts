import type { Ran } from "./gate.ts";

/** A call begins and ends; one that nobody else comes between does both at once. */
export interface Point {
  readonly call: number;
  readonly edge: "whole" | "begin" | "end";
}

/**
 * Every order of calls that could be what was seen: one that ended before another one began comes
 * before it. Those without anybody between come first, because they explain nearly everything.
 *
 * @param isLong whether others may come between the beginning and the end of a call
 */
export function* schedules(
  ran: readonly Pick<Ran<unknown>, "began" | "ended">[],
  isLong: (call: number) => boolean,
): Generator<readonly Point[]> {
  yield* extend({ ran, isLong: () => false }, [], [...ran.keys()], []);
  if (![...ran.keys()].some(isLong)) return;
  for (const points of extend({ ran, isLong }, [], [...ran.keys()], []))
    if (points.some(({ edge }) => edge !== "whole")) yield points;
}

interface Seen {
  readonly ran: readonly Pick<Ran<unknown>, "began" | "ended">[];
  readonly isLong: (call: number) => boolean;
}

function* extend(
  seen: Seen,
  points: readonly Point[],
  left: readonly number[],
  open: readonly number[],
): Generator<readonly Point[]> {
  if (left.length === 0 && open.length === 0) yield points;
  for (const call of left) {
    const others = left.filter((one) => one !== call);
    const endedBefore = [...others, ...open].some(
      (one) => (seen.ran[one]?.ended ?? 0) < (seen.ran[call]?.began ?? 0),
    );
    if (endedBefore) continue;
    yield* extend(seen, [...points, { call, edge: "whole" }], others, open);
    if (seen.isLong(call))
      yield* extend(seen, [...points, { call, edge: "begin" }], others, [...open, call]);
  }
  const last = points.at(-1);
  for (const call of open) {
    // Nobody came between, so it is the same as the whole call.
    if (last?.call === call) continue;
    const rest = open.filter((one) => one !== call);
    yield* extend(seen, [...points, { call, edge: "end" }], left, rest);
  }
}
