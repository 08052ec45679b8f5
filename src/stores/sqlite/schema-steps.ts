import { EVIDENCE_SOURCES } from "../../model/evidence.ts";
import { RESULT_KINDS, VERDICTS } from "../../model/step.ts";
import { literals } from "./sql.ts";

/** What is known of steps, of what they sent, and of whose effects they are. */
export function stepTables(prefix: string): string {
  return [steps(prefix), sends(prefix), effects(prefix)].join("\n");
}

function steps(prefix: string): string {
  return `CREATE TABLE ${prefix}step (
  number INTEGER NOT NULL,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('atomic', 'external')),
  input_digest TEXT NOT NULL,
  fence INTEGER NOT NULL,
  begun_at INTEGER NOT NULL,
  recorded_at INTEGER,
  result_kind TEXT CHECK (result_kind IN (${literals(RESULT_KINDS)})),
  result_value BLOB,
  provider_key TEXT,
  generation INTEGER NOT NULL DEFAULT 0 CHECK (generation >= 0),
  provider TEXT,
  effect_kind TEXT,
  account TEXT,
  region TEXT,
  request BLOB,
  replay_until INTEGER,
  look_up INTEGER NOT NULL DEFAULT 0 CHECK (look_up IN (0, 1)),
  reference TEXT,
  compensates TEXT,
  compensated INTEGER NOT NULL DEFAULT 0 CHECK (compensated IN (0, 1)),
  PRIMARY KEY (number, name),
  CHECK ((result_kind IS NULL) = (recorded_at IS NULL)),
  CHECK ((result_kind IS NULL) = (result_value IS NULL)),
  CHECK ((provider IS NULL) = (effect_kind IS NULL)),
  CHECK (kind = 'external' OR result_kind = 'succeeded')
) STRICT, WITHOUT ROWID;
`;
}

/** A key is whose it was for ever, whatever key its step is sent with later. */
function sends(prefix: string): string {
  return `CREATE TABLE ${prefix}send (
  number INTEGER NOT NULL,
  step TEXT NOT NULL,
  send INTEGER NOT NULL CHECK (send >= 1),
  generation INTEGER NOT NULL,
  fence INTEGER NOT NULL,
  sent_at INTEGER NOT NULL,
  verdict TEXT CHECK (verdict IN (${literals(VERDICTS)})),
  detail TEXT,
  PRIMARY KEY (number, step, send)
) STRICT, WITHOUT ROWID;

CREATE TABLE ${prefix}sent_key (
  provider_key TEXT PRIMARY KEY,
  number INTEGER NOT NULL,
  step TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ${prefix}sent_key_operation ON ${prefix}sent_key (number);
`;
}

function effects(prefix: string): string {
  return `CREATE TABLE ${prefix}adopted (
  provider TEXT NOT NULL,
  effect_kind TEXT NOT NULL,
  reference TEXT NOT NULL,
  operation_id BLOB NOT NULL,
  step TEXT NOT NULL,
  PRIMARY KEY (provider, effect_kind, reference)
) STRICT, WITHOUT ROWID;

CREATE TABLE ${prefix}evidence (
  id INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  step TEXT NOT NULL,
  source TEXT NOT NULL CHECK (source IN (${literals(EVIDENCE_SOURCES)})),
  finding TEXT NOT NULL,
  reference TEXT,
  detail TEXT,
  said_by TEXT,
  noted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX ${prefix}evidence_operation ON ${prefix}evidence (number);
`;
}

/** All of a step but whether it was taken back, and the request that pruning takes away. */
const FIXED = [
  "number, name, position, kind, input_digest, fence, begun_at, recorded_at, result_kind",
  "result_value, provider_key, generation, provider, effect_kind, account, region, replay_until",
  "look_up, reference, compensates",
].join(", ");

export function stepTriggers(prefix: string): string {
  return `CREATE TRIGGER ${prefix}step_fixed BEFORE UPDATE OF ${FIXED} ON ${prefix}step
WHEN old.result_kind = 'succeeded'
  OR old.result_kind = 'declined' AND (old.compensates IS NULL OR new.result_kind = 'declined')
BEGIN SELECT RAISE(ABORT, 'A recorded step never changes.'); END;
CREATE TRIGGER ${prefix}step_taken_back BEFORE UPDATE OF compensated ON ${prefix}step
WHEN new.compensated < old.compensated
BEGIN SELECT RAISE(ABORT, 'A step that was taken back stays so.'); END;
CREATE TRIGGER ${prefix}send_fixed BEFORE UPDATE ON ${prefix}send WHEN old.verdict IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'A verdict never changes.'); END;
CREATE TRIGGER ${prefix}evidence_fixed BEFORE UPDATE ON ${prefix}evidence
BEGIN SELECT RAISE(ABORT, 'Evidence is only ever added.'); END;
CREATE TRIGGER ${prefix}evidence_kept BEFORE DELETE ON ${prefix}evidence
WHEN EXISTS (SELECT 1 FROM ${prefix}operation WHERE number = old.number AND pruned = 0)
BEGIN SELECT RAISE(ABORT, 'Evidence goes only with the tombstone of its operation.'); END;
`;
}
