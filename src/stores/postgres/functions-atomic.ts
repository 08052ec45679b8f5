import { PROOF } from "./client.ts";
import { ACCEPTABLE, define, overLone, stage } from "./functions-shared.ts";
import { lockKey, milliseconds, type Names, SQLSTATES } from "./statements.ts";

/**
 * The claim of an operation that ends with its transaction: the key stands in the request under
 * its UNIQUE constraint, and the advisory lock keeps everybody else from waiting for it.
 */
export function claimAtomicFunction(names: Names): string {
  const declare = `ignored text;
  acceptable boolean := true;`;
  const local = (setting: string, ms: string): string => `set_config('${setting}', ${ms}, true)`;
  const limits = [
    local("lock_timeout", "p_lock_ms"),
    local("statement_timeout", "p_statement_ms"),
    local("idle_in_transaction_session_timeout", "p_idle_ms"),
  ];
  const body = `  IF p_lock_ms IS NOT NULL THEN
    ignored := ${limits.join("\n      || ")};
  END IF;
  IF NOT pg_try_advisory_xact_lock(${lockKey(names, "p_id")}) THEN
    RETURN coalesce(${names.of("document")}(p_id, p_skew_ms), 'busy');
  END IF;
${ACCEPTABLE}
  IF acceptable THEN
    -- The lock is held, so that what is absent stays so; ON CONFLICT would insert in two stages.
    INSERT INTO ${names.request} (operation_id, atomic, origin, scope, key, input)
      SELECT p_id, true, p_origin${names.as("origin")}, p_scope, p_key, p_input
      WHERE NOT EXISTS (SELECT FROM ${names.operation} WHERE id = p_id)
        AND NOT EXISTS (SELECT FROM ${names.request} WHERE operation_id = p_id);
    IF NOT FOUND THEN
      ${overLone(names, true)} AND NOT EXISTS (SELECT FROM ${names.operation} WHERE id = p_id);
    END IF;
    IF FOUND THEN
      RETURN 'claimed ' || ${milliseconds("moment")};
    END IF;
  END IF;
  RETURN coalesce(${names.of("document")}(p_id, p_skew_ms),
    CASE WHEN acceptable THEN 'vanished' ELSE 'key-too-old' END);`;
  return define(names, "claim_atomic", declare, body);
}

/** The operation as it ends, in the transaction of that id; null is the one that claims with it. */
export function settleAtomicFunction(names: Names): string {
  const body = `  IF p_transaction IS NOT NULL AND ${PROOF} IS DISTINCT FROM p_transaction THEN
    RAISE EXCEPTION 'nevertwice: the callback ended its transaction'
      USING ERRCODE = '${SQLSTATES.transactionEnded}';
  END IF;
  INSERT INTO ${names.operation} (id, fence, created_at, final_at, version, attempts, outcome_status,
      state, form, name, attempt_id, fingerprint, recipe, outcome_reference, response_missing,
      response_headers, response_body)
    VALUES (p_id, 1, to_timestamp(p_created_ms / 1000), moment, p_version, 1, p_status,
      p_kind${names.as("state")}, p_form${names.as("form")}, p_name, p_attempt_id, p_fingerprint,
      p_recipe, p_reference,
      CASE WHEN p_body IS NULL THEN 'too-large'${names.as("response_missing")} END, p_headers, p_body);
  PERFORM set_config('${names.settled}',
    '${names.request}'::regclass::oid || ' ' || p_id::text, true);
${stage(names)}
  RETURN 'done ' || ${milliseconds("moment")};`;
  return define(names, "settle_atomic", "", body);
}
