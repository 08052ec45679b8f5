import { tapedChance } from "./chance.ts";
import { type History, play } from "./history.ts";
import { type Broken, judgeHistory } from "./promises.ts";
import { planOf, type Subject } from "./world.ts";

/** A history and the promise that it breaks. */
export interface Finding {
  readonly history: History;
  readonly broken: Broken;
}

/** Histories that are played to shorten one. */
const TRIES_MAX = 600;

/** Plays the choices of a tape. */
export function playTape(subject: Subject, tape: readonly number[]): Promise<History> {
  const chance = tapedChance(tape);
  return play(subject, planOf(subject, chance), chance);
}

/**
 * A history that breaks the same promise with fewer faults and steps: long stretches of its choices
 * first, then single ones become the plainest choice there is, or are left out.
 */
export async function shortest(subject: Subject, found: Finding): Promise<Finding> {
  const { promise } = found.broken;
  let best = found;
  let tries = 0;

  async function improves(tape: readonly number[]): Promise<boolean> {
    tries += 1;
    const history = await playTape(subject, tape);
    if (history.hanging.length > 0 || !isShorter(history, best.history)) return false;
    const broken = (await judgeHistory(subject, history)).find((one) => one.promise === promise);
    if (broken === undefined) return false;
    best = { history, broken };
    return true;
  }

  for (let before = found; ; before = best) {
    let size = Math.max(best.history.tape.length >> 1, 1);
    while (tries < TRIES_MAX) {
      for (let at = 0; at < best.history.tape.length && tries < TRIES_MAX; at += size) {
        const { tape } = best.history;
        const before = tape.slice(0, at);
        const after = tape.slice(at + size);
        const plain = tape.slice(at, at + size).map(() => 0);
        const isPlain = tape.slice(at, at + size).every((word) => word === 0);
        if (isPlain || (await improves([...before, ...plain, ...after]))) continue;
        await improves([...before, ...after]);
      }
      if (size === 1) break;
      size >>= 1;
    }
    if (best === before || tries >= TRIES_MAX) return best;
  }
}

/** Fewer faults count first. A history that is as short has plainer choices. */
function isShorter(a: History, b: History): boolean {
  if (a.faults !== b.faults) return a.faults < b.faults;
  return a.trace.length <= b.trace.length;
}
