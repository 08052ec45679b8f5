import { type Names, SQLSTATES } from "./statements.ts";

/** What is known of steps, of what they sent, and of whose effects they are. */
export function stepTables(names: Names): string {
  const { step, send, sentKey, adopted, prefix, of } = names;
  return `CREATE TABLE ${step} (
  operation_id ${of("record_id")} NOT NULL,
  name text NOT NULL,
  position integer NOT NULL,
  kind ${of("step_kind")} NOT NULL,
  input_digest text NOT NULL,
  fence bigint NOT NULL,
  begun_at timestamptz NOT NULL,
  recorded_at timestamptz,
  result_kind ${of("result_kind")},
  result_value bytea,
  provider_key text,
  generation integer NOT NULL DEFAULT 0,
  look_up boolean NOT NULL DEFAULT false,
  compensated boolean NOT NULL DEFAULT false,
  provider text,
  effect_kind text,
  account text,
  region text,
  request bytea,
  replay_until timestamptz,
  reference text,
  compensates text,
  PRIMARY KEY (operation_id, name),
  CHECK (num_nulls(recorded_at, result_kind, result_value) IN (0, 3))
);
CREATE INDEX ${prefix}step_key ON ${step} (provider_key) WHERE provider_key IS NOT NULL;

CREATE TABLE ${send} (
  operation_id ${of("record_id")} NOT NULL,
  step text NOT NULL,
  number integer NOT NULL,
  generation integer NOT NULL,
  fence bigint NOT NULL,
  sent_at timestamptz NOT NULL,
  verdict ${of("verdict")},
  detail text,
  PRIMARY KEY (operation_id, step, number)
);

CREATE TABLE ${sentKey} (
  provider_key text NOT NULL,
  operation_id ${of("record_id")} NOT NULL,
  step text NOT NULL,
  PRIMARY KEY (operation_id, provider_key)
);
CREATE INDEX ${prefix}sent_key_key ON ${sentKey} (provider_key);

CREATE TABLE ${adopted} (
  provider text NOT NULL,
  effect_kind text NOT NULL,
  reference text NOT NULL,
  operation_id ${of("record_id")} NOT NULL,
  step text NOT NULL,
  PRIMARY KEY (provider, effect_kind, reference)
);

${evidenceTable(names)}`;
}

function evidenceTable({ evidence, prefix, of }: Names): string {
  return `CREATE TABLE ${evidence} (
  id bigserial PRIMARY KEY,
  operation_id ${of("record_id")} NOT NULL,
  step text NOT NULL,
  source ${of("evidence_source")} NOT NULL,
  finding text NOT NULL,
  reference text,
  detail text,
  said_by text,
  noted_at timestamptz NOT NULL
);
CREATE INDEX ${prefix}evidence_operation ON ${evidence} (operation_id, id);

CREATE FUNCTION ${of("refuse_evidence")}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'nevertwice: evidence is only ever added'
    USING ERRCODE = '${SQLSTATES.illegal}';
END $$;
CREATE TRIGGER ${prefix}evidence_fixed BEFORE UPDATE ON ${evidence} FOR EACH ROW
  EXECUTE FUNCTION ${of("refuse_evidence")}();`;
}
