import { EVENT_STATES, type EventState } from "../../model/event.ts";
import { MESSAGE_STATES, type MessageState } from "../../model/message.ts";
import { clockAt, milliseconds, type Names } from "./statements.ts";

const time = (column: string, name: string): string => `${milliseconds(column)} AS "${name}"`;

/** An event as anyone may read it, and when it is handled next. */
const EVENT = `i.number, i.source, i.key, i.type, i.object, i.state, i.route,
    ${time("i.received_at", "receivedAt")}, ${time("i.ended_at", "endedAt")}, i.deliveries,
    i.conflicts, i.attempts, ${time("w.due_at", "dueAt")}, w.waits_for AS "waitsFor",
    i.last_error AS error`;

/**
 * `$1` the numbers, `$2` the source, `$3` the type, `$4` the object, `$5` the last one seen, `$6`
 * the limit. The state stands in the text, so that its own index or table is read.
 */
export function listEvents({ inbox, work }: Names, state: EventState | undefined): string {
  const inState = EVENT_STATES.includes(state as EventState) ? `i.state = '${state}'` : "true";
  const waiting = state === "waiting";
  return `SELECT row_to_json(event) FROM (
  SELECT ${EVENT} FROM ${inbox} AS i ${waiting ? "" : "LEFT"} JOIN ${work} AS w ON w.number = i.number
  WHERE ${inState}
    AND ($1::text IS NULL OR i.number = ANY($1::text::text[]::bigint[]))
    AND ($2::text IS NULL OR i.source = $2::text) AND ($3::text IS NULL OR i.type = $3::text)
    AND ($4::text IS NULL OR i.object = $4::text)
    AND ($5::text IS NULL OR i.number < $5::text::bigint)
  ORDER BY ${waiting ? "w" : "i"}.number DESC LIMIT $6::text::bigint
) AS event`;
}

/** The statements of the inbox that are not functions. */
export function inboxStatements(
  names: Names,
): Readonly<Record<"read" | "counts" | "cursor" | "bodies" | "keys", string>> {
  const { inbox, alias, change, body, work, cursor } = names;
  const ended = "i.state NOT IN ('waiting', 'dead')";
  return {
    read: `SELECT row_to_json(event) FROM (
  SELECT ${EVENT}, encode(b.body, 'hex') AS body FROM ${inbox} AS i
    LEFT JOIN ${work} AS w ON w.number = i.number LEFT JOIN ${body} AS b ON b.number = i.number
  WHERE i.number = $1::text::bigint
) AS event`,
    counts: `SELECT row_to_json(counts) FROM (
  SELECT source, count(*) AS events, count(*) FILTER (WHERE route = 'sweep') AS swept,
    count(*) FILTER (WHERE state = 'waiting') AS waiting,
    count(*) FILTER (WHERE state = 'dead') AS dead,
    sum(deliveries) AS deliveries, sum(conflicts) AS conflicts
  FROM ${inbox} GROUP BY source ORDER BY source
) AS counts`,
    cursor: `SELECT place FROM ${cursor} WHERE source = $1::text`,
    // Numbers grow with time but for calls that overlap, so the newest old ones bound the search.
    bodies: `WITH old AS MATERIALIZED (
  SELECT i.number FROM ${body} AS b JOIN ${inbox} AS i ON i.number = b.number
  WHERE ${ended} AND i.ended_at < ${BEFORE} AND b.number <= (
    SELECT max(number) FROM (SELECT number FROM ${inbox} WHERE received_at < ${BEFORE}
      ORDER BY received_at DESC LIMIT 1000) AS newest)
  ORDER BY b.number LIMIT $3::text::bigint FOR UPDATE OF i SKIP LOCKED
), gone AS (
  DELETE FROM ${body} WHERE number IN (SELECT number FROM old) RETURNING 1
) SELECT count(*)::text FROM gone`,
    // Only an event whose body is gone goes as a whole.
    keys: `WITH old AS MATERIALIZED (
  SELECT i.number FROM ${inbox} AS i
  WHERE ${ended} AND i.ended_at < ${BEFORE} AND i.received_at < ${BEFORE}
    AND NOT EXISTS (SELECT FROM ${body} AS b WHERE b.number = i.number)
  ORDER BY i.received_at LIMIT $3::text::bigint FOR UPDATE SKIP LOCKED
), named AS (
  DELETE FROM ${alias} WHERE number IN (SELECT number FROM old)
), changed AS (
  DELETE FROM ${change} WHERE number IN (SELECT number FROM old)
), gone AS (
  DELETE FROM ${inbox} WHERE number IN (SELECT number FROM old) RETURNING 1
) SELECT count(*)::text FROM gone`,
  };
}

/** Pruning: `$1` the skew, `$2` the age in milliseconds, `$3` the limit. */
const BEFORE = `${clockAt("$1::text::float8")} - $2::text::float8 * interval '1 millisecond'`;

/** `$1` the numbers, `$2` the topic, `$3` the last one seen, `$4` the limit. */
export function listMessages({ outbox }: Names, state: MessageState | undefined): string {
  const inState = MESSAGE_STATES.includes(state as MessageState) ? `state = '${state}'` : "true";
  return `SELECT row_to_json(message) FROM (
  SELECT id AS number, topic, key, aggregate, encode(operation_id, 'hex') AS origin, state,
    ${time("staged_at", "stagedAt")}, sends, ${time("first_sent_at", "firstSentAt")},
    ${time("ended_at", "endedAt")}, ${time("due_at", "dueAt")}, doubted, reference,
    last_error AS error
  FROM ${outbox} WHERE ${inState}
    AND ($1::text IS NULL OR id = ANY($1::text::text[]::bigint[]))
    AND ($2::text IS NULL OR topic = $2::text)
    AND ($3::text IS NULL OR id < $3::text::bigint)
  ORDER BY id DESC LIMIT $4::text::bigint
) AS message`;
}

export function pruneMessages({ outbox }: Names): string {
  return `WITH old AS MATERIALIZED (
  SELECT id FROM ${outbox}
  WHERE state = 'sent' AND payload IS NOT NULL AND ended_at < ${BEFORE}
  ORDER BY ended_at LIMIT $3::text::bigint FOR UPDATE SKIP LOCKED
), gone AS (
  UPDATE ${outbox} SET payload = NULL WHERE id IN (SELECT id FROM old) RETURNING 1
) SELECT count(*)::text FROM gone`;
}

/** What persons ordered: `$1` the beginning of the action, `$2` the limit. */
export function listRulings({ ruling }: Names): string {
  return `SELECT row_to_json(ruling) FROM (
  SELECT ${time("ruled_at", "at")}, action, said_by AS by, reason, filter,
    dry_run AS "dryRun", count
  FROM ${ruling} WHERE starts_with(action, $1::text) ORDER BY id DESC LIMIT $2::text::bigint
) AS ruling`;
}
