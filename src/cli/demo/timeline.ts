import type { EvidenceRecord } from "../../model/evidence.ts";
import type { OperationRecord, State } from "../../model/operation.ts";
import type { SendRecord, StepRecord } from "../../model/step.ts";
import type { Snapshot } from "../../store.ts";

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
  readonly kind:
    | ("claimed" | "sent" | "lost" | "recorded" | "evidence")
    | ("taken-over" | "doubt" | "waiting" | "settled");
  /** Null where the record keeps no time of it. */
  readonly at: number | null;
  readonly text: string;
}

type TimedEvent = TimelineEvent & { readonly at: number };

/** The timeline that a record and what was learned of its effects tell. */
export function timelineOf(
  key: string,
  { record, now }: Snapshot,
  evidence: readonly EvidenceRecord[],
): Timeline {
  const happened = [...record.steps.flatMap(stepEvents), ...evidence.map(evidenceEvent)];
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
      ...happened.sort((one, other) => one.at - other.at),
      ...latest(record),
    ],
  };
}

/** The record counts its claims but keeps no time of the later ones, so they stand by the first. */
function attempts({ attempts: count }: OperationRecord): TimelineEvent[] {
  if (count < 2) return [];
  return [{ kind: "taken-over", at: null, text: `Claimed again since: attempt ${count}` }];
}

function stepEvents(step: StepRecord): TimedEvent[] {
  const { name, recordedAt, result, effect } = step;
  const sends = (effect?.sends ?? []).map((send) => sendEvent(name, send, result !== undefined));
  if (recordedAt === undefined) return sends;
  const what = result?.kind === "succeeded" ? "" : `: ${(result?.kind ?? "").replace("-", " ")}`;
  const reference = effect?.reference === undefined ? "" : ` as ${effect.reference}`;
  return [
    ...sends,
    { kind: "recorded", at: recordedAt, text: `Step "${name}" recorded${what}${reference}` },
  ];
}

const VERDICT_TEXTS = {
  definite: "its result is definite",
  "not-executed": "proved not executed",
  unanswered: "no answer, so it may have happened",
  failed: "the provider failed, so it may have happened",
  frozen: "refused for ever under this key, so it may have happened",
} as const;

function sendEvent(
  step: string,
  { number, sentAt, verdict, detail }: SendRecord,
  settled: boolean,
): TimedEvent {
  const open = settled ? "its answer was never recorded" : "no answer recorded yet";
  const came = verdict === undefined ? open : VERDICT_TEXTS[verdict];
  const why = detail === undefined ? "" : ` (${detail.slice(0, DETAIL_MAX)})`;
  const known = verdict === "definite" || verdict === "not-executed";
  const text = `Send ${number} of "${step}": ${came}${why}`;
  return { kind: known ? "sent" : "lost", at: sentAt, text };
}

const DETAIL_MAX = 120;

function evidenceEvent({ step, source, finding, at, ...known }: EvidenceRecord): TimedEvent {
  const { reference, detail, by } = known;
  const more = [reference, by === undefined ? undefined : `by ${by}`, detail].filter(Boolean);
  const rest = more.length === 0 ? "" : ` (${more.join(", ").slice(0, DETAIL_MAX)})`;
  const who = source.replace("-", " ");
  const text = `Evidence of "${step}" from a ${who}: ${finding.replace("-", " ")}${rest}`;
  return { kind: "evidence", at, text };
}

function latest(record: OperationRecord): TimelineEvent[] {
  const { state, outcome, doubt, dueAt, finalAt } = record;
  if (state === "in_doubt") {
    const then = dueAt === undefined ? "only a person can settle it" : "it will be resolved again";
    return [{ kind: "doubt", at: null, text: `In doubt (${doubt ?? "effect-unknown"}): ${then}` }];
  }
  if (state === "waiting")
    return [{ kind: "waiting", at: null, text: "Waiting to run again; no effect is in doubt" }];
  if (outcome === undefined) return [];
  const text = `Settled: ${outcome.kind}, ${outcome.status}`;
  return [{ kind: "settled", at: finalAt ?? null, text }];
}
