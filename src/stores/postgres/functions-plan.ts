import { ACCEPTABLE, define, LEASE, overLone, refuseIsolation, stage } from "./functions-shared.ts";
import { lockKey, milliseconds, type Names, PLANNED } from "./statements.ts";

/** How long a group waits for a row that another transaction holds, in milliseconds. */
const LOCK_MS = 20;
/** And for each after the first, because all who wait for the same row would add up. */
const LOCK_MS_NEXT = 1;
/** The setting of a transaction that says how long it is by now. */
const LOCK_SETTING = "nevertwice.lock_ms";
/** So many statements stay prepared on a connection. */
const PREPARED_MAX = 100;
/** And each so long, in milliseconds: it keeps the types that its columns had. */
const PREPARED_MS = 1_000;

/** Claim, planned statements and outcome as one call, which may be one of a group. */
export function carryOutFunctions(names: Names): string {
  return [runPlannedFunction(names), carryOutFunction(names)].join("\n\n");
}

/**
 * A statement of the user's with its values as texts. Prepared, a constant without a type takes
 * the type of its place, as a parameter of a driver does; and it is read once for many.
 */
function runPlannedFunction(names: Names): string {
  return `CREATE FUNCTION ${names.of(PLANNED)}(p_text text, p_values json, p_anew boolean)
  RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  mine constant text := '${names.prefix}plan_';
  prepared constant text := mine || left(encode(sha256(convert_to(p_text, 'UTF8')), 'hex'), 18);
  fresh constant text[] := ARRAY(SELECT name FROM pg_prepared_statement()
    WHERE starts_with(name, mine) AND NOT p_anew
      AND prepare_time > clock_timestamp() - ${LEASE(String(PREPARED_MS))});
  spare text;
  arguments text;
BEGIN
  IF NOT prepared = ANY (fresh) THEN
    FOR spare IN SELECT name FROM pg_prepared_statement() WHERE starts_with(name, mine)
        AND (NOT name = ANY (fresh) OR cardinality(fresh) >= ${PREPARED_MAX}) LOOP
      EXECUTE 'DEALLOCATE ' || spare;
    END LOOP;
    EXECUTE 'PREPARE ' || prepared || ' AS ' || p_text;
  END IF;
  SELECT string_agg(quote_nullable(value), ', ' ORDER BY position) INTO arguments
    FROM json_array_elements_text(p_values) WITH ORDINALITY AS v(value, position);
  EXECUTE 'EXECUTE ' || prepared || coalesce('(' || arguments || ')', '');
END $$;`;
}

/**
 * Nothing of a plan that failed or met a lock stays, so that the others of its group commit; it is
 * asked for again alone, where it may wait and its error is its own.
 */
function carryOutFunction(names: Names): string {
  const declare = `acceptable boolean := true;
  part json;
  ignored text;`;
  const body = `  ${refuseIsolation()}
  IF NOT pg_try_advisory_xact_lock(${lockKey(names, "p_id")}) THEN
    RETURN coalesce(${names.of("document")}(p_id, p_skew_ms), 'busy');
  END IF;
${ACCEPTABLE}
  IF acceptable THEN
    BEGIN
      IF NOT p_wait THEN
        ignored := set_config('lock_timeout',
          coalesce(nullif(current_setting('${LOCK_SETTING}', true), ''), '${LOCK_MS}'), true);
      END IF;
${claimAndSettle(names)}
    EXCEPTION WHEN OTHERS THEN
      IF p_wait THEN
        RAISE;
      END IF;
      IF SQLSTATE = '55P03' THEN
        ignored := set_config('${LOCK_SETTING}', '${LOCK_MS_NEXT}', true);
      END IF;
      RETURN 'locked';
    END;
  END IF;
  RETURN coalesce(${names.of("document")}(p_id, p_skew_ms),
    CASE WHEN acceptable THEN 'vanished' ELSE 'key-too-old' END);`;
  return define(names, "carry_out", declare, body);
}

/**
 * The key first, under its UNIQUE constraint, and the operation as it ends. What can be deferred is
 * checked after the plan's last statement: at the COMMIT it would fail the whole group.
 */
function claimAndSettle(names: Names): string {
  return `  INSERT INTO ${names.request} (operation_id, atomic, origin, scope, key, input)
    SELECT p_id, false, p_origin${names.as("origin")}, p_scope, p_key, p_input
    WHERE NOT EXISTS (SELECT FROM ${names.operation} WHERE id = p_id)
      AND NOT EXISTS (SELECT FROM ${names.request} WHERE operation_id = p_id);
  IF NOT FOUND THEN
    ${overLone(names, false)} AND NOT EXISTS (SELECT FROM ${names.operation} WHERE id = p_id);
  END IF;
  IF FOUND THEN
    SET CONSTRAINTS ALL DEFERRED;
    FOR part IN SELECT value FROM json_array_elements(p_statements) LOOP
      PERFORM ${names.of(PLANNED)}(part ->> 0, part -> 1, p_wait);
    END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    INSERT INTO ${names.operation} (id, fence, created_at, final_at, version, attempts,
        outcome_status, state, form, name, attempt_id, fingerprint, recipe, outcome_reference,
        response_missing, response_headers, response_body)
      VALUES (p_id, 1, moment, moment, p_version, 1, p_status, p_kind${names.as("state")},
        p_form${names.as("form")}, p_name, p_attempt_id, p_fingerprint, p_recipe, p_reference,
        CASE WHEN p_body IS NULL THEN 'too-large'${names.as("response_missing")} END, p_headers,
        p_body);
${stage(names)}
    RETURN 'done ' || ${milliseconds("moment")};
  END IF;`;
}
