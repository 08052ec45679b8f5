import { NevertwiceError } from "../model/errors.ts";
import { decodeJson } from "../model/json.ts";
import { fail, type Outcome } from "../model/outcome.ts";
import { type StepRecord, standing, unfinished } from "../model/step.ts";
import type { Definition } from "./definition.ts";
import type { Effect } from "./effect.ts";
import { externalStep } from "./external.ts";
import type { EffectResult } from "./judgement.ts";
import { checkAlive, type Run, suspend } from "./run.ts";
import { judge } from "./settlement.ts";
import { openStep } from "./steps.ts";
import { isCompensating } from "./visits.ts";

/**
 * Takes the effect of a step back: an external step of its own, recorded and resolved like any.
 *
 * @throws step-not-standing, step-unfinished, operation-suspended
 */
export async function compensateStep<Value, Decline>(
  run: Run,
  name: string,
  effect: Effect<Value, Decline>,
): Promise<EffectResult<Value, Decline>> {
  checkAlive(run);
  const place = placeOf(name);
  const again = run.steps.has(place);
  if (!again && !standing([...run.steps.values()]).some((step) => step.name === name))
    throw new NevertwiceError("step-not-standing", `The step is "${name}".`);
  // What a step in doubt came to decides whether it has to be taken back as well.
  if (!again && unfinished([...run.steps.values()]).length > 0)
    throw new NevertwiceError("step-unfinished", `Resolve it before "${name}" is compensated.`);
  const result = await externalStep(run, place, effect, name);
  if (!result.declined) return result;
  const detail = `The compensation of "${name}" was declined: ${JSON.stringify(result.decline)}`;
  return suspend(run, new Error(detail), "compensation-failed");
}

function placeOf(name: string): string {
  return `compensate:${name}`;
}

/** Whether every effect that stands has a declared way back. */
export function isCompensable(run: Run, { compensations }: Definition): boolean {
  const steps = standing([...run.steps.values()]);
  return (
    (steps.length > 0 || isCompensating(run)) &&
    steps.every(({ name }) => Object.hasOwn(compensations, name))
  );
}

/** Takes back by the declared compensations whatever stands, the newest first. */
export async function compensateAll(run: Run, { compensations }: Definition): Promise<void> {
  const steps = standing([...run.steps.values()]).toReversed();
  // What an earlier attempt began comes before all else, or nothing else could be taken back: of
  // steps side by side, the record may tell another one to be the newest than that attempt saw.
  const begun = ({ name }: StepRecord): boolean => run.steps.has(placeOf(name));
  for (const step of [...steps.filter(begun), ...steps.filter((one) => !begun(one))]) {
    const compensation = compensations[step.name];
    if (compensation)
      await compensateStep(run, step.name, compensation(resultOf(run, step) as never));
  }
}

/** What the declared compensation gets: the value that the step came to. */
function resultOf(run: Run, { name, result }: StepRecord): unknown {
  return result && decodeJson(openStep(run, name, result.value));
}

/** The outcome of an operation that could not be settled and took back what it had done. */
export function takenBack(): Outcome {
  const error = "The operation could not be completed, and what it had done was taken back.";
  return judge(fail({ error })).outcome;
}

/** Whether a database refused a row, which it will refuse again: SQLSTATE class 23, or SQLite's. */
export function isConstraint(error: unknown): boolean {
  if (typeof error !== "object" || error === null) return false;
  const { code, errcode } = error as { code?: unknown; errcode?: unknown };
  if (typeof errcode === "number") return (errcode & 0xff) === SQLITE_CONSTRAINT;
  return (
    typeof code === "string" &&
    (/^23[0-9A-Z]{3}$/.test(code) || code.startsWith("SQLITE_CONSTRAINT"))
  );
}

const SQLITE_CONSTRAINT = 19;
