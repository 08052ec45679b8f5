import { NevertwiceError } from "../../model/errors.ts";

/** Every name of ours in the database, qualified and safe to stand in a statement. */
export interface Names {
  readonly prefix: string;
  readonly operation: string;
  readonly request: string;
  readonly response: string;
  readonly step: string;
  readonly outbox: string;
  readonly migration: string;
  readonly setting: string;
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
    response: of("response"),
    step: of("step"),
    outbox: of("outbox"),
    migration: of("migration"),
    setting: of("setting"),
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

/** The first eight bytes of the record id, as the key of its advisory lock. */
export const lockKey = (id: string): string =>
  `('x' || encode(substr(${id}, 1, 8), 'hex'))::bit(64)::bigint`;

/** When an operation that is not final wants attention: its lease's end, or its due time. */
export const DUE_TIME = "coalesce(lease_until, due_at)";

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
  Record<"read" | "due" | "list" | "now" | "messages" | "namespace" | "committed", string>
> {
  const document = names.of("document");
  const skew = "$1::text::float8";
  const at = (parameter: number): string => `to_timestamp($${parameter}::text::float8 / 1000)`;
  return {
    read: `SELECT ${document}(decode($2::text, 'hex'), ${skew})`,
    due: `SELECT ${document}(id, ${skew}) FROM (
  SELECT id, ${DUE_TIME} AS agenda FROM ${names.operation}
  WHERE final_at IS NULL AND ${DUE_TIME} <= ${clockAt(skew)}
    AND (name, version) IN (SELECT * FROM unnest($2::text::text[], $3::text::int[]))
  ORDER BY ${DUE_TIME} LIMIT $4::text::int
) AS due ORDER BY agenda`,
    list: `SELECT ${document}(id, ${skew}) FROM (
  SELECT id, created_at FROM ${names.operation} AS operation
  WHERE ($2::text IS NULL OR state = $2::text) AND ($3::text IS NULL OR name = $3::text)
    AND ($4::text IS NULL OR EXISTS (
      SELECT FROM ${names.request} WHERE operation_id = operation.id AND scope = $4::text))
    AND ($5::text IS NULL
      OR (created_at, id) < (${at(5)}, decode($6::text, 'hex')))
  ORDER BY created_at DESC, id DESC LIMIT $7::text::int
) AS list ORDER BY created_at DESC, id DESC`,
    now: `SELECT ${milliseconds(clockAt(skew))}::text`,
    messages: `SELECT row_to_json(message) FROM (
  SELECT topic, key, encode(payload, 'hex') AS payload, ${milliseconds("staged_at")} AS staged_at
  FROM ${names.outbox} WHERE operation_id = decode($1::text, 'hex') ORDER BY id
) AS message`,
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
  SELECT operation_id AS id FROM ${names.response}
  WHERE stored_at < ${before}
  ORDER BY stored_at LIMIT $3::text::int FOR UPDATE SKIP LOCKED
), request AS (
  DELETE FROM ${names.request} WHERE operation_id IN (SELECT id FROM old)
), response AS (
  DELETE FROM ${names.response} WHERE operation_id IN (SELECT id FROM old)
), stone AS (
  UPDATE ${names.operation} SET pruned = true, response_missing = coalesce(response_missing, 'pruned')
  WHERE id IN (SELECT id FROM old) RETURNING 1
) SELECT count(*)::text FROM stone`,
    // The lock keeps a claim from waiting for the deletion: it is answered busy instead.
    tombstones: `WITH old AS MATERIALIZED (
  SELECT id FROM ${names.operation}
  WHERE pruned AND created_at < ${before} AND final_at < ${before}
  ORDER BY created_at LIMIT $3::text::int FOR UPDATE SKIP LOCKED
), stone AS (
  DELETE FROM ${names.operation}
  WHERE id IN (SELECT id FROM old) AND pg_try_advisory_xact_lock(${lockKey("id")}) RETURNING id
), step AS (
  DELETE FROM ${names.step} WHERE operation_id IN (SELECT id FROM stone)
) SELECT count(*)::text FROM stone`,
  };
}
