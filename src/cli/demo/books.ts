import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { isPostgres } from "../open-store.ts";
import type { Books } from "./bookkeeping.ts";
import { openPostgresBooks } from "./postgres-books.ts";
import { openSqliteBooks } from "./sqlite-books.ts";

/** Opens the shop's database with all tables in place. */
export async function openBooks(db: string): Promise<Books<unknown>> {
  if (isPostgres(db)) return (await openPostgresBooks(db)) as Books<unknown>;
  await mkdir(dirname(db), { recursive: true });
  return openSqliteBooks(db);
}
