import { NevertwiceError } from "../../model/errors.ts";
import { type InboxStatements, inboxStatements } from "./inbox-statements.ts";
import { type OutboxStatements, outboxStatements } from "./outbox-statements.ts";
import { OPEN, READY } from "./schema.ts";
import { held, NOW } from "./sql.ts";
import { type StepStatements, stepStatements } from "./step-statements.ts";

const PREFIX = /^[A-Za-z_][A-Za-z0-9_]{0,39}$/;

/** The prefix itself if it can stand in SQL as it is. @throws option-invalid */
export function checkPrefix(prefix: string): string {
  if (PREFIX.test(prefix) && !/^sqlite_/i.test(prefix)) return prefix;
  throw new NevertwiceError(
    "option-invalid",
    "The table prefix is 1 to 40 letters, digits and underscores; it begins neither with a digit nor with `sqlite_`.",
  );
}

/** The store's statements; the prefix of the tables is their only part that is not constant. */
export interface Statements extends StepStatements, InboxStatements, OutboxStatements {
  readonly claim: string;
  readonly claimSettled: string;
  readonly request: string;
  readonly open: string;
  readonly takeOver: string;
  readonly renew: string;
  readonly held: string;
  readonly recordAtomic: string;
  readonly settle: string;
  readonly unsettled: string;
  readonly response: string;
  readonly suspend: string;
  readonly read: string;
  readonly due: string;
  readonly list: string;
  readonly listOpen: string;
  readonly now: string;
  readonly prunable: string;
  readonly pruneRequest: string;
  readonly pruneResponse: string;
  readonly prune: string;
  readonly tombstones: string;
  readonly forget: string;
  readonly setting: string;
  readonly keepSetting: string;
  readonly changeSetting: string;
  readonly migrated: string;
  readonly newest: string;
  readonly keepMigration: string;
}

export function statements(prefix: string): Statements {
  return {
    ...claiming(prefix),
    ...writing(prefix),
    ...stepStatements(prefix),
    ...inboxStatements(prefix),
    ...outboxStatements(prefix),
    ...reading(prefix),
    ...keeping(prefix),
  };
}

function claiming(p: string) {
  return {
    claim: `INSERT INTO ${p}operation (id, name, version, form, state, fence, attempt_id, attempts,
  lease_until, run_until, fingerprint, recipe, created_at)
SELECT @id, @name, @version, @form, 'running', 1, @attemptId, 1,
  ${NOW} + min(cast(@leaseMs AS INTEGER), cast(@runForMs AS INTEGER)),
  ${NOW} + cast(@runForMs AS INTEGER), @fingerprint, @recipe, ${NOW}
WHERE @keyTime IS NULL OR @keyTime BETWEEN ${NOW} - @pastMs AND ${NOW} + @futureMs
ON CONFLICT (id) DO NOTHING
RETURNING number, created_at, lease_until, run_until`,
    claimSettled: `INSERT INTO ${p}operation (id, name, version, form, state, fence, attempt_id,
  attempts, fingerprint, recipe, created_at, final_at, outcome_status, outcome_reference,
  response_missing)
VALUES (@id, @name, @version, @form, @kind, 1, @attemptId, 1, @fingerprint, @recipe, ${NOW}, ${NOW},
  @status, @reference, @missing)
RETURNING number, created_at`,
    request: `INSERT INTO ${p}request (number, origin, scope, key, input)
VALUES (@number, @origin, @scope, @key, @input)`,
    open: `SELECT 1 WHERE @keyTime IS NULL
  OR @keyTime BETWEEN ${NOW} - @pastMs AND ${NOW} + @futureMs`,
    takeOver: `UPDATE ${p}operation SET state = 'running', fence = fence + 1,
  attempt_id = @attemptId, attempts = attempts + 1, due_at = NULL, doubt = NULL,
  lease_until = ${NOW} + min(cast(@leaseMs AS INTEGER), cast(@runForMs AS INTEGER)),
  run_until = ${NOW} + cast(@runForMs AS INTEGER)
WHERE id = @id AND fence = @fence AND state IN (${OPEN}) AND ${READY} <= ${NOW}`,
    renew: `UPDATE ${p}operation
SET lease_until = min(${NOW} + cast(@leaseMs AS INTEGER), run_until) WHERE ${held(p)}`,
  };
}

