import type { OperationRecord, State, StepRecord } from "../../model/operation.ts";

/**
 * What happened to the operation of one key, for the page. Times are the database's, in
 * milliseconds.
 */
export interface Timeline {
  readonly key: string;
  readonly name: string;
  readonly state: State;
  readonly attempts: number;
  readonly fence: number;
  /** When the present owner's lease ends. */
  readonly leaseUntil: number | null;
  /** When a waiting or doubtful operation runs again. */
  readonly dueAt: number | null;
  readonly lastError: string | null;
  /** The database's now. */
  readonly now: number;
  /** Oldest first. */
  readonly events: readonly TimelineEvent[];
}

export interface TimelineEvent {
  readonly kind: "claimed" | "begun" | "recorded" | "taken-over" | "doubt" | "waiting" | "settled";
  /** Null where the record keeps no time of it. */
  readonly at: number | null;
  readonly text: string;
}

/** The timeline that a record tells. */
export function timelineOf(key: string, record: OperationRecord, now: number): Timeline {
  return {
    key,
    name: record.name,
    state: record.state,
    attempts: record.attempts,
    fence: record.fence,
    leaseUntil: record.leaseUntil ?? null,
    dueAt: record.dueAt ?? null,
    lastError: record.lastError ?? null,
    now,
    events: [
      { kind: "claimed", at: record.createdAt, text: "Claimed under its unique id" },
      ...attempts(record),
      ...stepEvents(record.steps),
      ...latest(record),
    ],
  };
}

/** The record counts its claims but keeps no time of the later ones, so they stand by the first. */
function attempts({ attempts: count }: OperationRecord): TimelineEvent[] {
  if (count < 2) return [];
  return [{ kind: "taken-over", at: null, text: `Claimed again since: attempt ${count}` }];
}

function stepEvents(steps: readonly StepRecord[]): TimelineEvent[] {
  return steps
    .flatMap((step): (TimelineEvent & { readonly at: number })[] => {
      const { name, begunAt, recordedAt, result } = step;
      const recorded = `Step "${name}" recorded${result?.kind === "declined" ? ": declined" : ""}`;
      return [
        ...(step.kind === "external"
          ? [{ kind: "begun" as const, at: begunAt, text: `Step "${name}" begun, then sent` }]
          : []),
        ...(recordedAt === undefined
          ? []
          : [{ kind: "recorded" as const, at: recordedAt, text: recorded }]),
      ];
    })
    .sort((one, other) => one.at - other.at);
}

function latest(record: OperationRecord): TimelineEvent[] {
  const events: TimelineEvent[] = [];
  const { state, outcome } = record;
  if (state === "in_doubt")
    events.push({ kind: "doubt", at: null, text: `In doubt: ${record.doubt ?? "effect-unknown"}` });
  if (state === "waiting")
    events.push({ kind: "waiting", at: null, text: "Waiting; nothing was executed" });
  if (outcome !== undefined)
    events.push({
      kind: "settled",
      at: record.finalAt ?? null,
      text: `Settled: ${outcome.kind}, ${outcome.status}`,
    });
  return events;
}
