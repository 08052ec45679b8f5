import { NevertwiceError } from "../../model/errors.ts";

/** Every name of ours in the database, qualified and safe to stand in a statement. */
export interface Names {
  readonly prefix: string;
  readonly operation: string;
  readonly request: string;
  readonly step: string;
  readonly send: string;
  /** The keys that a step was sent with before the present one. */
  readonly sentKey: string;
  readonly adopted: string;
  readonly evidence: string;
  readonly outbox: string;
  readonly inbox: string;
  readonly alias: string;
  readonly change: string;
  readonly body: string;
  readonly work: string;
  readonly object: string;
  readonly cursor: string;
  readonly ruling: string;
  readonly migration: string;
  readonly setting: string;
  /** The setting of a transaction that names the operation that it settled last. */
  readonly settled: string;
  /** A cast of a text to one of our types. */
  as(noun: string): string;
  /** The qualified name of a function, a trigger's function or anything else of ours. */
  of(noun: string): string;
}

/** Leaves room for the longest noun within the 63 bytes of a Postgres name. */
const IDENTIFIER = /^[a-z_][a-z0-9_]{0,39}$/;

/** @throws option-invalid for a prefix or schema that is not a plain lower-case identifier */
export function tableNames(prefix: string, schema?: string): Names {
  const place = schema === undefined ? "" : `"${checkIdentifier("schema", schema)}".`;
  const checked = checkIdentifier("prefix", prefix);
  const of = (noun: string): string => `${place}${checked}${noun}`;
  return {
    prefix: checked,
    operation: of("operation"),
    request: of("request"),
    step: of("step"),
    send: of("send"),
    sentKey: of("sent_key"),
    adopted: of("adopted"),
    evidence: of("evidence"),
    outbox: of("outbox"),
    inbox: of("inbox"),
    alias: of("inbox_alias"),
    change: of("inbox_change"),
    body: of("inbox_body"),
    work: of("inbox_work"),
    object: of("inbox_object"),
    cursor: of("cursor"),
    ruling: of("ruling"),
    migration: of("migration"),
    setting: of("setting"),
    settled: `nevertwice.${of("settled").replaceAll('"', "")}`,
    as: (noun) => `::${of(noun)}`,
    of,
  };
}

function checkIdentifier(option: string, name: string): string {
  if (IDENTIFIER.test(name)) return name;
  throw new NevertwiceError(
    "option-invalid",
    `The ${option} has up to 40 lower-case letters, digits and underscores.`,
  );
}

/** The only reading of time: the database's clock, moved by the skew of a test. */
export const clockAt = (skewMs: string): string =>
  `date_trunc('milliseconds', clock_timestamp() + ${skewMs} * interval '1 millisecond')`;

/** A time as whole milliseconds since the epoch. */
export const milliseconds = (time: string): string =>
  `(date_part('epoch', ${time}) * 1000)::bigint`;

/**
 * The first eight bytes of the record id, as the key of its advisory lock. The number of the table
 * keeps stores of other prefixes and schemas in the same database apart.
 */
export const lockKey = ({ operation }: Names, id: string): string =>
  `(('x' || encode(substr(${id}, 1, 8), 'hex'))::bit(64)::bigint
    # ('${operation}'::regclass::oid::bigint << 32))`;

/** The number of the advisory lock of an object, or of an event that is handled as it comes. */
export const nameKey = (
  { object }: Pick<Names, "object">,
  noun: "object" | "event",
  source: string,
  name: string,
): string =>
  `hashtextextended('${noun} ' || length(${source}) || ' ' || ${source} || ${name},
    '${object}'::regclass::oid::bigint)`;

/** When an operation that is not final wants attention: its lease's end, or its due time. */
export const DUE_TIME = "coalesce(lease_until, due_at)";

/** When it may want attention at the earliest: for an owned claim, after a missed renewal. */
export const AGENDA = "coalesce(missed_at, lease_until, due_at)";

/**
 * The server as long as it runs, by the microsecond of its start; the high half of the owner
 * numbers that it gives. A standby may start in the same second as its primary.
 */
export const SERVER =
  "(hashtext(extract(epoch FROM pg_postmaster_start_time())::text) & 2147483647)::bigint";

/** The low half of a number, as `pg_locks` shows it. */
export const advisoryHalf = (number: string): string => `((${number}) & 4294967295)::oid`;

/** What the name of the function ends with that runs a statement of a plan. */
export const PLANNED = "run_planned";

/** What the functions of the database raise, beside Postgres's own codes. */
export const SQLSTATES = {
  /** A fenced write was refused; the message is the `Fenced` answer. */
  refused: "NT001",
  /** The callback ended the transaction that it was given. */
  transactionEnded: "NT002",
  /** The statement does not run at READ COMMITTED. */
  isolation: "NT003",
  /** A row would break the table of transitions, or an atomic operation would end unsettled. */
  illegal: "NT004",
} as const;

/** The statements that are not functions; `$1` is the skew wherever time is read. */
export function readStatements(
  names: Names,
): Readonly<
  Record<
    | "read"
    | "due"
    | "list"
    | "now"
    | "messages"
    | "evidence"
    | "keyed"
    | "adopted"
    | "namespace"
    | "committed",
    string
  >
