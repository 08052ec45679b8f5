import type { OperationRecord } from "../../model/operation.ts";
import {
  isUntouched,
  type SendRecord,
  type StepBegin,
  type StepEffect,
  type StepEnd,
  type StepRecord,
  sendsNow,
  type Verdict,
} from "../../model/step.ts";
import { boundedDetail, sendVerdict } from "../evidence.ts";
import { type Change, stepOf, withStep } from "./change.ts";

/** A step that may have been sent keeps its own values; a disproved one is begun anew. */
export function begun(step: StepBegin): Change {
  return (record, now) => {
    const known = stepOf(record, step.name);
    if (known === undefined) return withStep(record, firstBegun(record, step, now));
    const { effect, result } = known;
    if (effect === undefined) return "stale";
    if (result === undefined && effect.reference === undefined) {
      const resent = sendOf(record, effect.sends, effect.generation, now);
      return withStep(record, {
        ...known,
        effect: { ...effect, sends: [...effect.sends, resent] },
      });
    }
    if (result?.kind !== "not-executed") return "stale";
    const { result: disproved, recordedAt, ...kept } = known;
    const { compensates, compensated } = effect;
    const sends = [...effect.sends, sendOf(record, effect.sends, step.generation, now)];
    const renewed = { ...effectOf({ ...step, compensates }, now), compensated, sends };
    return withStep(record, { ...kept, fence: record.fence, begunAt: now, effect: renewed });
  };
}

function firstBegun(record: OperationRecord, step: StepBegin, now: number): StepRecord {
  const { name, inputDigest } = step;
  return {
    ...{ name, inputDigest, kind: "external", fence: record.fence, begunAt: now },
    effect: { ...effectOf(step, now), sends: [sendOf(record, [], step.generation, now)] },
  };
}

function sendOf(
  { fence }: OperationRecord,
  sends: readonly SendRecord[],
  generation: number,
  now: number,
): SendRecord {
  return { number: sends.length + 1, generation, fence, sentAt: now };
}

function effectOf(
  step: Omit<StepBegin, "compensates"> & { readonly compensates?: string | undefined },
  now: number,
): StepEffect {
  const { providerKey, generation, target, request, keptForMs, lookUp, compensates } = step;
  return {
    ...{ generation, request, lookUp, compensated: false, sends: [] },
    ...(providerKey === undefined ? {} : { providerKey }),
    ...(target === undefined ? {} : { target }),
    ...(keptForMs === undefined ? {} : { replayUntil: now + keptForMs }),
    ...(compensates === undefined ? {} : { compensates }),
  };
}

/** A verdict speaks of the last send; only a result, or proof for every send, ends the step. */
export function recorded(name: string, end: StepEnd): Change {
  return (record, now) => {
    const known = stepOf(record, name);
    const effect = known?.effect;
    if (known === undefined || effect === undefined || known.result !== undefined) return "stale";
    if ("sends" in end && end.sends !== effect.sends.length) return "stale";
    if (end.kind === "succeeded" || end.kind === "declined") {
      const { kind, value, reference = effect.reference } = end;
      const ended = { ...known, recordedAt: now, result: { kind, value } };
      const sends = closed(effect.sends, sendVerdict(end), end.detail);
      return withResult(record, {
        ...ended,
        effect: { ...effect, sends, ...(reference === undefined ? {} : { reference }) },
      });
    }
    const sends = closed(effect.sends, sendVerdict(end), end.detail);
    const step = { ...known, effect: { ...effect, sends } };
    const proven =
      end.kind === "not-executed" &&
      (end.proven === true || isUntouched(sendsNow(effect.generation, sends)));
    return withStep(record, proven ? disproved(step, now) : step);
  };
}

/** A verdict that is known never changes. */
function closed(
  sends: readonly SendRecord[],
  verdict: Verdict,
  text: string | undefined,
): readonly SendRecord[] {
  const last = sends.at(-1);
  if (last === undefined || last.verdict !== undefined) return sends;
  const detail = boundedDetail(text);
  const ended = { ...last, verdict, ...(detail === undefined ? {} : { detail }) };
  return [...sends.slice(0, -1), ended];
}

/** The step as it is after nothing happened, so that it may be begun anew. */
export function disproved(step: StepRecord, now: number): StepRecord {
  const result = { kind: "not-executed", value: new Uint8Array(0) } as const;
  const ended = { ...step, recordedAt: now, result };
  if (step.effect === undefined) return ended;
  const { reference, ...effect } = step.effect;
  return { ...ended, effect };
}

/** With a succeeded compensation, the step that it takes back stands no more. */
export function withResult(record: OperationRecord, step: StepRecord): OperationRecord {
  const next = withStep(record, step);
  const { compensates } = step.effect ?? {};
  const back = compensates === undefined ? undefined : stepOf(next, compensates);
  if (step.result?.kind !== "succeeded" || back?.effect === undefined) return next;
  return withStep(next, { ...back, effect: { ...back.effect, compensated: true } });
}
