import { NevertwiceError } from "../model/errors.ts";
import { isSent, type SentStep, type StepRecord, type Target } from "../model/step.ts";
import { refuseNested } from "./current.ts";
import { checkEffect, type Effect, effectDigest } from "./effect.ts";
import { decodeResult, type EffectResult } from "./judgement.ts";
import { resolveStep } from "./resolve.ts";
import { checkAlive, type Run, suspend, takeName } from "./run.ts";
import { type StepPlace, sendStep } from "./send.ts";
import { openStep } from "./steps.ts";
import { meetInOrder } from "./visits.ts";

/**
 * An external step: each send is committed before the call, the result after it, and the call runs
 * outside of any transaction. A recorded step is skipped; one without a result is resolved by the
 * effect's own rules.
 *
 * @param compensates the step that this one takes back
 */
export async function externalStep<Value, Decline>(
  run: Run,
  name: string,
  effect: Effect<Value, Decline>,
  compensates?: string,
): Promise<EffectResult<Value, Decline>> {
  checkAlive(run);
  refuseNested();
  checkEffect(effect);
  takeName(run, name);
  const place = {
    ...{ name, inputDigest: effectDigest(effect) },
    ...(compensates === undefined ? {} : { compensates }),
  };
  await meetInOrder(run, name, compensates);
  const step = run.steps.get(name);
  if (step) checkUnchanged(run, step, place);
  const known = isSent(step) ? step : undefined;
  if (known?.result && known.result.kind !== "not-executed") {
    const value = openStep(run, name, known.result.value);
    return decodeResult({ kind: known.result.kind, value });
  }
  if (known && known.result === undefined) {
    checkTarget(run, known, effect.target);
    return resolveStep(run, place, effect, known);
  }
  return sendStep(run, place, effect, known);
}

function checkUnchanged(
  run: Run,
  known: StepRecord,
  { inputDigest, compensates }: StepPlace,
): void {
  const same = known.kind === "external" && known.inputDigest === inputDigest;
  if (same && known.effect?.compensates === compensates) return;
  const detail = `The step "${known.name}" was begun with other arguments.`;
  suspend(run, new NevertwiceError("definition-changed", detail), "definition-changed");
}

/** Another account, or another region, has never heard of the key that was sent. */
function checkTarget(run: Run, { name, effect }: SentStep, target: Target | undefined): void {
  const sent = effect.target;
  const same = (["provider", "kind", "account", "region"] as const).every(
    (part) => sent?.[part] === target?.[part],
  );
  if (same) return;
  const places = `${place(sent)}, and would now go to ${place(target)}`;
  const detail = `The step "${name}" was sent to ${places}.`;
  suspend(run, new NevertwiceError("definition-changed", detail), "definition-changed");
}

function place(target: Target | undefined): string {
  if (target === undefined) return "a provider without a name";
  const { provider, kind, account = "the default account", region = "no region" } = target;
  return `${provider} (${kind}, ${account}, ${region})`;
}
