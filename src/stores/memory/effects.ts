import type { Evidence, EvidenceRecord } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import type { Holder } from "../../model/operation.ts";
import type { StepEnd, StepRecord } from "../../model/step.ts";
import type { Recorded } from "../../store.ts";
import { boundedEvidence, takenAlarm } from "../evidence.ts";
import { stepOf } from "./change.ts";
import type { MemoryLedger } from "./ledger.ts";
import { recorded } from "./steps.ts";

/** What is known of effects beside the records: the evidence, and whose each reference is. */
export interface MemoryEffects {
  note(id: RecordId, evidence: Evidence): void;
  evidence(id: RecordId): EvidenceRecord[];
  /** False if another step has adopted the reference of this one; then the evidence says so. */
  adopt(id: RecordId, step: StepRecord): boolean;
  /** Takes back what `adopt` did for the step. */
  release(id: RecordId, step: StepRecord): void;
  /** Forgets all of an operation and its steps. */
  remove(id: RecordId, steps: readonly StepRecord[]): void;
}

/** The step that adopted a reference. */
interface Owner {
  readonly id: RecordId;
  readonly step: string;
}

export function effectsInMemory(now: () => number): MemoryEffects {
  const noted = new Map<RecordId, readonly EvidenceRecord[]>();
  const adopted = new Map<string, Owner>();

  function note(id: RecordId, evidence: Evidence): void {
    const entry = { ...boundedEvidence(evidence), at: now() };
    noted.set(id, [...(noted.get(id) ?? []), entry]);
  }

  function release(id: RecordId, step: StepRecord): void {
    const name = nameOf(step);
    if (name !== undefined && isOwner(adopted.get(name), id, step)) adopted.delete(name);
  }

  return {
    note,
    release,
    evidence: (id) => (noted.get(id) ?? []).map((entry) => ({ ...entry })),
    adopt(id, step) {
      const name = nameOf(step);
      if (name === undefined) return true;
      const owner = adopted.get(name) ?? { id, step: step.name };
      adopted.set(name, owner);
      if (isOwner(owner, id, step)) return true;
      note(id, takenAlarm(step.name, step.effect?.reference ?? "", owner.id));
      return false;
    },
    remove(id, steps) {
      for (const step of steps) release(id, step);
      noted.delete(id);
    },
  };
}

/** What the provider calls the effect, unique within its kind; undefined without a reference. */
function nameOf({ effect }: StepRecord): string | undefined {
  const { target, reference } = effect ?? {};
  if (target === undefined || reference === undefined) return undefined;
  return JSON.stringify([target.provider, target.kind, reference]);
}

function isOwner(owner: Owner | undefined, id: RecordId, { name }: StepRecord): boolean {
  return owner?.id === id && owner.step === name;
}

/** The record of a step's end, and with a definite one the adoption of its reference. */
export function record(
  ledger: MemoryLedger,
  effects: MemoryEffects,
  holder: Holder,
  name: string,
  end: StepEnd,
): Recorded {
  const answer = ledger.write(holder, recorded(name, end));
  if (answer !== "done" || !("value" in end) || end.reference === undefined) return answer;
  const kept = ledger.find(holder.id);
  const step = kept && stepOf(kept, name);
  return step === undefined || effects.adopt(holder.id, step) ? "done" : "reference-taken";
}
