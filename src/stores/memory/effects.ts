import type { Evidence, EvidenceRecord } from "../../model/evidence.ts";
import type { RecordId } from "../../model/key.ts";
import type { Holder } from "../../model/operation.ts";
import type {
  EffectMark,
  StepBegin,
  StepEnd,
  StepName,
  StepRecord,
  Target,
} from "../../model/step.ts";
import type { Fenced, Recorded } from "../../store.ts";
import { boundedEvidence, takenAlarm } from "../evidence.ts";
import { stepOf } from "./change.ts";
import type { MemoryLedger } from "./ledger.ts";
import type { Shelves } from "./shelves.ts";
import { begun, recorded } from "./steps.ts";

/** What is known of effects beside the records: the evidence, and whose each reference is. */
export interface MemoryEffects {
  note(id: RecordId, evidence: Evidence): void;
  evidence(id: RecordId): EvidenceRecord[];
  /** False if another step has adopted the reference of this one; then the evidence says so. */
  adopt(id: RecordId, step: StepRecord): boolean;
  /** Takes back what `adopt` did for the step. */
  release(id: RecordId, step: StepRecord): void;
  /** Remembers the key of a step's send, whatever key it is sent with later. */
  sent(id: RecordId, step: string, providerKey: string): void;
  /** Whose the effect is. */
  stepOf(mark: EffectMark): StepName | undefined;
  /** Forgets all of an operation and its steps. */
  remove(id: RecordId, steps: readonly StepRecord[]): void;
}

export function effectsInMemory(shelves: Shelves, now: () => number): MemoryEffects {
  const noted = shelves.map<RecordId, readonly EvidenceRecord[]>();
  const adopted = shelves.map<string, StepName>();
  const keys = shelves.map<string, StepName>();

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
    sent: (id, step, providerKey) => void keys.set(providerKey, { id, step }),
    stepOf(mark) {
      const owner =
        "providerKey" in mark
          ? keys.get(mark.providerKey)
          : adopted.get(nameOfReference(mark, mark.reference));
      return owner && { ...owner };
    },
    remove(id, steps) {
      for (const [key, owner] of keys) if (owner.id === id) keys.delete(key);
      for (const step of steps) release(id, step);
      noted.delete(id);
    },
  };
}

/** What the provider calls the effect, unique within its kind; undefined without a reference. */
function nameOf({ effect }: StepRecord): string | undefined {
  const { target, reference } = effect ?? {};
  if (target === undefined || reference === undefined) return undefined;
  return nameOfReference(target, reference);
}

function nameOfReference(target: Pick<Target, "provider" | "kind">, reference: string): string {
  return JSON.stringify([target.provider, target.kind, reference]);
}

function isOwner(owner: StepName | undefined, id: RecordId, { name }: StepRecord): boolean {
  return owner?.id === id && owner.step === name;
}

/** A send, and the key by which its step is found. */
export function begin(
  ledger: MemoryLedger,
  effects: MemoryEffects,
  holder: Holder,
  step: StepBegin,
): Fenced {
  const before = ledger.find(holder.id);
  const known = before && stepOf(before, step.name);
  const answer = ledger.write(holder, begun(step));
  const record = ledger.find(holder.id);
  // A step that may have been sent keeps its own mark.
  const mark = known === undefined || known.result !== undefined ? step.mark : undefined;
  const key = (record && stepOf(record, step.name)?.effect?.providerKey) ?? mark;
  if (answer === "done" && key !== undefined) effects.sent(holder.id, step.name, key);
  return answer;
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
