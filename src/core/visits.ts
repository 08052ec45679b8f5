import { NevertwiceError } from "../model/errors.ts";
import { type Run, suspend } from "./run.ts";

/**
 * Lets a step that was never taken begin only after the run has met all that earlier attempts took:
 * else a renamed or reordered step would happen a second time under its new place. Once effects are
 * being taken back, nothing new begins at all.
 *
 * @param compensates the step that this one takes back
 * @throws operation-suspended with definition-changed
 */
export async function meetInOrder(run: Run, name: string, compensates?: string): Promise<void> {
  const known = run.steps.get(name);
  if (known !== undefined && known.result?.kind !== "not-executed") return;
  if (unmet(run).length === 0 && !isCompensating(run)) return;
  // Steps that run side by side start in the same turn, so the others get this one to be met.
  await run.ports.clock.sleep(0);
  if (known === undefined) refuseUnmet(run);
  if (compensates === undefined) refuseCompensating(run);
}

/** Whether an earlier attempt began to take effects back that this one has not met. */
export function isCompensating(run: Run): boolean {
  return run.record.steps.some(
    ({ name, effect }) => effect?.compensates !== undefined && !run.namesUsed.has(name),
  );
}

/** What an earlier attempt began to take back can no longer be completed, only taken back. */
export function refuseCompensating(run: Run): void {
  if (!isCompensating(run)) return;
  run.settleThrew = true;
  throw new Error("An earlier attempt began to take its effects back.");
}

/** A run may end only after it has met every step that earlier attempts took. */
export function refuseUnmet(run: Run): void {
  const [first] = unmet(run);
  if (first === undefined) return;
  const met = `An earlier attempt took the step "${first}", which this code passes by.`;
  const detail = `${met} Keep the handler of that time under \`previous\`, and raise \`version\`.`;
  suspend(run, new NevertwiceError("definition-changed", detail), "definition-changed");
}

/** A compensation that an earlier attempt began goes on by itself when the run ends. */
function unmet({ record, namesUsed }: Run): string[] {
  return record.steps
    .filter(({ name, effect }) => !namesUsed.has(name) && effect?.compensates === undefined)
    .map((step) => step.name);
}
