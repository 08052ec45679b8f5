import type { Evidence } from "../../src/model/evidence.ts";
import type { StepBegin, StepEnd, StepRecord } from "../../src/model/step.ts";
import type { Snapshot } from "../../src/store.ts";
import type { Scene } from "./acquirer.ts";

/** A store, and what a process has asked of it about its steps. */
export interface Watched {
  readonly store: Scene["store"];
  readonly begun: StepBegin[];
  readonly recorded: { readonly name: string; readonly end: StepEnd }[];
  readonly noted: Evidence[];
  /** How often the evidence was read. */
  readings: number;
}

export function watched({ store }: Scene): Watched {
  const self: Watched = {
    ...{ begun: [], recorded: [], noted: [], readings: 0 },
    store: {
      ...store,
      begin: (holder, step) => {
        self.begun.push(step);
        return store.begin(holder, step);
      },
      record: (holder, name, end) => {
        self.recorded.push({ name, end });
        return store.record(holder, name, end);
      },
      note: (id, evidence) => {
        self.noted.push(evidence);
        return store.note(id, evidence);
      },
      evidence: (id) => {
        self.readings += 1;
        return store.evidence(id);
      },
    },
  };
  return self;
}

/** The same store, whose take-overs find something else than what is there. */
export function finding(
  { store }: Scene,
  change: (snapshot: Snapshot) => Snapshot,
): Scene["store"] {
  return {
    ...store,
    takeOver: async (request) => {
      const answer = await store.takeOver(request);
      if (answer.kind !== "ok" || answer.value.kind !== "claimed") return answer;
      const { kind, snapshot } = answer.value;
      return { kind: "ok", value: { kind, snapshot: change(snapshot) } };
    },
  };
}

/** The same for the effect of its one step. */
export function findingEffect(
  scene: Scene,
  change: (effect: NonNullable<StepRecord["effect"]>) => NonNullable<StepRecord["effect"]>,
): Scene["store"] {
  return finding(scene, ({ record, now }) => {
    const steps = record.steps.map((step) =>
      step.effect === undefined ? step : { ...step, effect: change(step.effect) },
    );
    return { record: { ...record, steps }, now };
  });
}
