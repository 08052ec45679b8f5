import { PROOF } from "./client.ts";
import { claimAtomicFunction, settleAtomicFunction } from "./functions-atomic.ts";
import { adoptFunction, noteFunction, reopenFunction } from "./functions-evidence.ts";
import {
  lineageFunction,
  missedAt,
  ownerGoneFunction,
  ownerOf,
  UNHELD,
} from "./functions-lineage.ts";
import { carryOutFunctions } from "./functions-plan.ts";
import {
  ACCEPTABLE,
  ANSWER,
  define,
  heldOrReturn,
  LEASE,
  NOW,
  overLone,
  refuseIsolation,
  stage,
} from "./functions-shared.ts";
import { beginFunction, recordFunction, stepMembers } from "./functions-steps.ts";
import { DUE_TIME, lockKey, milliseconds, type Names, SQLSTATES } from "./statements.ts";

/**
 * The functions of the database. Each statement inside one takes a snapshot of its own at
 * READ COMMITTED, so that a claim that lost the insert sees the row that won.
 */
export function functions(names: Names): string {
  return [
    ownerGoneFunction(names),
    documentFunction(names),
    holdFunction(names),
    demandFunction(names),
    claimFunction(names),
    claimAtomicFunction(names),
    settleAtomicFunction(names),
    carryOutFunctions(names),
    takeOverFunction(names),
    stepFunctions(names),
    settleFunction(names),
    suspendFunction(names),
    lineageFunction(names),
  ].join("\n\n");
}

/** The row and its steps as one JSON text, in the shape of `OperationRow` and `StepRow`. */
function documentFunction(names: Names): string {
  const { operation, request } = names;
  // The claim of a process that has died has lapsed.
  const leaseEnd = `CASE WHEN o.missed_at <= moment AND o.lease_until > moment
      AND ${names.of("owner_gone")}(o.owner) THEN moment ELSE o.lease_until END`;
  const time = (column: string): string => `${milliseconds(column)} AS ${column}`;
  return `CREATE FUNCTION ${names.of("document")}(p_id bytea, p_skew_ms float8)
RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
  moment timestamptz := ${NOW};
BEGIN
  RETURN (SELECT json_build_object(
    'row', row_to_json(whole),
    ${stepMembers(names)})
  FROM (
    SELECT encode(o.id, 'hex') AS id, o.name, o.version, o.form, o.state, o.fence, o.attempt_id,
      o.attempts, ${milliseconds(leaseEnd)} AS lease_until, ${time("run_until")}, ${time("due_at")}, o.doubt,
      o.last_error, encode(o.fingerprint, 'hex') AS fingerprint, o.recipe, ${time("created_at")},
      ${time("final_at")}, o.outcome_status, o.outcome_reference, o.response_missing,
      r.origin, r.scope, r.key, encode(r.input, 'hex') AS input, o.response_headers,
      encode(o.response_body, 'hex') AS response_body, ${milliseconds("moment")} AS now
    FROM ${operation} AS o LEFT JOIN ${request} AS r ON r.operation_id = o.id
    WHERE o.id = p_id
  ) AS whole);
END $$;`;
}

/**
 * Locks the operation if the holder's claim is the newest, and its steps are as far as the holder
 * has seen; `locked` if another write is at it.
 */
