import type { Evidence, EvidenceRecord } from "../model/evidence.ts";
import type { StepEnd, Verdict } from "../model/step.ts";

/** How many characters of these texts are kept; the caller cuts earlier, this is the last bound. */
const DETAIL_MAX = 500;
const BY_MAX = 200;

export function boundedDetail(text: string | undefined): string | undefined {
  return text === undefined ? undefined : bounded(text, DETAIL_MAX);
}

/** What was learned must not be lost for a character that a database cannot hold. */
function bounded(text: string, max: number): string {
  return text.slice(0, max).toWellFormed().replaceAll("\0", "\uFFFD");
}

/**
 * What an end says of the last send. A proof from elsewhere says nothing of it, so that its key
 * still counts as one that may have been used.
 */
export function sendVerdict(end: StepEnd): Verdict {
  if ("value" in end) return "definite";
  return end.kind === "not-executed" && end.proven === true ? "unanswered" : end.kind;
}

/** The evidence as it is stored, its texts bounded. */
export function boundedEvidence(evidence: Evidence): Evidence {
  const { step, source, finding, reference } = evidence;
  const detail = boundedDetail(evidence.detail);
  const by = evidence.by === undefined ? undefined : bounded(evidence.by, BY_MAX);
  return {
    ...{ step, source, finding },
    ...(reference === undefined ? {} : { reference }),
    ...(detail === undefined ? {} : { detail }),
    ...(by === undefined ? {} : { by }),
  };
}

/** The alarm of a step whose reference another step, of the operation `owner`, has adopted. */
export function takenAlarm(step: string, reference: string, owner: string): Evidence {
  const detail = `${TAKEN.before}${owner}${TAKEN.after}`;
  return { step, source: "alarm", finding: "executed", reference, detail };
}

/** The alarm's words round the record id of the owner. */
export const TAKEN = {
  before: "The reference is taken: the operation ",
  after: " has adopted it before.",
} as const;

/** Evidence as every SQL store selects it; the time is in milliseconds since the epoch. */
export interface EvidenceRow {
  readonly step: string;
  readonly source: Evidence["source"];
  readonly finding: Evidence["finding"];
  readonly reference: string | null;
  readonly detail: string | null;
  readonly said_by: string | null;
  readonly noted_at: number;
}

export function toEvidence(row: EvidenceRow): EvidenceRecord {
  const { step, source, finding, reference, detail, said_by: by, noted_at: at } = row;
  return {
    ...{ step, source, finding, at },
    ...(reference === null ? {} : { reference }),
    ...(detail === null ? {} : { detail }),
    ...(by === null ? {} : { by }),
  };
}
