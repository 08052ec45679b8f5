import { isNevertwiceError } from "../model/errors.ts";
import { isClaimOf } from "../model/operation.ts";
import {
  isSent,
  isUntouched,
  type SendRecord,
  type SentStep,
  type StepEnd,
  sendsNow,
} from "../model/step.ts";
import type { Effect } from "./effect.ts";
import { errorLine } from "./error-line.ts";
import {
  type DefiniteResult,
  declined,
  encodeResult,
  inDoubt,
  isDeclined,
  isInDoubt,
  isNotExecuted,
  isRefused,
  type Judgement,
  type NotExecuted,
  notExecuted,
} from "./judgement.ts";
import { referenceIn } from "./reference.ts";
import { checkAlive, expectDone, insist, type Run, suspend, suspendLost } from "./run.ts";
import { compareTold, tellStale } from "./stale-result.ts";
import { eventOf } from "./steps.ts";

/** How a call of the provider ended. */
type Ending = { readonly returned: unknown } | { readonly threw: unknown };

/** Records what a send came to. @throws operation-suspended without a definite result */
export async function endSend(
  run: Run,
  step: SentStep,
  effect: Effect<unknown, unknown>,
  ending: Ending,
): Promise<DefiniteResult> {
  const error = "threw" in ending ? ending.threw : undefined;
  const judged = "threw" in ending ? judge(effect, error) : ending.returned;
  if (isNotExecuted(judged)) return endUntouched(run, step, judged, error);
  if (isRefused(judged)) {
    // It says nothing of an earlier send, whose doubt it must not lower.
    if (isUntouched(earlierSends(step)))
      return recordResult(run, step, effect, declined(judged.decline));
    return endUntouched(run, step, notExecuted("the provider refused the request"), error);
  }
  // Plain JavaScript may also return a doubt, which must not pass for a value.
  if (isInDoubt(judged)) return endInDoubt(run, step, judged.because, error ?? new Error("doubt"));
  // A judge that gives something else has judged nothing.
  if ("threw" in ending && !isDeclined(judged)) return endInDoubt(run, step, "unanswered", error);
  return recordResult(run, step, effect, judged);
}

/** A judge that throws has found out nothing. */
function judge(effect: Effect<unknown, unknown>, error: unknown): Judgement<unknown> {
  if (isNevertwiceError(error, "send-too-late")) return notExecuted("the send was dropped in time");
  try {
    return effect.judge?.(error) ?? inDoubt("unanswered");
  } catch {
    return inDoubt("unanswered");
  }
}

/** Records a definite result, from whichever way it came, and makes the run go on with it. */
export async function recordResult(
  run: Run,
  step: SentStep,
  effect: Effect<unknown, unknown>,
  returned: unknown,
): Promise<DefiniteResult> {
  let result: DefiniteResult;
  try {
    result = encodeResult(returned);
  } catch (error) {
    return endInDoubt(run, step, "unanswered", error);
  }
  const reference =
    result.kind === "succeeded" ? referenceIn(effect.reference?.bind(effect), returned) : undefined;
  const { id } = run.record;
  const value = run.ports.sealer.seal(id, `step:${step.name}`, result.value);
  const end = { kind: result.kind, value, ...(reference === undefined ? {} : { reference }) };
  await write(run, step, end, result.value);
  // Only an earlier owner can have told of another effect.
  if (run.lease.holder.fence > 1 && reference !== undefined)
    await compareTold(run, step.name, reference);
  keep(run, step, { kind: result.kind, value }, reference);
  run.ports.events.emit({ ...eventOf(run), type: "step.recorded", step: step.name });
  checkAlive(run);
  return result;
}

/** The run's own copy, sealed as a read one is: the step's result, and the step it takes back. */
function keep(
  run: Run,
  step: SentStep,
  result: DefiniteResult,
  reference: string | undefined,
): void {
  const effect = { ...step.effect, ...(reference === undefined ? {} : { reference }) };
  run.steps.set(step.name, { ...step, recordedAt: run.databaseNow(), result, effect });
  run.lease.saw(1);
  const back = run.steps.get(effect.compensates ?? "");
  if (result.kind === "succeeded" && isSent(back))
    run.steps.set(back.name, { ...back, effect: { ...back.effect, compensated: true } });
}

/** The proof may be used at once or later, and it costs no person's time. */
async function endUntouched(
  run: Run,
  step: SentStep,
  { proof, retryAfterMs }: NotExecuted,
  error: unknown,
): Promise<never> {
  await write(run, step, { kind: "not-executed", detail: detailOf(run, proof, error) });
  const doubtful = !isUntouched(earlierSends(step));
  // A later refusal never lowers an earlier doubt.
  const doubt = doubtful ? "effect-unknown" : undefined;
  if (!doubtful) keepUntouched(run, step);
  return suspend(run, error ?? new Error(proof), doubt, { dueInMs: retryAfterMs ?? 0 });
}

function earlierSends({ effect }: SentStep): readonly SendRecord[] {
  return sendsNow(effect.generation, effect.sends.slice(0, -1));
}

function keepUntouched(run: Run, step: SentStep): void {
  const result = { kind: "not-executed", value: new Uint8Array(0) } as const;
  run.lease.saw(1);
  run.steps.set(step.name, { ...step, recordedAt: run.databaseNow(), result });
}

/** Nobody knows yet what a send did. @throws operation-suspended */
export async function endInDoubt(
  run: Run,
  step: SentStep,
  because: ReturnType<typeof inDoubt>["because"],
  error: unknown,
): Promise<never> {
  if (run.lease.lost) return suspendLost(run);
  await write(run, step, { kind: because, detail: errorLine(error, run.ports) });
  return suspend(run, error, "effect-unknown");
}

function detailOf(run: Run, proof: string, error: unknown): string {
  return error === undefined ? proof : `${proof}: ${errorLine(error, run.ports)}`.slice(0, 500);
}

/** @throws operation-suspended unless it is written */
async function write(
  run: Run,
  step: SentStep,
  end: StepEnd,
  clear: Uint8Array = new Uint8Array(0),
): Promise<void> {
  const { ports, lease } = run;
  const number = step.effect.sends.at(-1)?.number;
  let taken = false;
  const ended = await insist(
    run,
    async () => {
      const answer = await ports.store.record(lease.holder, step.name, end);
      if (answer.kind !== "ok" || answer.value !== "reference-taken")
        return answer as Exclude<typeof answer, { value: "reference-taken" }>;
      taken = true;
      return { kind: "ok", value: "done" } as const;
    },
    (record) => {
      // What a newer owner wrote is not ours, and what we know may differ from it.
      if (!isClaimOf(record, lease.holder)) return false;
      const known = record.steps.find(({ name }) => name === step.name);
      if (known?.result !== undefined) return true;
      const send = known?.effect?.sends.find((sent) => sent.number === number);
      return "value" in end ? false : send?.verdict !== undefined;
    },
  );
  if (taken) tellTaken(run, step, end);
  if (ended.kind === "answered" && ended.value === "stale") await tellStale(run, step, end, clear);
  // It may have landed, and nothing else can tell: whoever takes over reads what did.
  const isAlone = step.effect.providerKey === undefined && "value" in end;
  if (ended.kind === "failed" && !ended.definite && isAlone) suspendLost(run);
  expectDone(run, ended, "effect-unknown");
}

/** Two operations, or two steps, claim to have made the same thing. */
function tellTaken(run: Run, step: SentStep, end: StepEnd): void {
  const reference = "reference" in end ? end.reference : undefined;
  run.ports.events.emit({ ...eventOf(run), type: "effect.duplicate", step: step.name, reference });
}
