import { DOUBTS, FORMS, isFinal, STATES, TRANSITIONS } from "../../model/operation.ts";
import { functions } from "./functions.ts";
import { DUE_TIME, type Names, SQLSTATES } from "./statements.ts";

/** One numbered step of the schema's history; a published one never changes. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** The history of the schema, oldest first. */
export function migrations(names: Names): readonly Migration[] {
  const tables = [domains(names), operationTable(names), otherTables(names), guards(names)];
  return [
    { name: "0001-tables", sql: tables.join("\n\n") },
    { name: "0002-functions", sql: functions(names) },
  ];
}

/** What `migrate` needs before it can read which migrations ran. */
export function bookkeeping(names: Names): string {
  return `CREATE TABLE IF NOT EXISTS ${names.migration} (
  name text PRIMARY KEY,
  ran_at timestamptz NOT NULL DEFAULT clock_timestamp()
);`;
}

const listed = (values: readonly string[]): string =>
  values.map((value) => `'${value}'`).join(", ");

const FINAL = listed(STATES.filter(isFinal));

/**
 * The lists of the model as domains, and the rules between columns in the trigger below: Postgres
 * prepares a table's CHECK constraints anew with every statement, which cost more than the write.
 */
function domains(names: Names): string {
  const list = (noun: string, values: readonly string[]): string =>
    `CREATE DOMAIN ${names.of(noun)} AS text CHECK (VALUE IN (${listed(values)}));`;
  return [
    `CREATE DOMAIN ${names.of("record_id")} AS bytea CHECK (octet_length(VALUE) = 32);`,
    list("state", STATES),
    list("form", FORMS),
    list("doubt", DOUBTS),
    list("origin", ["http", "own"]),
    list("response_missing", ["pruned", "too-large"]),
    list("step_kind", ["atomic", "external"]),
    list("result_kind", ["succeeded", "declined"]),
  ].join("\n");
}

function operationTable(names: Names): string {
  const { operation, prefix, of } = names;
  return `CREATE TABLE ${operation} (
  id ${of("record_id")} PRIMARY KEY,
  fence bigint NOT NULL,
  created_at timestamptz NOT NULL,
  lease_until timestamptz,
  run_until timestamptz,
  due_at timestamptz,
  final_at timestamptz,
  version integer NOT NULL,
  attempts integer NOT NULL,
  outcome_status integer,
  pruned boolean NOT NULL DEFAULT false,
  state ${of("state")} NOT NULL,
  form ${of("form")} NOT NULL,
  name text NOT NULL,
  attempt_id text NOT NULL,
  fingerprint bytea NOT NULL,
  recipe text NOT NULL,
  doubt ${of("doubt")},
  last_error text,
  outcome_reference text,
  response_missing ${of("response_missing")}
);
CREATE INDEX ${prefix}operation_created ON ${operation} (created_at);
CREATE INDEX ${prefix}operation_due ON ${operation} ((${DUE_TIME})) WHERE final_at IS NULL;`;
}

function otherTables(names: Names): string {
  const { request, response, step, outbox, setting, prefix, of } = names;
  // Rows of the other tables go with their operation by our own statements: a foreign key would
  // cost a second look-up and a row lock with every insert.
  return `CREATE TABLE ${request} (
  operation_id ${of("record_id")} PRIMARY KEY,
  atomic boolean NOT NULL,
  origin ${of("origin")} NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  input bytea NOT NULL
);

-- Every settlement leaves a row, without headers and body if they were too large to keep: pruning
-- finds its work here, so that no index of the operation has to hold those that are final.
CREATE TABLE ${response} (
  operation_id ${of("record_id")} PRIMARY KEY,
  stored_at timestamptz NOT NULL,
  headers text,
  body bytea
);
CREATE INDEX ${prefix}response_stored ON ${response} (stored_at);

CREATE TABLE ${step} (
  operation_id ${of("record_id")} NOT NULL,
  name text NOT NULL,
  position integer NOT NULL,
  kind ${of("step_kind")} NOT NULL,
  input_digest text NOT NULL,
  provider_key text,
  fence bigint NOT NULL,
  begun_at timestamptz NOT NULL,
  recorded_at timestamptz,
  result_kind ${of("result_kind")},
  result_value bytea,
  PRIMARY KEY (operation_id, name),
  CHECK (num_nulls(recorded_at, result_kind, result_value) IN (0, 3))
);

CREATE TABLE ${outbox} (
  id bigserial PRIMARY KEY,
  operation_id ${of("record_id")} NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  payload bytea NOT NULL,
  staged_at timestamptz NOT NULL,
  UNIQUE (topic, key)
);
CREATE INDEX ${prefix}outbox_operation ON ${outbox} (operation_id, id);

CREATE TABLE ${setting} (
  name text PRIMARY KEY,
  value text NOT NULL
);`;
}

