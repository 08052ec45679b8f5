import type { OperationStore } from "../store.ts";
import { schema as postgresSchema } from "../stores/postgres/migrate.ts";
import { tableNames } from "../stores/postgres/statements.ts";
import { schemaText as sqliteSchema } from "../stores/sqlite/schema.ts";
import { EXIT, Exit, expectOk } from "./exit.ts";
import type { Output } from "./output.ts";

const PREFIX = "nevertwice_";

/** `nevertwice migrate`: creates or upgrades the tables, and keeps the namespace. */
export async function migrateTables(
  store: OperationStore,
  namespace: string | undefined,
  output: Output,
): Promise<void> {
  const ran = await store.migrate().catch((error: unknown) => {
    throw new Exit(
      EXIT.failed,
      `The migration failed: ${error instanceof Error ? error.message : String(error)}`,
    );
  });
  const kept = namespace === undefined ? undefined : expectOk(await store.namespace(namespace));
  if (kept !== undefined && kept !== namespace) {
    throw new Exit(
      EXIT.failed,
      `The store belongs to the namespace "${kept}", not "${namespace}".`,
    );
  }
  if (output.json) return output.document({ migrations: ran, namespace: kept });
  output.line(ran.length === 0 ? "The tables are up to date." : `Done: ${ran.join(", ")}`);
}

/** `nevertwice sql`: the same as text. */
export function printSchema(database: string, prefix: string | undefined, output: Output): void {
  const name = prefix ?? PREFIX;
  if (database !== "postgres" && database !== "sqlite") {
    throw new Exit(EXIT.usage, `The database is "postgres" or "sqlite", not "${database}".`);
  }
  const postgres = database === "postgres";
  output.line(postgres ? postgresSchema(tableNames(name, undefined)) : sqliteSchema(name));
}
