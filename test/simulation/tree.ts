/** Every sequence of choices, one after the other, each played from the start. */
export interface Tree {
  /** A whole number from 0 (included) to `count` (excluded); a choice of one is no choice. */
  choice(count: number): number;
  /** Goes to the next sequence. False if the one under way was the last. */
  next(): boolean;
  /** The sequence under way, so far as it was asked for. */
  readonly path: readonly number[];
  /** Whether every choice from here on is a new one. */
  isNew(): boolean;
}

/** Depth first. @param from the sequence to begin with, to go on where another search has ended */
export function createTree(from: readonly number[] = []): Tree {
  let path = [...from];
  let counts: number[] = [];
  let depth = 0;
  return {
    get path() {
      return path.slice(0, depth);
    },
    choice(count) {
      if (count <= 1) return 0;
      const at = path[depth] ?? 0;
      if (at >= count) throw new Error(`There is no choice ${at} of ${count} at ${depth}.`);
      path[depth] = at;
      counts[depth] = count;
      depth += 1;
      return at;
    },
    isNew: () => depth >= path.length,
    next() {
      path = path.slice(0, depth);
      let last = depth - 1;
      while (last >= 0 && (path[last] ?? 0) + 1 >= (counts[last] ?? 0)) last -= 1;
      path = path.slice(0, last + 1);
      counts = counts.slice(0, last + 1);
      depth = 0;
      if (last < 0) return false;
      path[last] = (path[last] ?? 0) + 1;
      return true;
    },
  };
}
