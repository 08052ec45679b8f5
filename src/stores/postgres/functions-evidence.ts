import { OPAQUE_STEP } from "../../model/step.ts";
import { TAKEN } from "../evidence.ts";
import { UNHELD } from "./functions-lineage.ts";
import { define } from "./functions-shared.ts";
import { takeBack } from "./functions-steps.ts";
import type { Names } from "./statements.ts";

/** False if another step has adopted the reference; then the evidence says so. */
export function adoptFunction({ adopted, evidence, of }: Names): string {
  return `CREATE FUNCTION ${of("adopt")}(p_id bytea, p_step text, p_provider text,
  p_effect_kind text, p_reference text, p_moment timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  owner ${adopted};
BEGIN
  IF p_provider IS NULL OR p_effect_kind IS NULL THEN
    RETURN true;
  END IF;
  LOOP
    INSERT INTO ${adopted} (provider, effect_kind, reference, operation_id, step)
      VALUES (p_provider, p_effect_kind, p_reference, p_id, p_step)
      ON CONFLICT (provider, effect_kind, reference) DO NOTHING;
    IF FOUND THEN
      RETURN true;
    END IF;
    SELECT * INTO owner FROM ${adopted}
      WHERE provider = p_provider AND effect_kind = p_effect_kind AND reference = p_reference;
    -- An owner that has just let go leaves the reference to whoever comes next.
    EXIT WHEN FOUND;
  END LOOP;
  IF owner.operation_id = p_id AND owner.step = p_step THEN
    RETURN true;
  END IF;
  INSERT INTO ${evidence} (operation_id, step, source, finding, reference, detail, noted_at)
    VALUES (p_id, p_step, 'alarm', 'executed', p_reference,
      '${TAKEN.before}' || encode(owner.operation_id, 'hex') || '${TAKEN.after}', p_moment);
  RETURN false;
END $$;`;
}

function insertEvidence({ evidence }: Names): string {
  return `INSERT INTO ${evidence} (operation_id, step, source, finding, reference, detail, said_by,
      noted_at)
    VALUES (p_id, p_step, p_source, p_finding, p_reference, p_detail, p_by, moment);`;
}

/** The lock keeps the tombstone until the commit, and lets every fenced write pass. */
export function noteFunction(names: Names): string {
  const body = `  PERFORM FROM ${names.operation} WHERE id = p_id FOR KEY SHARE;
  IF NOT FOUND THEN
    RETURN 'missing';
  END IF;
  ${insertEvidence(names)}
  RETURN 'noted';`;
  return define(names, "note", "", body);
}

/** The operation as it becomes due, the evidence, and what it settles of one step. */
export function reopenFunction(names: Names): string {
  const { operation, step, adopted } = names;
  const declare = `held ${operation};
  known ${step};
  unfinished boolean;`;
  const body = `  SELECT * INTO held FROM ${operation} WHERE id = p_id FOR NO KEY UPDATE;
  IF NOT FOUND THEN
    RETURN 'missing';
  END IF;
  IF held.final_at IS NOT NULL THEN
    RETURN 'final';
  END IF;
  IF held.state = 'running' AND least(held.lease_until, held.run_until) > moment THEN
    RETURN 'held';
  END IF;
  IF p_settled IS NOT NULL THEN
    SELECT * INTO known FROM ${step} WHERE operation_id = p_id AND name = p_step;
    IF NOT FOUND THEN
      IF held.form <> 'opaque' OR p_step <> '${OPAQUE_STEP}' THEN
        RETURN 'no-such-step';
      END IF;
      INSERT INTO ${step} (operation_id, name, position, kind, input_digest, fence, begun_at)
        VALUES (p_id, p_step, (SELECT count(*) FROM ${step} WHERE operation_id = p_id), 'external',
          '', held.fence, moment)
        RETURNING * INTO known;
    -- A compensation that was declined may still be made by hand.
    ELSIF known.kind <> 'external' OR known.result_kind = 'succeeded'
        OR known.result_kind = 'declined' AND known.compensates IS NULL THEN
      RETURN 'settled-before';
    END IF;
  END IF;
  ${insertEvidence(names)}
  IF p_settled IS NOT NULL THEN
    -- What a person named by mistake is free again.
    IF known.reference IS DISTINCT FROM p_named THEN
      DELETE FROM ${adopted} WHERE provider = known.provider AND effect_kind = known.effect_kind
        AND reference = known.reference AND operation_id = p_id AND step = p_step;
    END IF;
    UPDATE ${step} SET reference = p_named, result_value = p_value,
        result_kind = CASE WHEN p_value IS NULL THEN NULL WHEN p_settled = 'executed'
          THEN 'succeeded' ELSE 'not-executed' END,
        recorded_at = CASE WHEN p_value IS NOT NULL THEN moment END
      WHERE operation_id = p_id AND name = p_step;
${takeBack(names, "p_settled = 'executed' AND p_value IS NOT NULL")}
    IF p_named IS NOT NULL THEN
      PERFORM ${names.of("adopt")}(p_id, p_step, known.provider, known.effect_kind, p_named, moment);
    END IF;
  END IF;
  -- Running a wrapped handler again takes the word that it did nothing.
  unfinished := EXISTS (
    SELECT FROM ${step} WHERE operation_id = p_id AND kind = 'external' AND result_kind IS NULL)
    OR held.form = 'opaque' AND NOT EXISTS (
      SELECT FROM ${step} WHERE operation_id = p_id AND name = '${OPAQUE_STEP}');
  UPDATE ${operation} SET
      state = (CASE WHEN unfinished THEN 'in_doubt' ELSE 'waiting' END)${names.as("state")},
      doubt = (CASE WHEN unfinished THEN 'effect-unknown' END)${names.as("doubt")},
      attempts = 0, due_at = moment, ${UNHELD}, fence = fence + 1
    WHERE id = p_id;
  RETURN 'reopened';`;
  return define(names, "reopen", declare, body);
}
