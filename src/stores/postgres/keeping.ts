import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type { RulingRecord } from "../../store/ruling.ts";
import type { Answer } from "../../store.ts";
import { changed, guarded } from "./answers.ts";
import type { Cell, Row } from "./client.ts";
import type { Connections } from "./connection.ts";
import { listRulings } from "./keeping-statements.ts";
import { type Names, readStatements } from "./statements.ts";

/** One statement by itself, and what its rows say. */
export async function asked<T>(
  db: Connections,
  sql: string,
  cells: () => readonly Cell[],
  read: (rows: readonly Row[]) => T,
): Promise<Answer<T>> {
  return guarded(async () => changed(await db.alone(sql, cells()), read));
}

/** The JSON objects of a list; what a row does not have is undefined, not null. */
export function toObjects(rows: readonly Row[]): unknown[] {
  return rows.flatMap(([text]) => (typeof text === "string" ? [JSON.parse(text, present)] : []));
}

/** For `JSON.parse`, which would drop an undefined value; so the object's own nulls are mended. */
function present(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, one ?? undefined]));
}

/** The same for one text that holds a list. */
export function toList(rows: readonly Row[]): unknown[] {
  return JSON.parse(rows[0]?.[0] ?? "[]", present) as unknown[];
}

export function toBytes(hexadecimal: string | undefined): Uint8Array {
  return new Uint8Array(Buffer.from(hexadecimal ?? "", "hex"));
}

export function rulings(
  db: Connections,
  names: Names,
  room: "inbox." | "outbox.",
  limit: number,
): Promise<Answer<RulingRecord[]>> {
  const sql = listRulings(names);
  return asked(
    db,
    sql,
    () => [room, String(limit)],
    (rows) => toObjects(rows) as RulingRecord[],
  );
}

/** One tier of pruning: how old what goes must be, in milliseconds. */
export interface Tier {
  readonly sql: string;
  readonly ms: number;
}

/** How many rows each tier took; nothing while the clocks disagree. */
export async function pruneTiers(
  db: Connections,
  names: Names,
  skewMs: number,
  { wall, limit }: { readonly wall: number; readonly limit: number },
  tiers: readonly Tier[],
): Promise<Answer<readonly number[] | { readonly kind: "clocks-disagree"; readonly now: number }>> {
  const time = await db.alone(readStatements(names).now, [String(skewMs)]);
  if (time.kind !== "ok") return time;
  const now = Number(time.value[0]?.[0]);
  if (Math.abs(now - wall) > CLOCK_MARGIN_MS)
    return { kind: "ok", value: { kind: "clocks-disagree", now } };
  const counts: number[] = [];
  for (const { sql, ms } of tiers) {
    const answer = await db.wrapped(sql, [String(skewMs), String(ms), String(limit)]);
    // What went in the tiers before is gone, whatever became of this one.
    if (answer.kind === "not-applied" && counts.some((count) => count > 0))
      return { kind: "not-known", error: answer.error };
    if (answer.kind !== "ok") return answer;
    counts.push(Number(answer.value[0]?.[0] ?? 0));
  }
  return { kind: "ok", value: counts };
}
