import { DOUBTS, FORMS, isFinal, STATES, type State, TRANSITIONS } from "../../model/operation.ts";
import { inboxTables } from "./schema-inbox.ts";
import { outboxTables, outboxTriggers } from "./schema-outbox.ts";
import { stepTables, stepTriggers } from "./schema-steps.ts";
import { literals } from "./sql.ts";

/** One step of the schema's history; what has run anywhere is never edited. */
export interface Migration {
  readonly number: number;
  readonly name: string;
  /** Whether a library that does not know it would do harm on its tables. */
  readonly breaking: boolean;
  readonly sql: string;
}

const FINAL: string = literals(STATES.filter(isFinal));
/** The states that partial indexes keep, so that the open ones are found among millions. */
export const OPEN: string = literals(STATES.filter((state) => !isFinal(state)));
/** When an operation may be taken over; null for a final one and for one that needs a person. */
export const READY = "CASE state WHEN 'running' THEN min(lease_until, run_until) ELSE due_at END";

/** Pruning may still move the other two columns of a final row. */
const FIXED = [
  "number, id, name, version, form, state, fence, attempt_id, attempts, lease_until, run_until",
  "due_at, doubt, last_error, fingerprint, recipe, created_at, final_at",
  "outcome_status, outcome_reference",
].join(", ");

function legal(from: State): string {
  return `old.state = '${from}' AND new.state IN (${literals(TRANSITIONS[from])})`;
}

/** Everything is keyed by a small number, so that the random 32-byte id is in one index only. */
function tables(prefix: string): string {
  return [
    operations(prefix),
    details(prefix),
    outboxTables(prefix),
    stepTables(prefix),
    triggers(prefix),
    outboxTriggers(prefix),
    stepTriggers(prefix),
  ].join("\n");
}

function operations(prefix: string): string {
  return `CREATE TABLE ${prefix}operation (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE CHECK (length(id) = 32),
  name TEXT NOT NULL,
  version INTEGER NOT NULL,
  form TEXT NOT NULL CHECK (form IN (${literals(FORMS)})),
  state TEXT NOT NULL CHECK (state IN (${literals(STATES)})),
  fence INTEGER NOT NULL CHECK (fence >= 1),
  attempt_id TEXT NOT NULL,
  attempts INTEGER NOT NULL CHECK (attempts >= 0),
  lease_until INTEGER,
  run_until INTEGER,
  due_at INTEGER,
  doubt TEXT CHECK (doubt IN (${literals(DOUBTS)})),
  last_error TEXT,
  fingerprint BLOB NOT NULL,
  recipe TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  final_at INTEGER,
  outcome_status INTEGER,
  outcome_reference TEXT,
  response_missing TEXT CHECK (response_missing IN ('pruned', 'too-large')),
  pruned INTEGER NOT NULL DEFAULT 0 CHECK (pruned IN (0, 1)),
  CHECK ((state = 'running') = (lease_until IS NOT NULL)),
  CHECK ((state = 'running') = (run_until IS NOT NULL)),
  CHECK (lease_until <= run_until),
  CHECK ((state IN (${FINAL})) = (final_at IS NOT NULL)),
  CHECK ((state IN (${FINAL})) = (outcome_status IS NOT NULL)),
  CHECK (pruned = 0 OR final_at IS NOT NULL)
) STRICT;
CREATE INDEX ${prefix}operation_ready ON ${prefix}operation (${READY}) WHERE state IN (${OPEN});
CREATE INDEX ${prefix}operation_created ON ${prefix}operation (created_at);
CREATE INDEX ${prefix}operation_final ON ${prefix}operation (pruned, final_at)
  WHERE final_at IS NOT NULL;
`;
}

function details(prefix: string): string {
  return `CREATE TABLE ${prefix}request (
  number INTEGER PRIMARY KEY,
  origin TEXT NOT NULL CHECK (origin IN ('http', 'own')),
  scope TEXT NOT NULL,
  key TEXT NOT NULL,
  input BLOB NOT NULL
) STRICT;

CREATE TABLE ${prefix}response (
  number INTEGER PRIMARY KEY,
  headers TEXT NOT NULL,
  body BLOB NOT NULL,
  stored_at INTEGER NOT NULL
) STRICT;
`;
}

function triggers(prefix: string): string {
  return `CREATE TRIGGER ${prefix}operation_transition BEFORE UPDATE OF state ON ${prefix}operation
WHEN NOT (${STATES.map((from) => `(${legal(from)})`).join("\n  OR ")})
BEGIN SELECT RAISE(ABORT, 'This transition of an operation is not legal.'); END;
CREATE TRIGGER ${prefix}operation_fixed BEFORE UPDATE OF ${FIXED}
ON ${prefix}operation WHEN old.state IN (${FINAL})
BEGIN SELECT RAISE(ABORT, 'A final operation never changes.'); END;
CREATE TRIGGER ${prefix}operation_fence BEFORE UPDATE OF fence ON ${prefix}operation
WHEN new.fence < old.fence
BEGIN SELECT RAISE(ABORT, 'The fence of an operation only grows.'); END;
CREATE TRIGGER ${prefix}operation_kept BEFORE DELETE ON ${prefix}operation WHEN old.pruned = 0
BEGIN SELECT RAISE(ABORT, 'Only the tombstone of an operation can be deleted.'); END;
CREATE TRIGGER ${prefix}response_fixed BEFORE UPDATE ON ${prefix}response
BEGIN SELECT RAISE(ABORT, 'A response never changes.'); END;
`;
}

export function migrations(prefix: string): readonly Migration[] {
  return [
    { number: 1, name: "operations", breaking: true, sql: tables(prefix) },
    { number: 2, name: "inbox", breaking: false, sql: inboxTables(prefix) },
  ];
}

/** Where the migrations that ran, and the store's own settings, are kept. */
export function ledger(prefix: string): string {
  return `CREATE TABLE IF NOT EXISTS ${prefix}migration (
  number INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  applied_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS ${prefix}setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
`;
}

/** The setting that tells an older library whether it may work on these tables. */
export const NEEDS = "schema-needs";

/** Everything that migrating an empty file does, for those who run their own migrations. */
export function schemaText(prefix: string): string {
  const known = migrations(prefix);
  const rows = known.map(
    ({ number, name }) => `(${number}, '${name}', cast(unixepoch('subsec') * 1000 AS INTEGER))`,
  );
  return [
    ledger(prefix),
    ...known.map(({ sql }) => sql),
    `INSERT INTO ${prefix}migration (number, name, applied_at) VALUES ${rows.join(", ")};`,
    `INSERT INTO ${prefix}setting (name, value) VALUES ('${NEEDS}', '${neededNumber(known)}');\n`,
  ].join("\n");
}

/** The number of the newest migration that a library must know to work on these tables. */
export function neededNumber(known: readonly Migration[]): number {
  return Math.max(...known.filter(({ breaking }) => breaking).map(({ number }) => number));
}
