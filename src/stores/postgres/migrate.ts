import { PROOF } from "./client.ts";
import type { Connections } from "./connection.ts";
import { bookkeeping, migrations } from "./schema.ts";
import type { Names } from "./statements.ts";

/** Runs what the database has not run yet, one process at a time. @throws what the database says */
export async function migrate(db: Connections, names: Names): Promise<readonly string[]> {
  const session = await db.acquire();
  try {
    const { transactionId } = await db.begin(session);
    // Another process may be building an index; that is worth the wait.
    await session.query(
      "SELECT set_config('lock_timeout', '0', true), set_config('statement_timeout', '0', true)",
      [],
    );
    await session.query("SELECT pg_advisory_xact_lock(hashtextextended($1::text, 0))::text", [
      names.migration,
    ]);
    const [found] = await session.query("SELECT to_regclass($1::text)::text", [names.migration]);
    // Where all has run, no more is needed than to read that it has.
    if (typeof found?.[0] !== "string") await session.script(bookkeeping(names));
    const rows = await session.query(`SELECT name FROM ${names.migration}`, []);
    const ran = new Set(rows.map(([name]) => name));
    const missing = migrations(names).filter(({ name }) => !ran.has(name));
    for (const { name, sql } of missing) {
      await session.script(sql);
      await session.query(`INSERT INTO ${names.migration} (name) VALUES ($1::text)`, [name]);
    }
    if (!(await session.commit(transactionId, `SELECT ${PROOF}`)).committed)
      throw new Error("The migration was rolled back.");
    session.release();
    return missing.map(({ name }) => name);
  } catch (error) {
    await db.abandon(session);
    throw error;
  }
}

/** Everything that `migrate` does, as text. */
export function schema(names: Names): string {
  const steps = migrations(names).map(
    ({ name, sql }) =>
      `-- ${name}\n${sql}\nINSERT INTO ${names.migration} (name) VALUES ('${name}');`,
  );
  return ["BEGIN;", bookkeeping(names), ...steps, "COMMIT;", ""].join("\n\n");
}
