/** How a parameter, always sent as text, becomes the argument of a function. */
export type Kind = "id" | "bytes" | "text" | "texts" | "integer" | "number" | "flag" | "json";

/** The parameters of a function, in order. */
export type Parameters = Readonly<Record<string, Kind>>;

/** What a fenced write says of its holder, and whether it waits for a lock. */
const HELD = {
  p_fence: "integer",
  p_wait: "flag",
  p_attempt_id: "text",
  p_seen: "integer",
} as const;

/** The functions of the database that write operations. */
export type OperationFunction =
  | "claim"
  | "claim_atomic"
  | "settle_atomic"
  | "carry_out"
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
export const OPERATION_FUNCTIONS: Readonly<Record<OperationFunction, Parameters>> = {
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
  carry_out: {
    p_id: "id",
    p_statements: "json",
    p_wait: "flag",
    p_origin: "text",
    p_scope: "text",
    p_key: "text",
    p_input: "bytes",
    p_key_time: "number",
    p_past_ms: "number",
    p_future_ms: "number",
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
    ...HELD,
    p_lease_ms: "number",
    p_owner: "integer",
    p_skew_ms: "number",
  },
  begin_step: {
    p_id: "id",
    ...HELD,
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
    p_mark: "text",
    p_skew_ms: "number",
  },
  record_step: {
    p_id: "id",
    ...HELD,
    p_name: "text",
    p_kind: "text",
    p_verdict: "text",
    p_proven: "flag",
    p_value: "bytes",
    p_reference: "text",
    p_detail: "text",
    p_sends: "integer",
    p_skew_ms: "number",
  },
  record_atomic: {
    p_id: "id",
    ...HELD,
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
    ...HELD,
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
    ...HELD,
    p_state: "text",
    p_doubt: "text",
    p_due_in_ms: "number",
    p_error: "text",
    p_count_attempt: "flag",
    p_skew_ms: "number",
  },
};
