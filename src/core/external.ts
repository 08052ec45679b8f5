import { NevertwiceError } from "../model/errors.ts";
import type { StepRecord } from "../model/operation.ts";
import { providerKey } from "../model/provider-key.ts";
import { CLOCK_MARGIN_MS } from "../store.ts";
import { refuseNested } from "./current.ts";
import {
  checkEffect,
  decodeResult,
  type Effect,
  type EffectResult,
  effectDigest,
  encodeResult,
  KEPT_FOR_MS_DEFAULT,
} from "./effect.ts";
import { checkAlive, expectDone, insist, type Run, suspend, suspendLost, takeName } from "./run.ts";
import { eventOf, openStep } from "./steps.ts";

/**
 * An external step: the mark `begun` is committed before the call, the result after it, and the
 * call runs outside of any transaction. A recorded step is skipped; a begun one is sent again with
 * the same provider key, or parks the operation if the effect has no key.
 */
export async function externalStep<Value, Decline>(
  run: Run,
  name: string,
  effect: Effect<Value, Decline>,
): Promise<EffectResult<Value, Decline>> {
  checkAlive(run);
  refuseNested();
  checkEffect(effect);
  takeName(run, name);
  const inputDigest = effectDigest(effect);
  const known = run.steps.get(name);
  if (known) checkUnchanged(run, known, inputDigest);
  if (known?.result) {
    const value = openStep(run, name, known.result.value);
    return decodeResult({ kind: known.result.kind, value });
  }
  if (known) checkRemembered(run, known, effect.keptForMs ?? KEPT_FOR_MS_DEFAULT);
  // An effect without a key that was begun earlier is never sent again on a guess.
  if (known && known.providerKey === undefined)
    suspend(run, new Error(`The step "${name}" was begun without a key.`), "effect-unknown");
  const derived = keyOf(run, name, effect.keyed !== false);
  const key = known?.providerKey ?? derived;
  // Also before a resend: the begin is the last fence check before bytes leave.
  await begin(run, name, inputDigest, effect.keyed === false ? undefined : key);
  return sendAndRecord<Value, Decline>(run, name, effect, key);
}

function checkUnchanged(run: Run, known: StepRecord, inputDigest: string): void {
  if (known.kind === "external" && known.inputDigest === inputDigest) return;
  const detail = `The step "${known.name}" was begun with other arguments.`;
  suspend(run, new NevertwiceError("definition-changed", detail), "definition-changed");
}

/**
 * A provider that has forgotten the key would execute the resend as a new effect. Whichever clock
 * is further ahead counts, so that one that fell back does not open the deadline again.
 */
function checkRemembered(run: Run, known: StepRecord, keptForMs: number): void {
  const { begunAt } = known;
  const limit = keptForMs - CLOCK_MARGIN_MS;
  const expired = run.databaseNow() - begunAt >= limit;
  if (!expired && run.ports.clock.wall() - begunAt < limit) return;
  const detail = `The step "${known.name}" was begun too long ago to be sent again.`;
  // A process whose own clock is ahead leaves the step to another.
  suspend(run, new Error(detail), "effect-unknown", expired);
}

/** The provider key of a step. @throws namespace-missing */
export function keyOf(run: Run, step: string, required = true): string {
  const { ports, record } = run;
  const { namespace } = ports;
  if (namespace === undefined && required) throw new NevertwiceError("namespace-missing");
  const { origin, scope, key } = record.request ?? { origin: "own", scope: "", key: record.id };
  return providerKey({
    namespace: namespace ?? "",
    origin,
    scope,
    operation: record.name,
    key,
    step,
    generation: 0,
  });
}

async function begin(
  run: Run,
  name: string,
  inputDigest: string,
  key: string | undefined,
): Promise<void> {
  const { ports, lease } = run;
  const step = { name, inputDigest, ...(key === undefined ? {} : { providerKey: key }) };
  const end = await insist(
    run,
    () => ports.store.begin(lease.holder, step),
    (record) =>
      record.fence === lease.holder.fence && record.steps.some((known) => known.name === name),
  );
  // Nothing was sent, so a failure here leaves no doubt.
  expectDone(run, end, undefined);
  const at = run.record.createdAt;
  run.steps.set(name, { ...step, kind: "external", fence: lease.holder.fence, begunAt: at });
  ports.events.emit({ ...eventOf(run), type: "step.begun", step: name });
}

async function sendAndRecord<Value, Decline>(
  run: Run,
  name: string,
  effect: Effect<Value, Decline>,
  key: string,
): Promise<EffectResult<Value, Decline>> {
  const { ports, lease } = run;
  // The begin was the last fence check; a claim lost since then must not send.
  if (lease.lost) suspendLost(run);
  const result = await send(run, effect, key);
  const sealed = {
    kind: result.kind,
    value: ports.sealer.seal(run.record.id, `step:${name}`, result.value),
  };
  const end = await insist(
    run,
    () => ports.store.record(lease.holder, name, sealed),
    (record) => record.steps.some((step) => step.name === name && step.result !== undefined),
  );
  expectDone(run, end, "effect-unknown");
  const begun = run.steps.get(name);
  if (begun) run.steps.set(name, { ...begun, recordedAt: begun.begunAt, result });
  ports.events.emit({ ...eventOf(run), type: "step.recorded", step: name });
  checkAlive(run);
  return decodeResult(result);
}

async function send(
  run: Run,
  effect: Effect<unknown, unknown>,
  key: string,
): Promise<ReturnType<typeof encodeResult>> {
  try {
    return encodeResult(
      await effect.send({
        key,
        get signal() {
          return run.lease.signal;
        },
      }),
    );
  } catch (error) {
    if (run.lease.lost) return suspendLost(run);
    return suspend(run, error, "effect-unknown");
  }
}
