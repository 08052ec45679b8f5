import { OPEN_MESSAGE_STATES } from "../../model/message.ts";
import type { Names } from "./statements.ts";

/** Events, each once, and the objects that they are about. */
export function inboxTables(names: Names): string {
  return [eventTables(names), workTables(names)].join("\n\n");
}

/** What is kept of every event. The numbers are given out before it is known who is new. */
function eventTables({ inbox, alias, change, body, prefix, of }: Names): string {
  return `CREATE SEQUENCE ${of("inbox_number")};

CREATE TABLE ${inbox} (
  number bigint PRIMARY KEY,
  received_at timestamptz NOT NULL,
  ended_at timestamptz,
  deliveries integer NOT NULL,
  conflicts integer NOT NULL DEFAULT 0,
  attempts integer NOT NULL DEFAULT 0,
  state ${of("event_state")} NOT NULL,
  route ${of("event_route")} NOT NULL,
  source text NOT NULL,
  key text NOT NULL,
  fingerprint bytea NOT NULL,
  type text NOT NULL,
  object text NOT NULL,
  last_error text,
  UNIQUE (source, key)
);
CREATE INDEX ${prefix}inbox_received ON ${inbox} (received_at);
CREATE INDEX ${prefix}inbox_dead ON ${inbox} (number) WHERE state = 'dead';

CREATE TABLE ${alias} (
  source text NOT NULL,
  alias text NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (source, alias)
);
CREATE INDEX ${prefix}inbox_alias_number ON ${alias} (number);

CREATE TABLE ${change} (
  source text NOT NULL,
  change text NOT NULL,
  number bigint NOT NULL,
  PRIMARY KEY (source, change)
);
CREATE INDEX ${prefix}inbox_change_number ON ${change} (number);

CREATE TABLE ${body} (
  number bigint PRIMARY KEY,
  body bytea NOT NULL
);`;
}

/**
 * What still waits, and who may handle it. A claim changes none of the indexed columns of an
 * object, so that it leaves no dead entries in the index that the next claim reads. Fences come
 * from a sequence: the row of an object goes, and its old holders stay.
 */
function workTables({ work, object, cursor, prefix, of }: Names): string {
  return `CREATE TABLE ${work} (
  number bigint PRIMARY KEY,
  due_at timestamptz NOT NULL,
  starts integer NOT NULL DEFAULT 0,
  source text NOT NULL,
  object text NOT NULL,
  waits_for text
) WITH (fillfactor = 70);
CREATE INDEX ${prefix}inbox_work_object ON ${work} (source, object, number);
CREATE INDEX ${prefix}inbox_work_waits ON ${work} (waits_for) WHERE waits_for IS NOT NULL;

CREATE SEQUENCE ${of("inbox_fence")};

CREATE TABLE ${object} (
  fence bigint NOT NULL DEFAULT 0,
  due_at timestamptz,
  held_until timestamptz,
  source text NOT NULL,
  object text NOT NULL,
  state text,
  PRIMARY KEY (source, object)
) WITH (fillfactor = 70);
CREATE INDEX ${prefix}inbox_object_due ON ${object} (source, due_at) WHERE due_at IS NOT NULL;

CREATE TABLE ${cursor} (
  source text PRIMARY KEY,
  place text NOT NULL,
  moved_at timestamptz NOT NULL
);`;
}

/** The states of a message that keep later ones of its aggregate back, for a statement. */
export const OPEN_STATES: string = OPEN_MESSAGE_STATES.map((state) => `'${state}'`).join(", ");

/** What goes out, and what persons ordered. */
export function outboxTable({ outbox, ruling, prefix, of }: Names): string {
  return `CREATE TABLE ${outbox} (
  id bigserial PRIMARY KEY,
  fence bigint NOT NULL DEFAULT 0,
  staged_at timestamptz NOT NULL,
  due_at timestamptz,
  first_sent_at timestamptz,
  ended_at timestamptz,
  sends integer NOT NULL DEFAULT 0,
  state ${of("message_state")} NOT NULL DEFAULT 'waiting',
  doubted boolean NOT NULL DEFAULT false,
  operation_id bytea NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  aggregate text,
  payload bytea,
  reference text,
  last_error text,
  UNIQUE (topic, key)
);
CREATE INDEX ${prefix}outbox_operation ON ${outbox} (operation_id, id);
CREATE INDEX ${prefix}outbox_due ON ${outbox} (topic, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX ${prefix}outbox_aggregate ON ${outbox} (topic, aggregate, id)
  WHERE aggregate IS NOT NULL AND state IN (${OPEN_STATES});
CREATE INDEX ${prefix}outbox_halted ON ${outbox} (id) WHERE state IN ('in_doubt', 'dead');
CREATE INDEX ${prefix}outbox_sent ON ${outbox} (ended_at) WHERE state = 'sent' AND payload IS NOT NULL;

CREATE TABLE ${ruling} (
  id bigserial PRIMARY KEY,
  ruled_at timestamptz NOT NULL,
  action text NOT NULL,
  said_by text NOT NULL,
  reason text NOT NULL,
  filter text NOT NULL,
  dry_run boolean NOT NULL,
  count integer NOT NULL
);`;
}
