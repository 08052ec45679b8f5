import type { Connection } from "./client.ts";

/** Tells whether a transaction was committed or rolled back, whoever ended it. */
export interface Mark {
  /** Makes the place for the mark; called outside of a transaction. */
  prepare(): void;
  /** Sets a new mark in the open transaction; false if it cannot. */
  set(): boolean;
  /** Whether the transaction that set the last mark was committed. */
  found(): boolean;
}

/**
 * A mark in a temporary table of this connection: it follows the transaction like any row, but
 * costs the file nothing, and no other process can overwrite it before it is looked at.
 */
export function markOf(connection: Connection, owner: string): Mark {
  const table = `temp.${owner}`;
  let prepared = false;
  let value = 0;
  return {
    prepare() {
      if (prepared) return;
      connection.exec(`CREATE TABLE ${table} (value INTEGER NOT NULL)`);
      connection.run(`INSERT INTO ${table} VALUES (0)`);
      prepared = true;
    },
    set() {
      value += 1;
      try {
        return connection.run(`UPDATE ${table} SET value = @value`, { value }) === 1;
      } catch {
        // The user dropped the table, as a change of `temp_store` does.
        return false;
      }
    },
    found: () => connection.get<{ value: number }>(`SELECT value FROM ${table}`)?.value === value,
  };
}
