import { PROOF } from "./client.ts";
import { claimAtomicFunction, settleAtomicFunction } from "./functions-atomic.ts";
import { ACCEPTABLE, define, LEASE, NOW, overLone, respond, stage } from "./functions-shared.ts";
import { DUE_TIME, lockKey, milliseconds, type Names, SQLSTATES } from "./statements.ts";

/**
 * The functions of the database. Each statement inside one takes a snapshot of its own at
 * READ COMMITTED, so that a claim that lost the insert sees the row that won.
 */
export function functions(names: Names): string {
  return [
    documentFunction(names),
    holdFunction(names),
    demandFunction(names),
    claimFunction(names),
    claimAtomicFunction(names),
    settleAtomicFunction(names),
    takeOverFunction(names),
    stepFunctions(names),
    settleFunction(names),
    suspendFunction(names),
  ].join("\n\n");
}

/** The row and its steps as one JSON text, in the shape of `OperationRow` and `StepRow`. */
function documentFunction(names: Names): string {
  const { operation, request, response, step } = names;
  const time = (column: string): string => `${milliseconds(column)} AS ${column}`;
  return `CREATE FUNCTION ${names.of("document")}(p_id bytea, p_skew_ms float8)
RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
  RETURN (SELECT json_build_object(
    'row', row_to_json(whole),
    'steps', coalesce((SELECT json_agg(row_to_json(s) ORDER BY s.position) FROM (
      SELECT name, kind, input_digest, provider_key, fence, ${time("begun_at")},
        ${time("recorded_at")}, result_kind, encode(result_value, 'hex') AS result_value, position
      FROM ${step} WHERE operation_id = p_id
    ) AS s), '[]'))
  FROM (
    SELECT encode(o.id, 'hex') AS id, o.name, o.version, o.form, o.state, o.fence, o.attempt_id,
      o.attempts, ${time("lease_until")}, ${time("run_until")}, ${time("due_at")}, o.doubt,
      o.last_error, encode(o.fingerprint, 'hex') AS fingerprint, o.recipe, ${time("created_at")},
      ${time("final_at")}, o.outcome_status, o.outcome_reference, o.response_missing,
      r.origin, r.scope, r.key, encode(r.input, 'hex') AS input, s.headers AS response_headers,
      encode(s.body, 'hex') AS response_body, ${milliseconds(NOW)} AS now
    FROM ${operation} AS o LEFT JOIN ${request} AS r ON r.operation_id = o.id
      LEFT JOIN ${response} AS s ON s.operation_id = o.id
    WHERE o.id = p_id
  ) AS whole);
END $$;`;
}

/** Locks the operation if the holder's claim is the newest; `locked` if another write is at it. */
function holdFunction(names: Names): string {
  return `CREATE FUNCTION ${names.of("hold")}(p_id bytea, p_fence bigint, p_wait boolean)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  held_state text;
  held_fence bigint;
BEGIN
  ${refuseIsolation()}
  IF p_wait THEN
    SELECT state, fence INTO held_state, held_fence FROM ${names.operation}
      WHERE id = p_id FOR NO KEY UPDATE;
  ELSE
    SELECT state, fence INTO held_state, held_fence FROM ${names.operation}
      WHERE id = p_id FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (SELECT FROM ${names.operation} WHERE id = p_id) THEN
      RETURN 'locked';
    END IF;
  END IF;
  RETURN CASE WHEN held_state = 'running' AND held_fence = p_fence THEN 'done' ELSE 'stale' END;
END $$;`;
}

/** A snapshot older than the statement would hide the row that won. */
function refuseIsolation(): string {
  return `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'nevertwice: this statement needs READ COMMITTED'
      USING ERRCODE = '${SQLSTATES.isolation}';
  END IF;`;
}

/** Raises before COMMIT unless the write was done, in the transaction that was begun for it. */
function demandFunction(names: Names): string {
  return `CREATE FUNCTION ${names.of("demand")}(p_answer text, p_transaction text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
  IF ${PROOF} IS DISTINCT FROM p_transaction THEN
    RAISE EXCEPTION 'nevertwice: the callback ended its transaction'
      USING ERRCODE = '${SQLSTATES.transactionEnded}';
  END IF;
  IF p_answer NOT LIKE 'done%' THEN
    RAISE EXCEPTION USING ERRCODE = '${SQLSTATES.refused}', MESSAGE = p_answer;
  END IF;
  RETURN p_answer;
END $$;`;
}

function claimFunction(names: Names): string {
  const declare = `found_document text;
  acceptable boolean := true;
  run_end timestamptz := moment + ${LEASE("p_run_for_ms")};
  lease_end timestamptz := least(moment + ${LEASE("p_lease_ms")}, run_end);`;
  const body = `  ${refuseIsolation()}
  IF NOT pg_try_advisory_xact_lock(${lockKey("p_id")}) THEN
    -- A committed record is known whoever claims; an uncommitted one is somebody's claim.
    found_document := ${names.of("document")}(p_id, p_skew_ms);
    RETURN coalesce(found_document, 'busy');
  END IF;
${ACCEPTABLE}
  IF acceptable THEN
    INSERT INTO ${names.operation} (id, fence, created_at, lease_until, run_until, version, attempts,
        state, form, name, attempt_id, fingerprint, recipe)
      VALUES (p_id, 1, moment, lease_end, run_end, p_version, 1, 'running', p_form, p_name, p_attempt_id,
        p_fingerprint, p_recipe)
      ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
      INSERT INTO ${names.request} (operation_id, atomic, origin, scope, key, input)
        VALUES (p_id, false, p_origin, p_scope, p_key, p_input)
        ON CONFLICT (operation_id) DO NOTHING;
      IF NOT FOUND THEN
        ${overLone(names, false)};
      END IF;
      RETURN format('claimed %s %s %s', ${milliseconds("moment")}, ${milliseconds("lease_end")},
        ${milliseconds("run_end")});
    END IF;
  END IF;
  found_document := ${names.of("document")}(p_id, p_skew_ms);
  IF found_document IS NULL THEN
    RETURN CASE WHEN acceptable THEN 'vanished' ELSE 'key-too-old' END;
  END IF;
  RETURN found_document;`;
  return define(names, "claim", declare, body);
}

