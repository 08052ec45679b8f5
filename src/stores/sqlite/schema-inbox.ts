import { EVENT_ROUTES, EVENT_STATES } from "../../model/event.ts";
import { literals } from "./sql.ts";

/** The states that pruning may take away. */
export const PRUNABLE: string = literals(
  EVENT_STATES.filter((state) => state !== "waiting" && state !== "dead"),
);

/** What comes in, each once, the objects that it is about, and what persons ordered. */
export function inboxTables(prefix: string): string {
  return [events(prefix), work(prefix), orders(prefix), triggers(prefix)].join("\n");
}

/** Numbers are never given twice, because pages and holders remember them. */
function events(prefix: string): string {
  return `CREATE TABLE ${prefix}inbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  key TEXT NOT NULL,
  fingerprint BLOB NOT NULL,
  type TEXT NOT NULL,
  object TEXT NOT NULL,
  route TEXT NOT NULL CHECK (route IN (${literals(EVENT_ROUTES)})),
  state TEXT NOT NULL CHECK (state IN (${literals(EVENT_STATES)})),
  received_at INTEGER NOT NULL,
  ended_at INTEGER,
  deliveries INTEGER NOT NULL DEFAULT 1 CHECK (deliveries >= 1),
  conflicts INTEGER NOT NULL DEFAULT 0 CHECK (conflicts >= 0),
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  last_error TEXT,
  pruned INTEGER NOT NULL DEFAULT 0 CHECK (pruned IN (0, 1)),
  UNIQUE (source, key),
  CHECK ((state = 'waiting') = (ended_at IS NULL)),
  CHECK (pruned = 0 OR state IN (${PRUNABLE}))
) STRICT;
CREATE INDEX ${prefix}inbox_about ON ${prefix}inbox (object);
CREATE INDEX ${prefix}inbox_dead ON ${prefix}inbox (state) WHERE state = 'dead';
CREATE INDEX ${prefix}inbox_ended ON ${prefix}inbox (pruned, ended_at)
  WHERE state IN (${PRUNABLE});

CREATE TABLE ${prefix}inbox_body (
  number INTEGER PRIMARY KEY,
  body BLOB NOT NULL
) STRICT;

CREATE TABLE ${prefix}inbox_alias (
  source TEXT NOT NULL,
  alias TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (source, alias)
) STRICT, WITHOUT ROWID;
CREATE INDEX ${prefix}inbox_alias_event ON ${prefix}inbox_alias (number);

CREATE TABLE ${prefix}inbox_change (
  source TEXT NOT NULL,
  change TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (source, change)
) STRICT, WITHOUT ROWID;
CREATE INDEX ${prefix}inbox_change_event ON ${prefix}inbox_change (number);
`;
}

/**
 * What waits is small and stands apart, so that it is found among millions of events that ended.
 * `inbox_work.object` is the number of an `inbox_object`, which stays while anything waits.
 */
function work(prefix: string): string {
  return `CREATE TABLE ${prefix}inbox_object (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  source TEXT NOT NULL,
  object TEXT NOT NULL,
  fence INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
  state TEXT,
  due_at INTEGER,
  held_until INTEGER,
  UNIQUE (source, object)
) STRICT;
CREATE INDEX ${prefix}inbox_object_due ON ${prefix}inbox_object (source, due_at)
  WHERE due_at IS NOT NULL;

CREATE TABLE ${prefix}inbox_work (
  number INTEGER PRIMARY KEY,
  object INTEGER NOT NULL,
  starts INTEGER NOT NULL DEFAULT 0 CHECK (starts >= 0),
  due_at INTEGER NOT NULL,
  waits_for TEXT
) STRICT;
CREATE INDEX ${prefix}inbox_work_object ON ${prefix}inbox_work (object);
CREATE INDEX ${prefix}inbox_work_due ON ${prefix}inbox_work (object, due_at);
CREATE INDEX ${prefix}inbox_work_name ON ${prefix}inbox_work (waits_for)
  WHERE waits_for IS NOT NULL;
`;
}

function orders(prefix: string): string {
  return `CREATE TABLE ${prefix}cursor (
  source TEXT PRIMARY KEY,
  place TEXT NOT NULL,
  moved_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE ${prefix}ruling (
  number INTEGER PRIMARY KEY,
  ruled_at INTEGER NOT NULL,
  action TEXT NOT NULL,
  said_by TEXT NOT NULL,
  reason TEXT NOT NULL,
  filter TEXT NOT NULL,
  dry_run INTEGER NOT NULL CHECK (dry_run IN (0, 1)),
  count INTEGER NOT NULL
) STRICT;
`;
}

function triggers(prefix: string): string {
  return `CREATE TRIGGER ${prefix}inbox_fixed
BEFORE UPDATE OF number, source, key, fingerprint, type, object, route, received_at
ON ${prefix}inbox
BEGIN SELECT RAISE(ABORT, 'An event that was taken in never changes.'); END;
CREATE TRIGGER ${prefix}inbox_done BEFORE UPDATE OF state ON ${prefix}inbox
WHEN old.state = 'done' OR old.pruned = 1
BEGIN SELECT RAISE(ABORT, 'An event that was done is never handled again.'); END;
CREATE TRIGGER ${prefix}inbox_kept BEFORE DELETE ON ${prefix}inbox WHEN old.pruned = 0
BEGIN SELECT RAISE(ABORT, 'Only the key of an event that ended can be deleted.'); END;
CREATE TRIGGER ${prefix}inbox_object_fence BEFORE UPDATE OF fence ON ${prefix}inbox_object
WHEN new.fence < old.fence
BEGIN SELECT RAISE(ABORT, 'The fence of an object only grows.'); END;
CREATE TRIGGER ${prefix}inbox_object_kept BEFORE DELETE ON ${prefix}inbox_object
WHEN EXISTS (SELECT 1 FROM ${prefix}inbox_work WHERE object = old.number)
BEGIN SELECT RAISE(ABORT, 'An object stays while events of it wait.'); END;
CREATE TRIGGER ${prefix}ruling_fixed BEFORE UPDATE ON ${prefix}ruling
BEGIN SELECT RAISE(ABORT, 'What a person ordered never changes.'); END;
CREATE TRIGGER ${prefix}ruling_kept BEFORE DELETE ON ${prefix}ruling
BEGIN SELECT RAISE(ABORT, 'What a person ordered is kept.'); END;
`;
}
