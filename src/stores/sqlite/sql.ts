/**
 * The database's time in milliseconds since the epoch, moved by the store's skew.
 * Rounding restores the whole milliseconds in which SQLite counts a Julian day.
 */
export const NOW = "(cast(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) + @skew)";

/** The fenced write's condition: only the newest claim of a running operation writes. */
export const HELD = "id = @id AND fence = @fence AND state = 'running'";

/** SQL literals; the lists hold constants of ours, never data. */
export function literals(values: readonly string[]): string {
  return values.map((value) => `'${value}'`).join(", ");
}