/** What every changed row keeps to, whoever writes it; the functions insert no other. */
const ROW_RULES = [
  "NEW.fence > 0 AND NEW.attempts >= 0",
  "(NEW.state = 'running') = (NEW.lease_until IS NOT NULL)",
  "(NEW.state = 'running') = (NEW.run_until IS NOT NULL)",
  "(NEW.lease_until IS NULL OR NEW.lease_until <= NEW.run_until)",
  "(NEW.due_at IS NULL OR NEW.state IN ('waiting', 'in_doubt'))",
  "(NEW.doubt IS NULL OR NEW.state = 'in_doubt')",
  `(NEW.state IN (${FINAL})) = (NEW.final_at IS NOT NULL)`,
  "(NEW.final_at IS NULL) = (NEW.outcome_status IS NULL)",
  "(NEW.final_at IS NOT NULL OR NOT NEW.pruned)",
];

function guards(names: Names): string {
  const { operation, request, prefix, of } = names;
  const legal = STATES.map((from) => {
    const next = TRANSITIONS[from];
    return `WHEN '${from}' THEN ${next.length === 0 ? "false" : `NEW.state IN (${listed(next)})`}`;
  });
  return `CREATE FUNCTION ${of("check_operation")}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE pruned_row ${operation};
BEGIN
  IF NOT (${ROW_RULES.join("\n      AND ")}) THEN
    RAISE EXCEPTION 'nevertwice: the row of an operation contradicts itself'
      USING ERRCODE = '${SQLSTATES.illegal}';
  END IF;
  IF NEW.fence >= OLD.fence AND NEW.id = OLD.id AND (CASE OLD.state
      ${legal.join("\n      ")} END) THEN
    RETURN NEW;
  END IF;
  pruned_row := OLD;
  pruned_row.pruned := true;
  pruned_row.response_missing := coalesce(OLD.response_missing, 'pruned');
  IF OLD.final_at IS NOT NULL AND NEW IS NOT DISTINCT FROM pruned_row THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'nevertwice: % may not become %', OLD.state, NEW.state
    USING ERRCODE = '${SQLSTATES.illegal}';
END $$;
CREATE TRIGGER ${prefix}operation_check BEFORE UPDATE ON ${operation} FOR EACH ROW
  EXECUTE FUNCTION ${of("check_operation")}();

CREATE FUNCTION ${of("refuse_delete")}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'nevertwice: an operation that is % is never forgotten', OLD.state
    USING ERRCODE = '${SQLSTATES.illegal}';
END $$;
CREATE TRIGGER ${prefix}operation_delete BEFORE DELETE ON ${operation} FOR EACH ROW
  WHEN (OLD.state NOT IN (${FINAL}))
  EXECUTE FUNCTION ${of("refuse_delete")}();

-- An atomic claim inserts the request, and its settlement the operation, in the same transaction.
CREATE FUNCTION ${of("refuse_unsettled")}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM ${operation} WHERE id = NEW.operation_id) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'nevertwice: the transaction of an atomic operation was committed by its callback'
    USING ERRCODE = '${SQLSTATES.illegal}';
END $$;
CREATE CONSTRAINT TRIGGER ${prefix}request_unsettled AFTER INSERT OR UPDATE ON ${request}
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.atomic)
  EXECUTE FUNCTION ${of("refuse_unsettled")}();`;
}