> {
  const document = names.of("document");
  const skew = "$1::text::float8";
  const at = (parameter: number): string => `to_timestamp($${parameter}::text::float8 / 1000)`;
  // Each half has an index of its own.
  const newest = (half: string): string => `(
    SELECT id, created_at FROM ${names.operation} AS operation
    WHERE ${half} AND ($2::text IS NULL OR state = $2::text${names.as("state")})
      AND ($3::text IS NULL OR name = $3::text)
      AND ($4::text IS NULL OR EXISTS (
        SELECT FROM ${names.request} WHERE operation_id = operation.id AND scope = $4::text))
      AND ($5::text IS NULL
        OR (created_at, id) < (${at(5)}, decode($6::text, 'hex')))
    ORDER BY created_at DESC, id DESC LIMIT $7::text::int
  )`;
  return {
    read: `SELECT ${document}(decode($2::text, 'hex'), ${skew})`,
    due: `WITH clock AS MATERIALIZED (SELECT ${clockAt(skew)} AS moment)
SELECT ${document}(id, ${skew}) FROM (
  SELECT id, ${AGENDA} AS agenda FROM ${names.operation}
  WHERE final_at IS NULL AND ${AGENDA} <= (SELECT moment FROM clock)
    AND (${DUE_TIME} <= (SELECT moment FROM clock) OR ${names.of("owner_gone")}(owner))
    AND (name, version) IN (SELECT * FROM unnest($2::text::text[], $3::text::int[]))
  ORDER BY ${AGENDA} LIMIT $4::text::int
) AS due ORDER BY agenda`,
    list: `SELECT ${document}(id, ${skew}) FROM (
  ${newest("NOT pruned")} UNION ALL ${newest("pruned")}
) AS list ORDER BY created_at DESC, id DESC LIMIT $7::text::int`,
    now: `SELECT ${milliseconds(clockAt(skew))}::text`,
    messages: `SELECT row_to_json(message) FROM (
  SELECT topic, key, aggregate, encode(payload, 'hex') AS payload,
    ${milliseconds("staged_at")} AS staged_at
  FROM ${names.outbox} WHERE operation_id = decode($1::text, 'hex') ORDER BY id
) AS message`,
    evidence: `SELECT row_to_json(known) FROM (
  SELECT step, source, finding, reference, detail, said_by,
    ${milliseconds("noted_at")} AS noted_at
  FROM ${names.evidence} WHERE operation_id = decode($1::text, 'hex') ORDER BY id
) AS known`,
    // A step that was begun anew under another key is still found by the one that it had.
    keyed: `SELECT encode(operation_id, 'hex'), name FROM (
  SELECT operation_id, name FROM ${names.step} WHERE provider_key = $1::text
  UNION ALL SELECT operation_id, step FROM ${names.sentKey} WHERE provider_key = $1::text
) AS step LIMIT 1`,
    adopted: `SELECT encode(operation_id, 'hex'), step FROM ${names.adopted}
WHERE provider = $1::text AND effect_kind = $2::text AND reference = $3::text`,
    namespace: `INSERT INTO ${names.setting} AS setting (name, value) VALUES ('namespace', $1::text)
ON CONFLICT (name) DO UPDATE SET value = setting.value RETURNING value`,
    committed: "SELECT pg_xact_status($1::text::xid8)",
  };
}

/** The two tiers of pruning: `$1` the skew, `$2` the age in milliseconds, `$3` the limit. */
export function pruneStatements(names: Names): {
  readonly responses: string;
  readonly tombstones: string;
} {
  const before = `${clockAt("$1::text::float8")} - $2::text::float8 * interval '1 millisecond'`;
  return {
    responses: `WITH old AS MATERIALIZED (
  SELECT id FROM ${names.operation}
  WHERE NOT pruned AND created_at < ${before} AND final_at < ${before}
  ORDER BY created_at LIMIT $3::text::int FOR UPDATE SKIP LOCKED
), request AS (
  DELETE FROM ${names.request} WHERE operation_id IN (SELECT id FROM old)
), send AS (
  DELETE FROM ${names.send} WHERE operation_id IN (SELECT id FROM old)
), step AS (
  UPDATE ${names.step} SET request = NULL
  WHERE operation_id IN (SELECT id FROM old) AND request IS NOT NULL
), stone AS (
  UPDATE ${names.operation} SET pruned = true, response_headers = NULL, response_body = NULL,
    response_missing = coalesce(response_missing, 'pruned')
  WHERE id IN (SELECT id FROM old) RETURNING 1
) SELECT count(*)::text FROM stone`,
    // The lock keeps a claim from waiting for the deletion: it is answered busy instead. As a
    // condition of the DELETE it could be tried on every row of the table, whatever the plan reads.
    tombstones: `WITH old AS MATERIALIZED (
  SELECT id FROM ${names.operation}
  WHERE pruned AND created_at < ${before} AND final_at < ${before}
  ORDER BY created_at LIMIT $3::text::int FOR UPDATE SKIP LOCKED
), free AS MATERIALIZED (
  SELECT id FROM old WHERE pg_try_advisory_xact_lock(${lockKey(names, "id")})
), stone AS (
  DELETE FROM ${names.operation} WHERE id IN (SELECT id FROM free) RETURNING id
), adopted AS (
  DELETE FROM ${names.adopted} AS a USING ${names.step} AS s
  WHERE s.operation_id IN (SELECT id FROM stone) AND a.operation_id = s.operation_id
    AND (a.provider, a.effect_kind, a.reference) = (s.provider, s.effect_kind, s.reference)
), sent_key AS (
  DELETE FROM ${names.sentKey} WHERE operation_id IN (SELECT id FROM stone)
), evidence AS (
  DELETE FROM ${names.evidence} WHERE operation_id IN (SELECT id FROM stone)
), step AS (
  DELETE FROM ${names.step} WHERE operation_id IN (SELECT id FROM stone)
) SELECT count(*)::text FROM stone`,
  };
}
