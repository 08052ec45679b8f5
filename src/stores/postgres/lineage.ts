import type { Answer, Lineage } from "../../store.ts";
import { changed } from "./answers.ts";
import type { Connections } from "./connection.ts";
import type { Names } from "./statements.ts";

/** Asks whether the database's history is still the one that it remembers. */
export async function lineage(
  db: Connections,
  names: Names,
  skewMs: number,
): Promise<Answer<Lineage>> {
  const sql = `SELECT ${names.of("lineage")}($1::text::float8)`;
  const answer = await db.wrapped(sql, [String(skewMs)]);
  return changed(answer, ([row]) => {
    const [changedAt = null] = row ?? [];
    return { changedAt: changedAt === null ? undefined : Number(changedAt) };
  });
}