function writing(p: string) {
  const unfinished = `EXISTS (SELECT 1 FROM ${p}step AS s WHERE s.number = ${p}operation.number
    AND s.kind = 'external' AND s.result_kind IS NULL)`;
  const standing = `EXISTS (SELECT 1 FROM ${p}step AS s WHERE s.number = ${p}operation.number
    AND s.kind = 'external' AND s.result_kind = 'succeeded' AND s.compensated = 0
    AND s.compensates IS NULL)`;
  const position = `(SELECT count(*) FROM ${p}step AS s WHERE s.number = o.number)`;
  return {
    held: `SELECT 1 FROM ${p}operation WHERE ${held(p)}`,
    recordAtomic: `INSERT INTO ${p}step (number, name, position, kind, input_digest, fence,
  begun_at, recorded_at, result_kind, result_value)
SELECT number, @name, ${position}, 'atomic', @inputDigest, fence, ${NOW}, ${NOW}, 'succeeded', @value
FROM ${p}operation AS o WHERE ${held(p, "o")}
ON CONFLICT (number, name) DO NOTHING`,
    settle: `UPDATE ${p}operation SET state = @kind, lease_until = NULL, run_until = NULL,
  final_at = ${NOW}, outcome_status = @status, outcome_reference = @reference,
  response_missing = @missing
WHERE ${held(p)} AND NOT ${unfinished} AND NOT (@kind = 'failed' AND ${standing})
RETURNING number`,
    unsettled: `SELECT CASE WHEN ${unfinished} THEN 'step-unfinished'
  ELSE 'effect-uncompensated' END AS reason FROM ${p}operation WHERE ${held(p)}`,
    response: `INSERT INTO ${p}response (number, headers, body, stored_at)
VALUES (@number, @headers, @body, ${NOW})`,
    suspend: `UPDATE ${p}operation SET state = @state, doubt = @doubt, lease_until = NULL,
  run_until = NULL, due_at = ${NOW} + cast(@dueInMs AS INTEGER),
  last_error = coalesce(@error, last_error), attempts = attempts - @givenBack
WHERE ${held(p)}`,
  };
}

function reading(p: string) {
  const columns = `SELECT o.number, lower(hex(o.id)) AS id, o.name, o.version, o.form, o.state,
  o.fence, o.attempt_id, o.attempts, o.lease_until, o.run_until, o.due_at, o.doubt, o.last_error,
  o.fingerprint, o.recipe, o.created_at, o.final_at, o.outcome_status, o.outcome_reference,
  o.response_missing, r.origin, r.scope, r.key, r.input,
  s.headers AS response_headers, s.body AS response_body, ${NOW} AS now`;
  const from = (index: string) => `FROM ${p}operation AS o ${index}
LEFT JOIN ${p}request AS r ON r.number = o.number
LEFT JOIN ${p}response AS s ON s.number = o.number`;
  const whole = `${columns}\n${from("")}`;
  // The planner cannot know that few operations are open.
  const open = `${columns}\n${from(`INDEXED BY ${p}operation_ready`)}\nWHERE o.state IN (${OPEN})`;
  const filter = `(@state IS NULL OR o.state = @state) AND (@name IS NULL OR o.name = @name)
  AND (@scope IS NULL OR r.scope = @scope) AND o.created_at <= @until
  AND (@after IS NULL OR o.created_at < @until OR o.id < @after)`;
  const newestFirst = "ORDER BY o.created_at DESC, o.id DESC LIMIT @limit";
  return {
    read: `${whole} WHERE o.id = @id`,
    due: `${open} AND ${READY} <= ${NOW}
  AND EXISTS (SELECT 1 FROM json_each(@definitions) AS d
    WHERE d.value ->> 0 = o.name AND d.value ->> 1 = o.version)
ORDER BY ${READY} LIMIT @limit`,
    list: `${whole} WHERE ${filter} ${newestFirst}`,
    listOpen: `${open} AND ${filter} ${newestFirst}`,
    now: `SELECT ${NOW} AS now`,
  };
}

function keeping(p: string) {
  const old = (pruned: 0 | 1) => `SELECT number FROM ${p}operation
WHERE pruned = ${pruned} AND final_at < ${NOW} - @ageMs ORDER BY final_at LIMIT @limit`;
  return {
    prunable: old(0),
    pruneRequest: `DELETE FROM ${p}request WHERE number = @number`,
    pruneResponse: `DELETE FROM ${p}response WHERE number = @number`,
    prune: `UPDATE ${p}operation
SET pruned = 1, response_missing = coalesce(response_missing, 'pruned') WHERE number = @number`,
    tombstones: old(1),
    forget: `DELETE FROM ${p}operation WHERE number = @number`,
    setting: `SELECT value FROM ${p}setting WHERE name = @name`,
    keepSetting: `INSERT INTO ${p}setting (name, value) VALUES (@name, @value)
ON CONFLICT (name) DO NOTHING`,
    changeSetting: `INSERT INTO ${p}setting (name, value) VALUES (@name, @value)
ON CONFLICT (name) DO UPDATE SET value = excluded.value`,
    migrated: `SELECT 1 FROM ${p}migration WHERE number = @number`,
    newest: `SELECT coalesce(max(number), 0) AS number,
  (SELECT value FROM ${p}setting WHERE name = @name) AS needs FROM ${p}migration`,
    keepMigration: `INSERT INTO ${p}migration (number, name, applied_at)
VALUES (@number, @name, ${NOW})`,
  };
}
