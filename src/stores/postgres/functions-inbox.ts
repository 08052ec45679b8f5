import {
  endEachFunction,
  endEventsFunction,
  enterEventFunction,
  enterObjectFunction,
  finishEventFunction,
} from "./functions-events.ts";
import {
  arriveFunction,
  claimObjectsFunction,
  freeObjectFunction,
  makeDue,
  redeliverFunction,
} from "./functions-objects.ts";
import { define, refuseIsolation } from "./functions-shared.ts";
import type { Names } from "./statements.ts";

/**
 * Everybody locks in one order: a cursor, events by source and key, aliases, changes, then objects
 * by source and name. So no two of these functions can wait for each other, whatever they share.
 */
export function inboxFunctions(names: Names): string {
  return [
    acceptFunction(names),
    endEachFunction(names),
    freeObjectFunction(names),
    enterEventFunction(names),
    finishEventFunction(names),
    claimObjectsFunction(names),
    enterObjectFunction(names),
    endEventsFunction(names),
    arriveFunction(names),
    redeliverFunction(names),
  ].join("\n\n");
}

/**
 * Takes events in, all or none, each in the state that it was given; `stale` if the cursor stands
 * elsewhere. Answers its number, whether it is new, and whether it is a conflict, in their order.
 * They are numbered in that order and inserted by their keys.
 */
function acceptFunction(names: Names): string {
  const { inbox, body, work, of } = names;
  const declare = `numbers bigint[];
  owners bigint[];
  strange boolean[];
  fresh bigint[];`;
  const text = `  ${refuseIsolation()}
${moveCursor(names)}
  IF cardinality(p_sources) = 0 THEN
    RETURN '[]';
  END IF;
  numbers := CASE WHEN p_reserved IS NULL
    THEN ARRAY(SELECT nextval('${of("inbox_number")}') FROM generate_subscripts(p_sources, 1))
    ELSE ARRAY[p_reserved] END;
  WITH event AS MATERIALIZED (
    SELECT e.*, count(*) OVER copies AS deliveries,
      row_number() OVER (copies ORDER BY e.position) AS copy
    FROM unnest(p_sources, p_keys, p_fingerprints, p_types, p_objects, p_routes, p_states)
      WITH ORDINALITY AS e(source, key, fingerprint, type, object, route, state, position)
    WINDOW copies AS (PARTITION BY e.source, e.key)
  ), taken AS (
    INSERT INTO ${inbox} AS i (number, received_at, ended_at, deliveries, state, route, source, key,
        fingerprint, type, object)
      SELECT numbers[position], moment, CASE WHEN state <> 'waiting' THEN moment END, deliveries,
        state${names.as("event_state")}, route${names.as("event_route")}, source, key,
        decode(fingerprint, 'hex'), type, object
      FROM event WHERE copy = 1 ORDER BY source, key
      ON CONFLICT (source, key) DO UPDATE SET deliveries = i.deliveries + EXCLUDED.deliveries
      RETURNING i.number, i.source, i.key, i.fingerprint
  )
  SELECT array_agg(t.number ORDER BY e.position),
      array_agg(length(e.fingerprint) > 2 AND length(t.fingerprint) > 1
        AND decode(e.fingerprint, 'hex') <> t.fingerprint ORDER BY e.position)
    INTO owners, strange
    FROM event AS e JOIN taken AS t ON t.source = e.source AND t.key = e.key;
  fresh := ARRAY(SELECT owners[p] FROM generate_subscripts(owners, 1) AS p
    WHERE owners[p] = numbers[p]);
${nameAliases(names)}
${nameChanges(names)}
  IF true = ANY(strange) THEN
    UPDATE ${inbox} AS i SET conflicts = i.conflicts + s.conflicts FROM (
      SELECT owners[p] AS number, count(*) AS conflicts FROM generate_subscripts(owners, 1) AS p
      WHERE strange[p] GROUP BY owners[p]
    ) AS s WHERE i.number = s.number;
  END IF;
  IF cardinality(fresh) > 0 THEN
    INSERT INTO ${body} (number, body)
      SELECT owners[e.position], decode(e.body, 'hex')
      FROM unnest(p_bodies) WITH ORDINALITY AS e(body, position)
      WHERE owners[e.position] = numbers[e.position];
    INSERT INTO ${work} (number, due_at, source, object)
      SELECT number, moment, source, object FROM ${inbox}
      WHERE number = ANY(fresh) AND state = 'waiting';
    ${makeDue(names, "fresh")};
  END IF;
  RETURN (SELECT json_agg(json_build_array(owners[p], owners[p] = numbers[p], strange[p])
    ORDER BY p)::text FROM generate_subscripts(owners, 1) AS p);`;
  return define(names, "accept_events", declare, text);
}

/** From where the caller read it, and from nowhere else. */
function moveCursor({ cursor }: Names): string {
  return `  IF p_cursor_source IS NOT NULL THEN
    IF p_cursor_from IS NULL THEN
      INSERT INTO ${cursor} (source, place, moved_at)
        VALUES (p_cursor_source, p_cursor_to, moment) ON CONFLICT (source) DO NOTHING;
    ELSE
      UPDATE ${cursor} SET place = p_cursor_to, moved_at = moment
        WHERE source = p_cursor_source AND place = p_cursor_from;
    END IF;
    IF NOT FOUND THEN
      RETURN 'stale';
    END IF;
  END IF;`;
}

/** An alias stays with the event that it came with first; under another one it is a conflict. */
function nameAliases({ alias }: Names): string {
  return `  IF p_aliases IS NOT NULL THEN
    INSERT INTO ${alias} (source, alias, number)
      SELECT DISTINCT ON (p_sources[e.position], a.alias) p_sources[e.position], a.alias,
        owners[e.position]
      FROM unnest(p_aliases) WITH ORDINALITY AS e(aliases, position),
        json_array_elements_text(e.aliases::json) AS a(alias)
      ORDER BY p_sources[e.position], a.alias, e.position
      ON CONFLICT (source, alias) DO NOTHING;
    strange := ARRAY(SELECT strange[e.position] OR EXISTS (
        SELECT FROM json_array_elements_text(e.aliases::json) AS n(alias)
          JOIN ${alias} AS a ON a.source = p_sources[e.position] AND a.alias = n.alias
        WHERE a.number <> owners[e.position])
      FROM unnest(p_aliases) WITH ORDINALITY AS e(aliases, position) ORDER BY e.position);
  END IF;`;
}

/** Of two events of a change the first one has it, and the other is superseded. */
function nameChanges({ change, inbox }: Names): string {
  const news = `FROM unnest(p_changes) WITH ORDINALITY AS e(change, position)
      WHERE e.change IS NOT NULL AND owners[e.position] = numbers[e.position]`;
  return `  IF array_remove(p_changes, NULL) <> '{}' AND cardinality(fresh) > 0 THEN
    INSERT INTO ${change} (source, change, number)
      SELECT DISTINCT ON (p_sources[e.position], e.change) p_sources[e.position], e.change,
        owners[e.position]
      ${news}
      ORDER BY p_sources[e.position], e.change, e.position
      ON CONFLICT (source, change) DO NOTHING;
    UPDATE ${inbox} AS i SET state = 'superseded', ended_at = moment
      FROM (SELECT owners[e.position] AS number, p_sources[e.position] AS source, e.change ${news})
        AS n JOIN ${change} AS c ON c.source = n.source AND c.change = n.change
      WHERE i.number = n.number AND c.number <> n.number;
  END IF;`;
}
