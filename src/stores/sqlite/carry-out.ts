import type { Statement, StatementValue } from "../../model/statement.ts";
import type { AtomicWork, PlannedWork } from "../../store.ts";
import type { SqliteClient } from "./client.ts";

/** What node:sqlite and better-sqlite3 make of a user's statement. */
interface UsersStatement {
  /** better-sqlite3 runs only those that give no rows. */
  readonly reader?: boolean;
  run(...values: unknown[]): unknown;
  all(...values: unknown[]): unknown;
}

/** A plan as the callback of an atomic operation, on the user's own database object. */
export function carried(
  db: SqliteClient,
  { statements, settlement }: PlannedWork,
): () => AtomicWork<undefined> {
  return () => {
    if (settlement.outcome.kind === "succeeded")
      for (const statement of statements) execute(db, statement);
    return { settlement, value: undefined };
  };
}

function execute(db: SqliteClient, { text, values }: Statement): void {
  const statement = db.prepare(text) as unknown as UsersStatement;
  const bound = values.map(toBound);
  if (statement.reader) statement.all(...bound);
  else statement.run(...bound);
}

/** SQLite has neither a boolean nor a time. */
function toBound(value: StatementValue): Exclude<StatementValue, boolean | Date> {
  if (typeof value === "boolean") return value ? 1 : 0;
  return value instanceof Date ? value.toISOString() : value;
}
