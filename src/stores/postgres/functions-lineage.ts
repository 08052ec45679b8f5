import { LEASE, NOW, refuseIsolation } from "./functions-shared.ts";
import { advisoryHalf, milliseconds, type Names, SERVER } from "./statements.ts";

/** Whose death may hasten a take-over: a wrapped handler that still runs is never run early. */
export const ownerOf = (form: string): string => `CASE WHEN ${form} <> 'opaque' THEN p_owner END`;

/**
 * From when on a renewal counts as missed: it is due after a third of the lease, and the rest of
 * the half leaves a live process the time to come back over another connection.
 */
export const missedAt = (form: string, runEnd: string): string =>
  `CASE WHEN ${form} <> 'opaque' AND p_owner IS NOT NULL
        THEN least(moment + ${LEASE("p_lease_ms")} / 2, ${runEnd}) END`;

/** What the end of a claim takes out of the row. */
export const UNHELD = "lease_until = NULL, run_until = NULL, owner = NULL, missed_at = NULL";

/**
 * Whether a missed renewal is a death: nobody holds the owner's lock on the server that gave it.
 * After a restart or a promotion no lock is held by anybody, which proves nothing.
 */
export function ownerGoneFunction(names: Names): string {
  return `CREATE FUNCTION ${names.of("owner_gone")}(p_owner bigint)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RETURN p_owner IS NOT NULL AND p_owner >> 32 = ${SERVER} AND NOT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = ${advisoryHalf("p_owner >> 32")} AND objid = ${advisoryHalf("p_owner")});
END $$;`;
}

/**
 * When the database's history was first seen to be another, or null. What may not be read stays
 * unknown; the table's own number changes with a dump that is restored.
 */
export function lineageFunction(names: Names): string {
  const { setting, of } = names;
  const tried = (assignment: string): string => `BEGIN
    ${assignment};
  EXCEPTION WHEN insufficient_privilege OR undefined_function OR feature_not_supported
      OR object_not_in_prerequisite_state THEN
    NULL;
  END;`;
  return `CREATE FUNCTION ${of("lineage")}(p_skew_ms float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  moment timestamptz := ${NOW};
  system_id text;
  timeline bigint;
  present jsonb;
  known jsonb;
BEGIN
  ${refuseIsolation()}
  ${tried("system_id := (SELECT system_identifier FROM pg_control_system())")}
  ${tried("timeline := ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint")}
  IF timeline IS NULL THEN
    -- The last checkpoint may be older than a promotion, and tells of it after the next one.
    ${tried("timeline := (SELECT timeline_id FROM pg_control_checkpoint())")}
  END IF;
  present := jsonb_strip_nulls(jsonb_build_object('system', system_id, 'timeline', timeline,
    'table', '${setting}'::regclass::oid::text));
  SELECT value::jsonb INTO known FROM ${setting} WHERE name = 'lineage';
  IF known IS NULL THEN
    INSERT INTO ${setting} (name, value) VALUES ('lineage', present::text)
      ON CONFLICT (name) DO NOTHING;
  END IF;
  IF known @> present THEN
    RETURN known ->> 'changedAt';
  END IF;
  SELECT value::jsonb INTO known FROM ${setting} WHERE name = 'lineage' FOR UPDATE;
  IF NOT known @> present THEN
    IF EXISTS (SELECT FROM jsonb_each(present) AS part
        WHERE known ? part.key AND known -> part.key <> part.value) THEN
      present := present || jsonb_build_object('changedAt', ${milliseconds("moment")});
    END IF;
    known := known || present;
    UPDATE ${setting} SET value = known::text WHERE name = 'lineage';
  END IF;
  RETURN known ->> 'changedAt';
END $$;`;
}
