import type { Names } from "./statements.ts";

/** How a parameter, always sent as text, becomes the argument of a function. */
type Kind = "id" | "bytes" | "text" | "integer" | "number" | "flag" | "json";

const CASTS: Readonly<Record<Kind, (text: string) => string>> = {
  id: (text) => `decode(${text}, 'hex')`,
  bytes: (text) => `decode(${text}, 'hex')`,
  text: (text) => text,
  integer: (text) => `${text}::bigint`,
  number: (text) => `${text}::float8`,
  flag: (text) => `${text}::boolean`,
  json: (text) => `${text}::json`,
};

const TYPES: Readonly<Record<Kind, string>> = {
  id: "bytea",
  bytes: "bytea",
  text: "text",
  integer: "bigint",
  number: "float8",
  flag: "boolean",
  json: "json",
};

/** The functions of the database that write. */
export type FunctionName =
  | "claim"
  | "take_over"
  | "renew"
  | "begin_step"
  | "record_step"
  | "record_atomic"
  | "settle"
  | "suspend";

/** Their parameters, in order; the first is the record id. */
const FUNCTIONS: Readonly<Record<FunctionName, Readonly<Record<string, Kind>>>> = {
  claim: {
    p_id: "id",
    p_attempt_id: "text",
    p_origin: "text",
    p_scope: "text",
    p_key: "text",
    p_name: "text",
    p_version: "integer",
    p_form: "text",
    p_fingerprint: "bytes",
    p_recipe: "text",
    p_input: "bytes",
    p_lease_ms: "number",
    p_run_for_ms: "number",
    p_key_time: "number",
    p_past_ms: "number",
    p_future_ms: "number",
    p_provisional: "flag",
    p_skew_ms: "number",
  },
  take_over: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_attempt_id: "text",
    p_lease_ms: "number",
    p_run_for_ms: "number",
    p_skew_ms: "number",
  },
  renew: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_lease_ms: "number",
    p_skew_ms: "number",
  },
  begin_step: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_name: "text",
    p_input_digest: "text",
    p_provider_key: "text",
    p_skew_ms: "number",
  },
  record_step: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_name: "text",
    p_result_kind: "text",
    p_result_value: "bytes",
    p_skew_ms: "number",
  },
  record_atomic: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_name: "text",
    p_input_digest: "text",
    p_result_value: "bytes",
    p_messages: "json",
    p_skew_ms: "number",
  },
  settle: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_kind: "text",
    p_status: "integer",
    p_reference: "text",
    p_headers: "text",
    p_body: "bytes",
    p_messages: "json",
    p_skew_ms: "number",
  },
  suspend: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_state: "text",
    p_doubt: "text",
    p_due_in_ms: "number",
    p_error: "text",
    p_count_attempt: "flag",
    p_skew_ms: "number",
  },
};

/** The parameter list of a function's definition. */
export function signature(name: FunctionName): string {
  return Object.entries(FUNCTIONS[name])
    .map(([parameter, kind]) => `${parameter} ${TYPES[kind]}`)
    .join(", ");
}

/** One call of a function; with `demanded` it raises unless its answer is `done`. */
export function callOne(names: Names, name: FunctionName, demanded = false): string {
  const kinds = Object.values(FUNCTIONS[name]);
  const call = `${names.of(name)}(${kinds.map((kind, i) => CASTS[kind](`$${i + 1}::text`)).join(", ")})`;
  return demanded
    ? `SELECT ${names.of("demand")}(${call}, $${kinds.length + 1}::text)`
    : `SELECT ${call}`;
}

/** Many calls of a function in one statement: one array of texts for each parameter. */
export function callMany(names: Names, name: FunctionName): string {
  const kinds = Object.values(FUNCTIONS[name]);
  const columns = kinds.map((_, i) => `c${i + 1}`);
  const call = kinds.map((kind, i) => CASTS[kind](`t.c${i + 1}`)).join(", ");
  const arrays = kinds.map((_, i) => `$${i + 1}::text::text[]`).join(", ");
  return `SELECT ${names.of(name)}(${call}), t.position::text
FROM unnest(${arrays}) WITH ORDINALITY AS t(${columns.join(", ")}, position)`;
}
