/**
 * The database's time in milliseconds since the epoch, moved by the store's skew.
 * Rounding restores the whole milliseconds in which SQLite counts a Julian day.
 */
export const NOW = "(cast(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + @skew)";

/**
 * The fenced write's condition: only the newest claim of a running operation writes, and only while
 * its steps are as far as it has seen. @param p the prefix of the tables
 */
export function held(p: string, operation = `${p}operation`): string {
  return `id = @id AND fence = @fence AND attempt_id = @attemptId AND state = 'running'
  AND (@seen = 0 OR @seen <=
    (SELECT count(*) + count(k.result_kind) FROM ${p}step AS k WHERE k.number = ${operation}.number)
    + (SELECT count(*) FROM ${p}send AS n WHERE n.number = ${operation}.number))`;
}

/** SQL literals; the lists hold constants of ours, never data. */
export function literals(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(", ");
}
