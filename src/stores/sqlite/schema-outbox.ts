import { MESSAGE_STATES, OPEN_MESSAGE_STATES } from "../../model/message.ts";
import { literals } from "./sql.ts";

/** Those that keep later messages of their aggregate back. */
export const OPEN_MESSAGE: string = literals(OPEN_MESSAGE_STATES);
/** Those that a claim can find. */
export const CLAIMABLE: string = literals(["waiting", "sending"]);
/** Those that wait for a person's word. */
export const UNSETTLED: string = literals(["in_doubt", "dead"]);

/**
 * What goes out. `behind` keeps messages that an earlier one holds back out of the index of those
 * that are due, so that a claim does not read past all of them.
 */
export function outboxTables(prefix: string): string {
  return `CREATE TABLE ${prefix}outbox (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  origin BLOB NOT NULL CHECK (length(origin) = 32),
  topic TEXT NOT NULL,
  key TEXT NOT NULL,
  aggregate TEXT,
  payload BLOB NOT NULL,
  state TEXT NOT NULL CHECK (state IN (${literals(MESSAGE_STATES)})),
  behind INTEGER NOT NULL CHECK (behind IN (0, 1)),
  fence INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0),
  staged_at INTEGER NOT NULL,
  sends INTEGER NOT NULL DEFAULT 0 CHECK (sends >= 0),
  first_sent_at INTEGER,
  ended_at INTEGER,
  due_at INTEGER,
  doubted INTEGER NOT NULL DEFAULT 0 CHECK (doubted IN (0, 1)),
  reference TEXT,
  last_error TEXT,
  UNIQUE (topic, key),
  CHECK ((state IN (${CLAIMABLE})) = (due_at IS NOT NULL)),
  CHECK ((state IN (${CLAIMABLE})) = (ended_at IS NULL)),
  CHECK ((sends = 0) = (first_sent_at IS NULL)),
  CHECK (aggregate IS NOT NULL OR behind = 0)
) STRICT;
CREATE INDEX ${prefix}outbox_origin ON ${prefix}outbox (origin);
CREATE INDEX ${prefix}outbox_due ON ${prefix}outbox (topic, due_at)
  WHERE behind = 0 AND state IN (${CLAIMABLE});
CREATE INDEX ${prefix}outbox_open ON ${prefix}outbox (topic, aggregate)
  WHERE aggregate IS NOT NULL AND state IN (${OPEN_MESSAGE});
CREATE INDEX ${prefix}outbox_unsettled ON ${prefix}outbox (state) WHERE state IN (${UNSETTLED});
CREATE INDEX ${prefix}outbox_prunable ON ${prefix}outbox (ended_at)
  WHERE state = 'sent' AND payload <> x'';
`;
}

export function outboxTriggers(prefix: string): string {
  return `CREATE TRIGGER ${prefix}outbox_fixed
BEFORE UPDATE OF number, origin, topic, key, aggregate, staged_at ON ${prefix}outbox
BEGIN SELECT RAISE(ABORT, 'What was staged never changes.'); END;
CREATE TRIGGER ${prefix}outbox_payload BEFORE UPDATE OF payload ON ${prefix}outbox
WHEN old.state <> 'sent' OR new.payload <> x''
BEGIN SELECT RAISE(ABORT, 'Only the payload of a sent message can be pruned.'); END;
CREATE TRIGGER ${prefix}outbox_sent BEFORE UPDATE OF state ON ${prefix}outbox
WHEN old.state = 'sent'
BEGIN SELECT RAISE(ABORT, 'A message that was sent is never sent again.'); END;
CREATE TRIGGER ${prefix}outbox_fence BEFORE UPDATE OF fence ON ${prefix}outbox
WHEN new.fence < old.fence
BEGIN SELECT RAISE(ABORT, 'The fence of a message only grows.'); END;
CREATE TRIGGER ${prefix}outbox_kept BEFORE DELETE ON ${prefix}outbox
BEGIN SELECT RAISE(ABORT, 'The business key of a message stays taken.'); END;
`;
}