function holdFunction(names: Names): string {
  return `CREATE FUNCTION ${names.of("hold")}(p_id bytea, p_fence bigint, p_wait boolean,
  p_attempt_id text, p_seen bigint)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  held_state text;
  held_fence bigint;
  held_attempt text;
BEGIN
  ${refuseIsolation()}
  IF p_wait THEN
    SELECT state, fence, attempt_id INTO held_state, held_fence, held_attempt
      FROM ${names.operation} WHERE id = p_id FOR NO KEY UPDATE;
  ELSE
    SELECT state, fence, attempt_id INTO held_state, held_fence, held_attempt
      FROM ${names.operation} WHERE id = p_id FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND AND EXISTS (SELECT FROM ${names.operation} WHERE id = p_id) THEN
      RETURN 'locked';
    END IF;
  END IF;
  IF held_state = 'running' AND held_fence = p_fence AND held_attempt = p_attempt_id THEN
    IF p_seen = 0 OR p_seen <=
        (SELECT count(*) + count(result_kind) FROM ${names.step} WHERE operation_id = p_id)
        + (SELECT count(*) FROM ${names.send} WHERE operation_id = p_id) THEN
      RETURN 'done';
    END IF;
  END IF;
  RETURN 'stale';
END $$;`;
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
  IF NOT pg_try_advisory_xact_lock(${lockKey(names, "p_id")}) THEN
    -- A committed record is known whoever claims; an uncommitted one is somebody's claim.
    found_document := ${names.of("document")}(p_id, p_skew_ms);
    RETURN coalesce(found_document, 'busy');
  END IF;
${ACCEPTABLE}
  IF acceptable THEN
    INSERT INTO ${names.operation} (id, fence, created_at, lease_until, run_until, version, attempts,
        state, form, name, attempt_id, fingerprint, recipe, owner, missed_at)
      VALUES (p_id, 1, moment, lease_end, run_end, p_version, 1, 'running', p_form${names.as("form")},
        p_name, p_attempt_id, p_fingerprint, p_recipe, ${ownerOf("p_form")},
        ${missedAt("p_form", "run_end")})
      ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
      INSERT INTO ${names.request} (operation_id, atomic, origin, scope, key, input)
        VALUES (p_id, false, p_origin${names.as("origin")}, p_scope, p_key, p_input)
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
  const body = `  IF ${names.of("hold")}(p_id, p_fence, p_wait, p_attempt_id, 0) = 'locked' THEN
    RETURN 'locked';
  END IF;
  UPDATE ${names.operation} SET state = 'running', fence = fence + 1, attempts = attempts + 1,
      attempt_id = p_attempt_id, run_until = run_end, due_at = NULL, doubt = NULL,
      lease_until = least(moment + ${LEASE("p_lease_ms")}, run_end),
      owner = ${ownerOf("form")}, missed_at = ${missedAt("form", "run_end")}
    WHERE id = p_id AND fence = p_fence AND final_at IS NULL
      AND (${DUE_TIME} <= moment OR missed_at <= moment AND ${names.of("owner_gone")}(owner));
  IF NOT FOUND THEN
    RETURN 'stale';
  END IF;
  RETURN ${names.of("document")}(p_id, p_skew_ms);`;
  return define(names, "take_over", declare, body);
}

function stepFunctions(names: Names): string {
  const { operation, step } = names;
  const position = `(SELECT count(*) FROM ${step} WHERE operation_id = p_id)`;
  const renew = `${heldOrReturn(names)}
  UPDATE ${operation} SET lease_until = least(moment + ${LEASE("p_lease_ms")}, run_until),
      owner = ${ownerOf("form")}, missed_at = ${missedAt("form", "run_until")}
    WHERE id = p_id;
  RETURN 'done';`;
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
    adoptFunction(names),
    beginFunction(names),
    recordFunction(names),
    noteFunction(names),
    reopenFunction(names),
    define(names, "record_atomic", ANSWER, atomic),
  ].join("\n\n");
}

function settleFunction(names: Names): string {
  const external = `SELECT FROM ${names.step} WHERE operation_id = p_id AND kind = 'external'`;
  const body = `${heldOrReturn(names)}
  IF EXISTS (${external}
      AND (result_kind IS NULL OR p_kind = 'failed' AND result_kind = 'succeeded'
        AND NOT compensated AND compensates IS NULL)) THEN
    RETURN CASE WHEN EXISTS (${external} AND result_kind IS NULL)
      THEN 'step-unfinished' ELSE 'effect-uncompensated' END;
  END IF;
  UPDATE ${names.operation} SET state = p_kind${names.as("state")},
      final_at = moment, ${UNHELD},
      outcome_status = p_status, outcome_reference = p_reference,
      response_headers = p_headers, response_body = p_body,
      response_missing = CASE WHEN p_body IS NULL THEN 'too-large'${names.as("response_missing")} END
    WHERE id = p_id;
${stage(names)}
  RETURN 'done ' || ${milliseconds("moment")};`;
  return define(names, "settle", ANSWER, body);
}

function suspendFunction(names: Names): string {
  const body = `${heldOrReturn(names)}
  UPDATE ${names.operation} SET state = p_state${names.as("state")},
      doubt = p_doubt${names.as("doubt")}, ${UNHELD},
      due_at = moment + ${LEASE("p_due_in_ms")},
      last_error = coalesce(p_error, last_error),
      attempts = attempts - CASE WHEN p_count_attempt THEN 0 ELSE 1 END
    WHERE id = p_id;
  RETURN 'done';`;
  return define(names, "suspend", ANSWER, body);
}
