import type { Cell } from "./client.ts";
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
  | "claim_atomic"
  | "settle_atomic"
  | "take_over"
  | "renew"
  | "begin_step"
  | "record_step"
  | "record_atomic"
  | "note"
  | "reopen"
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
    p_owner: "integer",
    p_key_time: "number",
    p_past_ms: "number",
    p_future_ms: "number",
    p_skew_ms: "number",
  },
  claim_atomic: {
    p_id: "id",
    p_origin: "text",
    p_scope: "text",
    p_key: "text",
    p_input: "bytes",
    p_key_time: "number",
    p_past_ms: "number",
    p_future_ms: "number",
    p_lock_ms: "text",
    p_statement_ms: "text",
    p_idle_ms: "text",
    p_skew_ms: "number",
  },
  settle_atomic: {
    p_id: "id",
    p_transaction: "text",
    p_created_ms: "number",
    p_name: "text",
    p_version: "integer",
    p_form: "text",
    p_attempt_id: "text",
    p_fingerprint: "bytes",
    p_recipe: "text",
    p_kind: "text",
    p_status: "integer",
    p_reference: "text",
    p_headers: "text",
    p_body: "bytes",
    p_messages: "json",
    p_skew_ms: "number",
  },
  take_over: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_attempt_id: "text",
    p_lease_ms: "number",
    p_run_for_ms: "number",
    p_owner: "integer",
    p_skew_ms: "number",
  },
  renew: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_lease_ms: "number",
    p_owner: "integer",
    p_skew_ms: "number",
  },
  begin_step: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_name: "text",
    p_input_digest: "text",
    p_provider_key: "text",
    p_generation: "integer",
    p_provider: "text",
    p_effect_kind: "text",
    p_account: "text",
    p_region: "text",
    p_request: "bytes",
    p_kept_for_ms: "number",
    p_look_up: "flag",
    p_compensates: "text",
    p_skew_ms: "number",
  },
  record_step: {
    p_id: "id",
    p_fence: "integer",
    p_wait: "flag",
    p_name: "text",
    p_kind: "text",
    p_verdict: "text",
    p_proven: "flag",
    p_value: "bytes",
    p_reference: "text",
    p_detail: "text",
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
  note: {
    p_id: "id",
    p_step: "text",
    p_source: "text",
    p_finding: "text",
    p_reference: "text",
    p_detail: "text",
    p_by: "text",
    p_skew_ms: "number",
  },
  reopen: {
    p_id: "id",
    p_step: "text",
    p_source: "text",
    p_finding: "text",
    p_reference: "text",
    p_detail: "text",
    p_by: "text",
    p_settled: "text",
    p_named: "text",
    p_value: "bytes",
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

/** The same without the names, which are asked for with every call. */
const KINDS: ReadonlyMap<string, readonly Kind[]> = new Map(
  Object.entries(FUNCTIONS).map(([name, parameters]) => [name, Object.values(parameters)]),
);
const kindsOf = (name: FunctionName): readonly Kind[] => KINDS.get(name) ?? [];

/** A function of the database and its arguments, in the order of its signature. */
export interface Call {
  readonly name: FunctionName;
  readonly values: readonly Cell[];
}

/** The parameter list of a function's definition. */
export function signature(name: FunctionName): string {
  return Object.entries(FUNCTIONS[name])
    .map(([parameter, kind]) => `${parameter} ${TYPES[kind]}`)
    .join(", ");
}

/** One call of a function, its arguments as parameters. */
export function callOne(names: Names, name: FunctionName): string {
  const kinds = kindsOf(name);
  const parameters = kinds.map((kind, i) => CASTS[kind](`$${i + 1}::text`));
  return `SELECT ${names.of(name)}(${parameters.join(", ")})`;
}

/** The same with its arguments in the text, to share a round trip with other statements. */
export function inline(names: Names, { name, values }: Call): string {
  const kinds = kindsOf(name);
  const constants = kinds.map((kind, i) => constant(kind, values[i] ?? null));
  return `${names.of(name)}(${constants.join(", ")})`;
}

/** Printable, and neither the quote nor the backslash. */
const HARMLESS = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/;
const HEXADECIMAL = /^[0-9a-f]*$/;

/** Only harmless characters ever stand between quotes; any other text goes as hexadecimal. */
function constant(kind: Kind, cell: Cell): string {
  if (cell === null) return "NULL";
  if (kind === "id" || kind === "bytes") {
    if (!HEXADECIMAL.test(cell)) throw new TypeError("Bytes travel as hexadecimal digits.");
    // The escape means the same whatever `standard_conforming_strings` is.
    return `E'\\\\x${cell}'`;
  }
  // A constant without a type takes the parameter's, and is read faster than one with a cast.
  if (HARMLESS.test(cell)) return `'${cell}'`;
  const bytes = Buffer.from(cell, "utf8").toString("hex");
  const text = `convert_from(decode('${bytes}', 'hex'), 'UTF8')`;
  return kind === "text" ? text : CASTS[kind](text);
}

/** The text of a constant, for a place that is not a parameter of ours. */
export const quoted = (text: string): string => constant("text", text);

/** Many calls of a function in one statement: one array of texts for each parameter. */
export function callMany(names: Names, name: FunctionName): string {
  const kinds = kindsOf(name);
  const columns = kinds.map((_, i) => `c${i + 1}`);
  const call = kinds.map((kind, i) => CASTS[kind](`t.c${i + 1}`)).join(", ");
  const arrays = kinds.map((_, i) => `$${i + 1}::text::text[]`).join(", ");
  return `SELECT ${names.of(name)}(${call}), t.position::text
FROM unnest(${arrays}) WITH ORDINALITY AS t(${columns.join(", ")}, position)`;
}
