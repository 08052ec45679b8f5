/** The states of somebody else's object, and which of them may follow which. */
export interface Progress {
  /** From the first to the last: an object only moves on. */
  readonly order: readonly string[];
  /** What may happen all the same, such as `["failed", "authorized"]`. */
  readonly also?: readonly (readonly [from: string, to: string])[];
}

/**
 * How a state relates to the one that was applied last. A state that `order` does not name is
 * `unknown`: it is nobody's to guess whether it comes before or after.
 */
export type Move = "first" | "same" | "forward" | "behind" | "unknown";

/** @param from what was applied last; undefined if nothing was */
export function moveOf({ order, also = [] }: Progress, from: string | undefined, to: string): Move {
  const next = order.indexOf(to);
  if (next < 0) return "unknown";
  if (from === undefined) return "first";
  if (from === to) return "same";
  if (also.some((pair) => pair[0] === from && pair[1] === to)) return "forward";
  // A state that was renamed away since it was applied keeps nobody from going on.
  return next > order.indexOf(from) ? "forward" : "behind";
}
