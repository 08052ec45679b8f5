import type { Chance } from "../simulation/chance.ts";
import { INBOX_CALLS } from "./inbox-calls.ts";
import { OPERATION_CALLS } from "./operation-calls.ts";
import { OUTBOX_CALLS } from "./outbox-calls.ts";
import { STEP_CALLS } from "./step-calls.ts";
import type { Act, Kind } from "./world.ts";

const OPERATIONS: readonly Kind[] = [...OPERATION_CALLS, ...STEP_CALLS];
const EVENTS: readonly Kind[] = [...INBOX_CALLS, ...OUTBOX_CALLS];

/** Every kind of call of the contract that a sequence may hold. */
export const KINDS: readonly Kind[] = [...OPERATIONS, ...EVENTS];

/** Sequences of one half of the contract go deeper into it than those of the whole. */
const HALVES: readonly (readonly Kind[])[] = [KINDS, OPERATIONS, EVENTS];

/** Calls that were drawn by chance: the same chance draws the same ones. */
export function drawSequence(chance: Chance, lengthMax = 40): readonly Act[] {
  const kinds = chance.pick(HALVES);
  const total = kinds.reduce((sum, { weight }) => sum + weight, 0);
  const length = 3 + chance.below(lengthMax - 2);
  return Array.from({ length }, () => {
    const ticks = chance.pick([0, 0, 0, 1, 1, 2, 5]);
    let left = chance.below(total);
    const drawn = kinds.find(({ weight }) => {
      left -= weight;
      return left < 0;
    });
    if (drawn === undefined) throw new Error("The weights do not add up.");
    return { ...drawn.draw(chance), ticks, counted: drawn.counted };
  });
}
