import { ANSWER, define, heldOrReturn, LEASE } from "./functions-shared.ts";
import { milliseconds, type Names } from "./statements.ts";

/** The members of a document that tell an operation's steps and sends, in their order. */
export function stepMembers({ step, send }: Names): string {
  const time = (column: string): string => `${milliseconds(column)} AS ${column}`;
  return `'steps', coalesce((SELECT json_agg(row_to_json(s) ORDER BY s.position) FROM (
      SELECT name, kind, input_digest, fence, ${time("begun_at")}, ${time("recorded_at")},
        result_kind, encode(result_value, 'hex') AS result_value, provider_key, generation,
        provider, effect_kind, account, region, encode(request, 'hex') AS request,
        ${time("replay_until")}, look_up, reference, compensates, compensated, position
      FROM ${step} WHERE operation_id = p_id
    ) AS s), '[]'),
    'sends', coalesce((SELECT json_agg(row_to_json(n) ORDER BY n.number) FROM (
      SELECT step, number, generation, fence, ${time("sent_at")}, verdict, detail
      FROM ${send} WHERE operation_id = p_id
    ) AS n), '[]')`;
}

/** A step that may have been sent keeps its own values; a disproved one is begun anew. */
export function beginFunction(names: Names): string {
  const { step, send, sentKey } = names;
  const body = `${heldOrReturn(names)}
  SELECT * INTO known FROM ${step} WHERE operation_id = p_id AND name = p_name;
  IF NOT FOUND THEN
    INSERT INTO ${step} (operation_id, name, position, kind, input_digest, fence, begun_at,
        provider_key, generation, provider, effect_kind, account, region, request, replay_until,
        look_up, compensates)
      VALUES (p_id, p_name, (SELECT count(*) FROM ${step} WHERE operation_id = p_id), 'external',
        p_input_digest, p_fence, moment, p_provider_key, p_generation, p_provider, p_effect_kind,
        p_account, p_region, p_request, moment + ${LEASE("p_kept_for_ms")}, p_look_up,
        p_compensates);
  ELSIF known.result_kind = 'not-executed' THEN
    IF known.provider_key <> p_provider_key THEN
      INSERT INTO ${sentKey} (provider_key, operation_id, step)
        VALUES (known.provider_key, p_id, p_name) ON CONFLICT DO NOTHING;
    END IF;
    UPDATE ${step} SET result_kind = NULL, result_value = NULL, recorded_at = NULL, fence = p_fence,
        begun_at = moment, provider_key = p_provider_key, generation = p_generation,
        provider = p_provider, effect_kind = p_effect_kind, account = p_account, region = p_region,
        request = p_request, replay_until = moment + ${LEASE("p_kept_for_ms")}, look_up = p_look_up
      WHERE operation_id = p_id AND name = p_name;
  ELSIF known.result_kind IS NOT NULL OR known.reference IS NOT NULL THEN
    RETURN 'stale';
  END IF;
  IF p_mark IS NOT NULL AND (known.name IS NULL OR known.result_kind IS NOT NULL) THEN
    INSERT INTO ${sentKey} (provider_key, operation_id, step)
      VALUES (p_mark, p_id, p_name) ON CONFLICT DO NOTHING;
  END IF;
  INSERT INTO ${send} (operation_id, step, number, generation, fence, sent_at)
    SELECT p_id, p_name, count(*) + 1, CASE WHEN known.result_kind IS NULL
      THEN coalesce(known.generation, p_generation) ELSE p_generation END, p_fence, moment
    FROM ${send} WHERE operation_id = p_id AND step = p_name;
  RETURN 'done';`;
  return define(names, "begin_step", `${ANSWER}\n  known ${step};`, body);
}

/** A verdict speaks of the last send; only a result, or proof for every send, ends the step. */
export function recordFunction(names: Names): string {
  const { step, send } = names;
  const ofStep = "operation_id = p_id AND step = p_name";
  const body = `${heldOrReturn(names)}
  SELECT * INTO known FROM ${step}
    WHERE operation_id = p_id AND name = p_name AND kind = 'external' AND result_kind IS NULL;
  IF NOT FOUND OR p_sends <> (SELECT count(*) FROM ${send} WHERE ${ofStep}) THEN
    RETURN 'stale';
  END IF;
  UPDATE ${send} SET verdict = p_verdict, detail = p_detail
    WHERE ${ofStep} AND verdict IS NULL
      AND number = (SELECT max(number) FROM ${send} WHERE ${ofStep});
  IF p_value IS NULL THEN
    IF p_kind = 'not-executed' AND (p_proven OR NOT EXISTS (
      SELECT FROM ${send} WHERE ${ofStep} AND verdict IS DISTINCT FROM 'not-executed'
        AND generation = known.generation
    )) THEN
      UPDATE ${step} SET result_kind = p_kind, result_value = '', recorded_at = moment,
          reference = NULL
        WHERE operation_id = p_id AND name = p_name;
    END IF;
    RETURN 'done';
  END IF;
  UPDATE ${step} SET result_kind = p_kind, result_value = p_value, recorded_at = moment,
      reference = coalesce(p_reference, reference)
    WHERE operation_id = p_id AND name = p_name;
${takeBack(names, "p_kind = 'succeeded'")}
  IF p_reference IS NULL OR ${names.of("adopt")}(p_id, p_name, known.provider, known.effect_kind,
      p_reference, moment) THEN
    RETURN 'done';
  END IF;
  RETURN 'reference-taken';`;
  return define(names, "record_step", `${ANSWER}\n  known ${step};`, body);
}

/** With a succeeded compensation, the step that it takes back stands no more. */
export function takeBack(names: Names, succeeded: string): string {
  return `  IF ${succeeded} AND known.compensates IS NOT NULL THEN
    UPDATE ${names.step} SET compensated = true
      WHERE operation_id = p_id AND name = known.compensates AND kind = 'external';
  END IF;`;
}
