import { keepRuling } from "./functions-objects.ts";
import { define, LEASE, refuseIsolation } from "./functions-shared.ts";
import { OPEN_STATES } from "./schema-inbox.ts";
import { milliseconds, type Names } from "./statements.ts";

/** The functions of what goes out. */
export function outboxFunctions(names: Names): string {
  return [
    wakeFunction(names),
    claimMessagesFunction(names),
    endMessageFunction(names),
    settleMessagesFunction(names),
  ].join("\n\n");
}

/**
 * A message that stands behind another one of its aggregate is looked at this much later: the end
 * of that one makes it due at once, so that a long line costs the claims nothing.
 */
const BEHIND = "interval '10 minutes'";

/** The next message of an aggregate, if it has not been sent yet, is due as when it was staged. */
function wakeFunction({ outbox, of }: Names): string {
  return `CREATE FUNCTION ${of("wake_message")}(p_topic text, p_aggregate text,
  p_moment timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ${outbox} SET due_at = least(staged_at, p_moment)
    WHERE sends = 0 AND state = 'waiting' AND id = (
      SELECT id FROM ${outbox}
      WHERE topic = p_topic AND aggregate = p_aggregate AND state IN (${OPEN_STATES})
      ORDER BY id LIMIT 1);
END $$;`;
}

/**
 * Messages that are due and the first of their aggregate. What is behind another one is put off
 * under its own lock, and the end of that one waits for the lock before it makes it due.
 */
function claimMessagesFunction(names: Names): string {
  const { outbox } = names;
  const declare = `candidates bigint[];
  behind bigint[];
  given bigint[] := '{}';
  missing bigint := p_limit;
  reach bigint := p_limit;
  sending json;`;
  const body = `  ${refuseIsolation()}
  -- A line of thousands is put off by several claims, and none of them takes long.
  FOR round IN 1..5 LOOP
    candidates := ARRAY(SELECT due.id FROM (SELECT DISTINCT unnest(p_topics) AS topic) AS wanted
      CROSS JOIN LATERAL (
        SELECT m.id, m.due_at FROM ${outbox} AS m
        WHERE m.topic = wanted.topic AND m.due_at <= moment AND m.id <> ALL(given)
        ORDER BY m.due_at, m.id LIMIT reach FOR NO KEY UPDATE SKIP LOCKED
      ) AS due ORDER BY due.due_at, due.id);
    EXIT WHEN cardinality(candidates) = 0;
    behind := ARRAY(SELECT m.id FROM ${outbox} AS m
      WHERE m.id = ANY(candidates) AND m.aggregate IS NOT NULL AND EXISTS (
        SELECT FROM ${outbox} AS earlier
        WHERE earlier.topic = m.topic AND earlier.aggregate = m.aggregate AND earlier.id < m.id
          AND earlier.state IN (${OPEN_STATES})));
    -- One that was sent before has a time of its own, which nobody could give back to it.
    UPDATE ${outbox} SET due_at = moment + ${BEHIND} WHERE id = ANY(behind) AND sends = 0;
    given := given || (SELECT coalesce(array_agg(free.id ORDER BY free.position), '{}') FROM (
      SELECT c.id, c.position FROM unnest(candidates) WITH ORDINALITY AS c(id, position)
      WHERE c.id <> ALL(behind) ORDER BY c.position LIMIT missing) AS free);
    missing := p_limit - cardinality(given);
    EXIT WHEN missing <= 0 OR cardinality(behind) = 0;
    reach := 500;
  END LOOP;
  WITH sent AS (
    UPDATE ${outbox} SET state = 'sending', fence = fence + 1, sends = sends + 1,
        first_sent_at = coalesce(first_sent_at, moment), due_at = moment + ${LEASE("p_lease_ms")},
        doubted = doubted OR state = 'sending'
      WHERE id = ANY(given) RETURNING *
  )
  SELECT json_agg(json_build_object('number', id, 'fence', fence, 'topic', topic, 'key', key,
      'aggregate', aggregate, 'origin', encode(operation_id, 'hex'),
      'payload', encode(payload, 'hex'), 'stagedAt', ${milliseconds("staged_at")},
      'sends', sends, 'firstSentAt', ${milliseconds("first_sent_at")}, 'doubted', doubted,
      'now', ${milliseconds("moment")}) ORDER BY array_position(given, id))
    INTO sending FROM sent;
  RETURN coalesce(sending, '[]');`;
  return define(names, "claim_messages", declare, body);
}

function endMessageFunction(names: Names): string {
  const { outbox, of } = names;
  const declare = `ended ${outbox};`;
  const body = `  ${refuseIsolation()}
  UPDATE ${outbox} SET state = p_kind${names.as("message_state")},
      ended_at = CASE WHEN p_kind <> 'waiting' THEN moment END,
      due_at = CASE WHEN p_kind = 'waiting' THEN moment + ${LEASE("p_due_in_ms")} END,
      doubted = doubted OR p_doubted, reference = coalesce(p_reference, reference),
      last_error = coalesce(p_error, last_error)
    WHERE id = p_number AND fence = p_fence AND state = 'sending'
    RETURNING * INTO ended;
  IF NOT FOUND THEN
    RETURN 'stale';
  END IF;
  IF p_kind IN ('sent', 'dead') AND ended.aggregate IS NOT NULL THEN
    PERFORM ${of("wake_message")}(ended.topic, ended.aggregate, moment);
  END IF;
  RETURN 'done';`;
  return define(names, "end_message", declare, body);
}

/** A person's word on messages in doubt and on dead ones; a doubt would only come back to them. */
function settleMessagesFunction(names: Names): string {
  const { outbox, of } = names;
  const halted = "state IN ('in_doubt', 'dead')";
  const declare = "meant bigint[];";
  const body = `  ${refuseIsolation()}
  meant := ARRAY(SELECT id FROM ${outbox} WHERE ${halted}
      AND (p_numbers IS NULL OR id = ANY(p_numbers::bigint[]))
      AND (p_topic IS NULL OR topic = p_topic) AND (p_state IS NULL OR state::text = p_state)
      AND (p_after IS NULL OR id < p_after)
    ORDER BY id DESC LIMIT p_limit);
  IF NOT p_dry_run THEN
    PERFORM FROM ${outbox} WHERE id = ANY(meant) ORDER BY id FOR NO KEY UPDATE;
    meant := ARRAY(SELECT id FROM ${outbox} WHERE ${halted} AND id = ANY(meant) ORDER BY id DESC);
    UPDATE ${outbox} SET state = p_to${names.as("message_state")},
        ended_at = CASE WHEN p_to = 'sent' THEN moment END,
        due_at = CASE WHEN p_to = 'waiting' THEN moment END,
        doubted = doubted AND p_to = 'sent'
      WHERE id = ANY(meant);
    PERFORM ${of("wake_message")}(topic, aggregate, moment) FROM (
      SELECT DISTINCT topic, aggregate FROM ${outbox}
      WHERE id = ANY(meant) AND aggregate IS NOT NULL) AS line;
  END IF;
${keepRuling(names, "'outbox.' || p_to", "meant")}
  RETURN array_to_json(meant);`;
  return define(names, "settle_messages", declare, body);
}
