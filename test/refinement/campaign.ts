import { createChance } from "../simulation/chance.ts";
import { compare, type Difference, type Opening } from "./comparison.ts";
import { modelGround } from "./places.ts";
import { drawSequence } from "./sequence.ts";

/** What so many sequences came to. */
export interface Compared {
  readonly sequences: number;
  readonly calls: number;
  /** Which one of the seed it was that differs. */
  readonly found?: Difference & { readonly index: number };
}

export interface Bound {
  readonly sequences?: number;
  readonly ms?: number;
  /** The first sequence of the seed. */
  readonly from?: number;
}

/** Compares the sequences of a seed until the bound or the first difference. */
export async function compareMany(real: Opening, seed: number, bound: Bound): Promise<Compared> {
  const { sequences = Number.POSITIVE_INFINITY, ms = Number.POSITIVE_INFINITY, from = 0 } = bound;
  const { open } = modelGround();
  const began = performance.now();
  let [index, calls] = [from, 0];
  for (; index - from < sequences && performance.now() - began < ms; index += 1) {
    const acts = drawSequence(createChance(seed, `refinement ${index}`));
    calls += acts.length;
    const difference = await compare(open, real, acts);
    if (difference !== undefined)
      return { sequences: index - from + 1, calls, found: { ...difference, index } };
  }
  return { sequences: index - from, calls };
}
