import type { Parameters } from "./parameters.ts";

/** The functions of the database that write events and what they are about. */
export type InboxFunction =
  | "accept_events"
  | "enter_event"
  | "finish_event"
  | "claim_objects"
  | "enter_object"
  | "end_events"
  | "arrive"
  | "redeliver";

/** The functions of the database that write messages. */
export type OutboxFunction = "claim_messages" | "end_message" | "settle_messages";

/** What a person orders, and for which rows. */
const RULING = {
  p_by: "text",
  p_reason: "text",
  p_filter: "text",
  p_dry_run: "flag",
  p_skew_ms: "number",
} as const;

export const INBOX_FUNCTIONS: Readonly<Record<InboxFunction, Parameters>> = {
  accept_events: {
    p_sources: "texts",
    p_keys: "texts",
    p_fingerprints: "texts",
    p_types: "texts",
    p_objects: "texts",
    p_changes: "texts",
    p_routes: "texts",
    p_states: "texts",
    p_bodies: "texts",
    p_aliases: "texts",
    p_reserved: "integer",
    p_cursor_source: "text",
    p_cursor_from: "text",
    p_cursor_to: "text",
    p_skew_ms: "number",
  },
  enter_event: {
    p_source: "text",
    p_key: "text",
    p_change: "text",
    p_object: "text",
    p_skew_ms: "number",
  },
  finish_event: {
    p_number: "integer",
    p_fence: "integer",
    p_source: "text",
    p_key: "text",
    p_fingerprint: "text",
    p_type: "text",
    p_object: "text",
    p_change: "text",
    p_route: "text",
    p_body: "text",
    p_aliases: "text",
    p_end: "json",
    p_state: "text",
    p_messages: "json",
    p_skew_ms: "number",
  },
  claim_objects: {
    p_sources: "texts",
    p_lease_ms: "number",
    p_limit: "integer",
    p_events_max: "integer",
    p_skew_ms: "number",
  },
  enter_object: {
    p_source: "text",
    p_object: "text",
    p_fence: "integer",
    p_skew_ms: "number",
  },
  end_events: {
    p_source: "text",
    p_object: "text",
    p_fence: "integer",
    p_ends: "json",
    p_state: "text",
    p_messages: "json",
    p_keeps: "flag",
    p_skew_ms: "number",
  },
  arrive: { p_name: "text", p_skew_ms: "number" },
  redeliver: {
    p_numbers: "texts",
    p_source: "text",
    p_state: "text",
    p_type: "text",
    p_object: "text",
    p_after: "integer",
    p_limit: "integer",
    ...RULING,
  },
};

export const OUTBOX_FUNCTIONS: Readonly<Record<OutboxFunction, Parameters>> = {
  claim_messages: {
    p_topics: "texts",
    p_lease_ms: "number",
    p_limit: "integer",
    p_skew_ms: "number",
  },
  end_message: {
    p_number: "integer",
    p_fence: "integer",
    p_kind: "text",
    p_due_in_ms: "number",
    p_doubted: "flag",
    p_reference: "text",
    p_error: "text",
    p_skew_ms: "number",
  },
  settle_messages: {
    p_to: "text",
    p_numbers: "texts",
    p_topic: "text",
    p_state: "text",
    p_after: "integer",
    p_limit: "integer",
    ...RULING,
  },
};
