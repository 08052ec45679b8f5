import { define, LEASE, refuseIsolation } from "./functions-shared.ts";
import { milliseconds, type Names, nameKey } from "./statements.ts";

/**
 * Gives an object back, which the caller has locked: due with its earliest event, or gone if
 * nothing of it waits. An event that is accepted meanwhile waits for the lock, and is seen then.
 * Where one of the oldest events is due, the others cannot make the object any more so.
 */
export function freeObjectFunction({ object, work, of }: Names): string {
  const waiting = `FROM ${work} WHERE source = p_source AND object = p_object`;
  return `CREATE FUNCTION ${of("free_object")}(p_source text, p_object text, p_state text,
  p_moment timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  next_due timestamptz := (SELECT min(due_at) FROM (
    SELECT due_at ${waiting} ORDER BY number LIMIT 100) AS oldest);
BEGIN
  IF next_due > p_moment THEN
    next_due := (SELECT min(due_at) ${waiting});
  END IF;
  IF next_due IS NULL AND p_state IS NULL THEN
    DELETE FROM ${object} WHERE source = p_source AND object = p_object;
  ELSE
    UPDATE ${object} SET held_until = NULL, due_at = next_due, state = p_state
      WHERE source = p_source AND object = p_object;
  END IF;
END $$;`;
}

/** Objects that are due, and of each the events that are; it waits for nobody. */
export function claimObjectsFunction(names: Names): string {
  const { inbox, body, work, object, of } = names;
  const declare = `candidate record;
  given bigint[];
  doubtful boolean;
  new_fence bigint;
  claimed json[] := '{}';`;
  const free = "(o.held_until IS NULL OR o.held_until <= moment)";
  const text = `  ${refuseIsolation()}
  FOR candidate IN
    SELECT due.* FROM (SELECT DISTINCT unnest(p_sources) AS source) AS wanted
      CROSS JOIN LATERAL (
        SELECT o.source, o.object, o.state, o.due_at FROM ${object} AS o
        WHERE o.source = wanted.source AND o.due_at <= moment AND ${free}
        ORDER BY o.due_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
      ) AS due
    ORDER BY due.due_at LIMIT p_limit
  LOOP
    CONTINUE WHEN NOT pg_try_advisory_xact_lock_shared(
      ${nameKey(names, "object", "candidate.source", "candidate.object")});
    SELECT array_agg(number ORDER BY number), bool_or(is_open) INTO given, doubtful FROM (
      SELECT w.number, w.starts > i.attempts AS is_open
      FROM ${work} AS w JOIN ${inbox} AS i ON i.number = w.number
      WHERE w.source = candidate.source AND w.object = candidate.object AND w.due_at <= moment
      ORDER BY w.number LIMIT p_events_max
    ) AS waiting;
    IF given IS NULL THEN
      PERFORM ${of("free_object")}(candidate.source, candidate.object, candidate.state, moment);
      CONTINUE;
    END IF;
    -- A start without an end may have ended the process, and must not again with others.
    IF doubtful THEN
      given := given[1:1];
    END IF;
    UPDATE ${work} SET starts = starts + 1 WHERE number = ANY(given);
    UPDATE ${object} SET fence = nextval('${of("inbox_fence")}'),
        held_until = moment + ${LEASE("p_lease_ms")}
      WHERE source = candidate.source AND object = candidate.object
      RETURNING fence INTO new_fence;
    claimed := claimed || json_build_object('source', candidate.source,
      'object', candidate.object, 'fence', new_fence, 'state', candidate.state, 'events', (
        SELECT json_agg(json_build_object('number', i.number, 'key', i.key, 'type', i.type,
          'route', i.route, 'receivedAt', ${milliseconds("i.received_at")}, 'starts', w.starts,
          'attempts', i.attempts, 'body', encode(b.body, 'hex'),
          'now', ${milliseconds("moment")}) ORDER BY i.number)
        FROM ${work} AS w JOIN ${inbox} AS i ON i.number = w.number
          JOIN ${body} AS b ON b.number = w.number
        WHERE w.number = ANY(given)));
  END LOOP;
  RETURN array_to_json(claimed);`;
  return define(names, "claim_objects", declare, text);
}

/** The events that wait for a name, due at once. */
export function arriveFunction(names: Names): string {
  const { work, object } = names;
  const declare = `parked bigint[] := ARRAY(SELECT number FROM ${work} WHERE waits_for = p_name);
  released bigint;`;
  const body = `  ${refuseIsolation()}
  PERFORM FROM ${object} WHERE (source, object) IN (
      SELECT source, object FROM ${work} WHERE number = ANY(parked))
    ORDER BY source, object FOR NO KEY UPDATE;
  UPDATE ${work} SET waits_for = NULL, due_at = least(due_at, moment)
    WHERE number = ANY(parked) AND waits_for = p_name;
  GET DIAGNOSTICS released = ROW_COUNT;
  ${makeDue(names, "parked")};
  RETURN released;`;
  return define(names, "arrive", declare, body);
}

/** Makes ended events wait again as if they had just come, and keeps who ordered it. */
export function redeliverFunction(names: Names): string {
  const { inbox, body, work } = names;
  const meant = `state NOT IN ('waiting', 'done')
      AND EXISTS (SELECT FROM ${body} AS b WHERE b.number = i.number)`;
  const declare = "meant bigint[];";
  const text = `  ${refuseIsolation()}
  meant := ARRAY(SELECT number FROM ${inbox} AS i WHERE ${meant}
      AND (p_numbers IS NULL OR number = ANY(p_numbers::bigint[]))
      AND (p_source IS NULL OR source = p_source) AND (p_state IS NULL OR state::text = p_state)
      AND (p_type IS NULL OR type = p_type) AND (p_object IS NULL OR object = p_object)
      AND (p_after IS NULL OR number < p_after)
    ORDER BY number DESC LIMIT p_limit);
  IF NOT p_dry_run THEN
    PERFORM FROM ${inbox} WHERE number = ANY(meant) ORDER BY source, key FOR NO KEY UPDATE;
    meant := ARRAY(SELECT number FROM ${inbox} AS i WHERE ${meant} AND number = ANY(meant)
      ORDER BY number DESC);
    UPDATE ${inbox} SET state = 'waiting', ended_at = NULL, attempts = 0
      WHERE number = ANY(meant);
    INSERT INTO ${work} (number, due_at, source, object)
      SELECT number, moment, source, object FROM ${inbox} WHERE number = ANY(meant);
    ${makeDue(names, "meant")};
  END IF;
${keepRuling(names, "'inbox.redeliver'", "meant")}
  RETURN array_to_json(meant);`;
  return define(names, "redeliver", declare, text);
}

/** The objects of these waiting events become due; one that is due already is only locked. */
export function makeDue({ object, work }: Names, numbers: string): string {
  return `INSERT INTO ${object} AS o (source, object, due_at)
      SELECT DISTINCT source, object, moment FROM ${work} WHERE number = ANY(${numbers})
      ORDER BY source, object
      ON CONFLICT (source, object) DO UPDATE SET due_at = EXCLUDED.due_at
      WHERE o.due_at IS NULL OR o.due_at > EXCLUDED.due_at`;
}

/** What a person ordered, for which rows; a dry run too. */
export function keepRuling({ ruling }: Names, action: string, meant: string): string {
  return `  INSERT INTO ${ruling} (ruled_at, action, said_by, reason, filter, dry_run, count)
    VALUES (moment, ${action}, p_by, p_reason, p_filter, p_dry_run, cardinality(${meant}));`;
}
