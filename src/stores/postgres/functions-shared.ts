import { type FunctionName, signature } from "./signatures.ts";
import { clockAt, type Names, SQLSTATES } from "./statements.ts";

export const NOW: string = clockAt("p_skew_ms");
export const LEASE = (ms: string): string => `${ms} * interval '1 millisecond'`;

export function define(names: Names, name: FunctionName, declare: string, body: string): string {
  return `CREATE FUNCTION ${names.of(name)}(${signature(name)}) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  moment timestamptz := ${NOW};
  ${declare}
BEGIN
${body}
END $$;`;
}

/** A snapshot older than the statement would hide the row that won. */
export function refuseIsolation(): string {
  return `IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'nevertwice: this statement needs READ COMMITTED'
      USING ERRCODE = '${SQLSTATES.isolation}';
  END IF;`;
}

/** Sets `acceptable`: whether the horizon takes an unknown key. */
export const ACCEPTABLE: string = `  IF p_key_time IS NOT NULL THEN
    acceptable := to_timestamp(p_key_time / 1000)
      BETWEEN moment - ${LEASE("p_past_ms")} AND moment + ${LEASE("p_future_ms")};
  END IF;`;

/** A request without an operation is no claim, whatever left it there: the next claim takes it. */
export function overLone(names: Names, atomic: boolean): string {
  return `UPDATE ${names.request} SET atomic = ${atomic}, origin = p_origin${names.as("origin")},
        scope = p_scope, key = p_key, input = p_input
      WHERE operation_id = p_id`;
}

/** The messages that commit with the write, in their order. @param origin what staged them */
export function stage(names: Names, origin = "p_id"): string {
  return `  IF p_messages IS NOT NULL THEN
    INSERT INTO ${names.outbox} (operation_id, topic, key, aggregate, payload, staged_at, due_at)
      SELECT ${origin}, m.value ->> 0, m.value ->> 1, m.value ->> 3, decode(m.value ->> 2, 'hex'),
        moment, moment
      FROM json_array_elements(p_messages) WITH ORDINALITY AS m(value, position)
      ORDER BY m.position;
  END IF;`;
}

/** What a fenced write declares. */
export const ANSWER = "answer text;";

/** Locks the operation, or answers why the holder may not write. */
export function heldOrReturn(names: Names): string {
  return `  answer := ${names.of("hold")}(p_id, p_fence, p_wait, p_attempt_id, p_seen);
  IF answer <> 'done' THEN
    RETURN answer;
  END IF;`;
}
