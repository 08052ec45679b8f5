import { define, LEASE, refuseIsolation, stage } from "./functions-shared.ts";
import { type Names, nameKey } from "./statements.ts";

/** The ends as rows; `json_to_recordset` reads each of them once. */
const ENDS = `json_to_recordset(p_ends) AS e(number bigint, kind text, error text,
      "dueInMs" float8, attempted boolean, "waitsFor" text)`;

/** What became of each event; the caller has locked the events and their object. */
export function endEachFunction({ inbox, work, of, ...names }: Names): string {
  return `CREATE FUNCTION ${of("end_each")}(p_ends json, p_moment timestamptz)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  UPDATE ${work} AS w SET due_at = p_moment + ${LEASE('e."dueInMs"')}, waits_for = e."waitsFor",
      starts = w.starts - CASE WHEN e.attempted THEN 0 ELSE 1 END
    FROM ${ENDS} WHERE w.number = e.number AND e.kind = 'waiting';
  UPDATE ${inbox} AS i SET state = e.kind${names.as("event_state")},
      ended_at = CASE WHEN e.kind <> 'waiting' THEN p_moment END,
      attempts = i.attempts + CASE WHEN e.attempted OR e.kind = 'dead' THEN 1 ELSE 0 END,
      last_error = coalesce(e.error, i.last_error)
    FROM ${ENDS} WHERE i.number = e.number
      AND (e.kind <> 'waiting' OR e.attempted OR e.error IS NOT NULL);
  DELETE FROM ${work} AS w USING ${ENDS} WHERE w.number = e.number AND e.kind <> 'waiting';
END $$;`;
}

/**
 * Before a handler runs. Handlers share the object's lock, because the fence tells them apart; an
 * event that is handled as it is accepted has it alone.
 */
export function enterObjectFunction(names: Names): string {
  const key = nameKey(names, "object", "p_source", "p_object");
  const body = `  IF NOT pg_try_advisory_xact_lock_shared(${key}) THEN
    RETURN 'busy';
  END IF;
  RETURN CASE WHEN EXISTS (SELECT FROM ${names.object} WHERE source = p_source
    AND object = p_object AND fence = p_fence AND held_until IS NOT NULL)
    THEN 'entered' ELSE 'stale' END;`;
  return define(names, "enter_object", "", body);
}

/** The ends of a claim's events, the object's state and messages, if the claim is the newest. */
export function endEventsFunction(names: Names): string {
  const { inbox, object, work, of } = names;
  const declare = `ended bigint[];
  held ${object};`;
  const body = `  ${refuseIsolation()}
  ended := ARRAY(SELECT DISTINCT e.number FROM ${ENDS});
  PERFORM FROM ${inbox} WHERE number = ANY(ended) ORDER BY source, key FOR NO KEY UPDATE;
  SELECT * INTO held FROM ${object} WHERE source = p_source AND object = p_object
    FOR NO KEY UPDATE;
  IF NOT FOUND OR held.fence <> p_fence OR held.held_until IS NULL THEN
    RETURN 'stale';
  END IF;
  IF EXISTS (SELECT FROM unnest(ended) AS e(number) LEFT JOIN ${work} AS w ON w.number = e.number
      WHERE w.source IS DISTINCT FROM p_source OR w.object IS DISTINCT FROM p_object) THEN
    RETURN 'stale';
  END IF;
  PERFORM ${of("end_each")}(p_ends, moment);
  IF NOT p_keeps THEN
    PERFORM ${of("free_object")}(p_source, p_object, coalesce(p_state, held.state), moment);
  ELSIF p_state IS NOT NULL THEN
    UPDATE ${object} SET state = p_state WHERE source = p_source AND object = p_object;
  END IF;
${stage(names, "decode(m.value ->> 4, 'hex')")}
  RETURN 'done';`;
  return define(names, "end_events", declare, body);
}

/**
 * Before an event is handled as it is accepted: another delivery of it is waited for, and its
 * object is taken alone. Nothing is written yet, so that nobody waits for the callback.
 */
export function enterEventFunction(names: Names): string {
  const { inbox, change, object, work, of } = names;
  const declare = `held ${object};`;
  const body = `  ${refuseIsolation()}
  PERFORM pg_advisory_xact_lock(${nameKey(names, "event", "p_source", "p_key")});
  IF EXISTS (SELECT FROM ${inbox} WHERE source = p_source AND key = p_key)
      OR EXISTS (SELECT FROM ${change} WHERE source = p_source AND change = p_change) THEN
    RETURN '{"kind":"known"}';
  END IF;
  IF NOT pg_try_advisory_xact_lock(${nameKey(names, "object", "p_source", "p_object")}) THEN
    RETURN '{"kind":"busy"}';
  END IF;
  SELECT * INTO held FROM ${object} WHERE source = p_source AND object = p_object;
  -- Whoever kept the object and went has left it due, although nothing of it waits any more.
  IF held.held_until > moment OR held.due_at IS NOT NULL AND EXISTS (
      SELECT FROM ${work} WHERE source = p_source AND object = p_object) THEN
    RETURN '{"kind":"busy"}';
  END IF;
  RETURN json_build_object('kind', 'entered', 'number', nextval('${of("inbox_number")}'),
    'state', held.state, 'fence', coalesce(held.fence, 0));`;
  return define(names, "enter_event", declare, body);
}

/** The event as it ends. It is `known` or its object `busy` if somebody came meanwhile. */
export function finishEventFunction(names: Names): string {
  const { change, object, work, of } = names;
  const declare = `held ${object};
  p_ends json := json_build_array(p_end);
  kind text := p_end ->> 'kind';
  accepted json;`;
  const accept = `${of("accept_events")}(ARRAY[p_source], ARRAY[p_key], ARRAY[p_fingerprint],
    ARRAY[p_type], ARRAY[p_object], ARRAY[p_change], ARRAY[p_route], ARRAY[kind], ARRAY[p_body],
    CASE WHEN p_aliases IS NOT NULL THEN ARRAY[p_aliases] END, p_number, NULL, NULL, NULL, p_skew_ms)`;
  // In a statement of its own, because the one that inserts the event does not see what came of it.
  const body = `  accepted := ${accept}::json;
  IF NOT (accepted -> 0 ->> 1)::boolean OR EXISTS (SELECT FROM ${change}
      WHERE source = p_source AND change = p_change AND number <> p_number) THEN
    RETURN 'known';
  END IF;
  SELECT * INTO held FROM ${object} WHERE source = p_source AND object = p_object
    FOR NO KEY UPDATE;
  IF held.fence > p_fence OR held.held_until > moment THEN
    RETURN 'busy';
  END IF;
  UPDATE ${work} SET starts = 1 WHERE number = p_number;
  PERFORM ${of("end_each")}(p_ends, moment);
  IF p_state IS NOT NULL THEN
    INSERT INTO ${object} AS o (source, object, state) VALUES (p_source, p_object, p_state)
      ON CONFLICT (source, object) DO UPDATE SET state = EXCLUDED.state;
  END IF;
  -- A claim of the object that lapsed is over.
  IF kind = 'waiting' OR held.held_until IS NOT NULL THEN
    PERFORM ${of("free_object")}(p_source, p_object, coalesce(p_state, held.state), moment);
  END IF;
${stage(names, "decode(m.value ->> 4, 'hex')")}
  RETURN 'done';`;
  return define(names, "finish_event", declare, body);
}