function takeOverFunction(names: Names): string {
  const declare = `run_end timestamptz := moment + ${LEASE("p_run_for_ms")};`;
  const body = `  IF ${names.of("hold")}(p_id, p_fence, p_wait) = 'locked' THEN
    RETURN 'locked';
  END IF;
  UPDATE ${names.operation} SET state = 'running', fence = fence + 1, attempts = attempts + 1,
      attempt_id = p_attempt_id, run_until = run_end, due_at = NULL, doubt = NULL,
      lease_until = least(moment + ${LEASE("p_lease_ms")}, run_end)
    WHERE id = p_id AND fence = p_fence AND final_at IS NULL
      AND ${DUE_TIME} <= moment;
  IF NOT FOUND THEN
    RETURN 'stale';
  END IF;
  RETURN ${names.of("document")}(p_id, p_skew_ms);`;
  return define(names, "take_over", declare, body);
}

const heldOrReturn = (
  names: Names,
): string => `  answer := ${names.of("hold")}(p_id, p_fence, p_wait);
  IF answer <> 'done' THEN
    RETURN answer;
  END IF;`;

const ANSWER = "answer text;";

function stepFunctions(names: Names): string {
  const { operation, step } = names;
  const position = `(SELECT count(*) FROM ${step} WHERE operation_id = p_id)`;
  const renew = `${heldOrReturn(names)}
  UPDATE ${operation} SET lease_until = least(moment + ${LEASE("p_lease_ms")}, run_until)
    WHERE id = p_id;
  RETURN 'done';`;
  const begin = `${heldOrReturn(names)}
  INSERT INTO ${step} (operation_id, name, position, kind, input_digest, provider_key, fence, begun_at)
    VALUES (p_id, p_name, ${position}, 'external', p_input_digest, p_provider_key, p_fence, moment)
    ON CONFLICT (operation_id, name) DO NOTHING;
  IF FOUND OR EXISTS (
    SELECT FROM ${step} WHERE operation_id = p_id AND name = p_name AND result_kind IS NULL
  ) THEN
    RETURN 'done';
  END IF;
  RETURN 'stale';`;
  const record = `${heldOrReturn(names)}
  UPDATE ${step} SET recorded_at = moment, result_kind = p_result_kind, result_value = p_result_value
    WHERE operation_id = p_id AND name = p_name AND result_kind IS NULL;
  RETURN CASE WHEN FOUND THEN 'done' ELSE 'stale' END;`;
  const atomic = `${heldOrReturn(names)}
  INSERT INTO ${step} (operation_id, name, position, kind, input_digest, fence, begun_at,
      recorded_at, result_kind, result_value)
    VALUES (p_id, p_name, ${position}, 'atomic', p_input_digest, p_fence, moment,
      moment, 'succeeded', p_result_value)
    ON CONFLICT (operation_id, name) DO NOTHING;
  IF NOT FOUND THEN
    RETURN 'stale';
  END IF;
${stage(names)}
  RETURN 'done';`;
  return [
    define(names, "renew", ANSWER, renew),
    define(names, "begin_step", ANSWER, begin),
    define(names, "record_step", ANSWER, record),
    define(names, "record_atomic", ANSWER, atomic),
  ].join("\n\n");
}

function settleFunction(names: Names): string {
  const external = `SELECT FROM ${names.step} WHERE operation_id = p_id AND kind = 'external'`;
  const body = `${heldOrReturn(names)}
  IF EXISTS (${external}
      AND (result_kind IS NULL OR p_kind = 'failed' AND result_kind = 'succeeded')) THEN
    RETURN CASE WHEN EXISTS (${external} AND result_kind IS NULL)
      THEN 'step-unfinished' ELSE 'effect-uncompensated' END;
  END IF;
  UPDATE ${names.operation} SET state = p_kind, final_at = moment, lease_until = NULL, run_until = NULL,
      outcome_status = p_status, outcome_reference = p_reference,
      response_missing = CASE WHEN p_body IS NULL THEN 'too-large' END
    WHERE id = p_id;
${respond(names)}
${stage(names)}
  RETURN 'done ' || ${milliseconds("moment")};`;
  return define(names, "settle", ANSWER, body);
}

function suspendFunction(names: Names): string {
  const body = `${heldOrReturn(names)}
  UPDATE ${names.operation} SET state = p_state, doubt = p_doubt, lease_until = NULL,
      run_until = NULL, due_at = moment + ${LEASE("p_due_in_ms")},
      last_error = coalesce(p_error, last_error),
      attempts = attempts - CASE WHEN p_count_attempt THEN 0 ELSE 1 END
    WHERE id = p_id;
  RETURN 'done';`;
  return define(names, "suspend", ANSWER, body);
}
