import { EVENT_ROUTES, EVENT_STATES } from "../../model/event.ts";
import { EVIDENCE_SOURCES } from "../../model/evidence.ts";
import { MESSAGE_STATES } from "../../model/message.ts";
import { DOUBTS, FORMS, isFinal, STATES, TRANSITIONS } from "../../model/operation.ts";
import { RESULT_KINDS, VERDICTS } from "../../model/step.ts";
import { functions } from "./functions.ts";
import { inboxFunctions } from "./functions-inbox.ts";
import { outboxFunctions } from "./functions-outbox.ts";
import { inboxTables, outboxTable } from "./schema-inbox.ts";
import { stepTables } from "./schema-steps.ts";
import { AGENDA, type Names, SQLSTATES } from "./statements.ts";

/** One numbered step of the schema's history; a published one never changes. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/** The history of the schema, oldest first. */
export function migrations(names: Names): readonly Migration[] {
  const tables = [
    ...[types(names), operationTable(names), otherTables(names), stepTables(names)],
    guards(names),
  ];
  return [
    { name: "0001-tables", sql: tables.join("\n\n") },
    { name: "0002-functions", sql: functions(names) },
    { name: "0003-inbox", sql: [inboxTables(names), inboxFunctions(names)].join("\n\n") },
    { name: "0004-outbox", sql: outboxFunctions(names) },
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
 * The lists of the model as types, and the rules between columns in the trigger below: Postgres
 * prepares the CHECK constraints of a table or a domain anew with every statement, which cost more
 * than the write. So the columns of an atomic operation are enumerated types.
 */
function types(names: Names): string {
  const list = (noun: string, values: readonly string[]): string =>
    `CREATE DOMAIN ${names.of(noun)} AS text CHECK (VALUE IN (${listed(values)}));`;
  const enumeration = (noun: string, values: readonly string[]): string =>
    `CREATE TYPE ${names.of(noun)} AS ENUM (${listed(values)});`;
  return [
    `CREATE DOMAIN ${names.of("record_id")} AS bytea CHECK (octet_length(VALUE) = 32);`,
    enumeration("state", STATES),
    enumeration("form", FORMS),
    enumeration("doubt", DOUBTS),
    enumeration("message_state", MESSAGE_STATES),
    enumeration("event_state", EVENT_STATES),
    enumeration("event_route", EVENT_ROUTES),
    enumeration("origin", ["http", "own"]),
    enumeration("response_missing", ["pruned", "too-large"]),
    list("step_kind", ["atomic", "external"]),
    list("result_kind", RESULT_KINDS),
    list("verdict", VERDICTS),
    list("evidence_source", EVIDENCE_SOURCES),
  ].join("\n");
}

function operationTable(names: Names): string {
  const { operation, prefix, of } = names;
  return `CREATE TABLE ${operation} (
  id bytea PRIMARY KEY,
  fence bigint NOT NULL,
  owner bigint,
  created_at timestamptz NOT NULL,
  lease_until timestamptz,
  run_until timestamptz,
  missed_at timestamptz,
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
  response_missing ${of("response_missing")},
  response_headers text,
  response_body bytea
);
-- What pruning and lists look at; the second one costs nothing before an operation is pruned.
CREATE INDEX ${prefix}operation_created ON ${operation} (created_at) WHERE NOT pruned;
CREATE INDEX ${prefix}operation_pruned ON ${operation} (created_at) WHERE pruned;
CREATE INDEX ${prefix}operation_due ON ${operation} ((${AGENDA})) WHERE final_at IS NULL;`;
}

function otherTables(names: Names): string {
  const { request, setting, of } = names;
  // Rows of the other tables go with their operation by our own statements: a foreign key would
  // cost a second look-up and a row lock with every insert.
  return `CREATE TABLE ${request} (
  operation_id bytea PRIMARY KEY,
  atomic boolean NOT NULL,
  origin ${of("origin")} NOT NULL,
  scope text NOT NULL,
  key text NOT NULL,
  input bytea NOT NULL
);

${outboxTable(names)}

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
  "(NEW.owner IS NULL) = (NEW.missed_at IS NULL)",
  "(NEW.missed_at IS NULL OR coalesce(NEW.missed_at <= NEW.lease_until, false))",
  "(NEW.due_at IS NULL OR NEW.state IN ('waiting', 'in_doubt'))",
  "(NEW.doubt IS NULL OR NEW.state = 'in_doubt')",
  `(NEW.state IN (${FINAL})) = (NEW.final_at IS NOT NULL)`,
  "(NEW.final_at IS NULL) = (NEW.outcome_status IS NULL)",
  "(NEW.final_at IS NOT NULL OR NOT NEW.pruned)",
  "octet_length(NEW.id) = 32",
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
  pruned_row.response_headers := NULL;
  pruned_row.response_body := NULL;
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
-- The setting spares the look-up; it ends with the transaction, and goes back with a savepoint.
-- A callback may have changed the search path, so the outcome has to stand beside this very table.
CREATE FUNCTION ${of("refuse_unsettled")}() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE is_settled boolean;
BEGIN
  IF current_setting('${names.settled}', true) = TG_RELID || ' ' || NEW.operation_id::text THEN
    RETURN NULL;
  END IF;
  EXECUTE format('SELECT EXISTS (SELECT FROM %I.${prefix}operation WHERE id = $1)', TG_TABLE_SCHEMA)
    INTO is_settled USING NEW.operation_id;
  IF is_settled THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'nevertwice: the callback of an atomic operation committed or changed the schema'
    USING ERRCODE = '${SQLSTATES.illegal}';
END $$;
CREATE CONSTRAINT TRIGGER ${prefix}request_unsettled AFTER INSERT OR UPDATE ON ${request}
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.atomic)
  EXECUTE FUNCTION ${of("refuse_unsettled")}();`;
}
