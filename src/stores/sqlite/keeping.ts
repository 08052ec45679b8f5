import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import { NevertwiceError } from "../../model/errors.ts";
import type { PruneAnswer, PruneRequest } from "../../store.ts";
import { nowOf, type Tables } from "./records.ts";
import { ledger, type Migration, NEEDS, neededNumber } from "./schema.ts";
import type { Verdict } from "./transaction.ts";

interface NumberRow {
  readonly number: number;
}

/** Responses and requests first; then, of those that have neither, the tombstones. */
export function prune(tables: Tables, request: PruneRequest): Verdict<PruneAnswer> {
  const { connection, sql } = tables;
  const { responseMs, tombstoneMs, limit, wall } = request;
  const now = nowOf(tables);
  if (!clocksAgree(wall, now)) return { value: { kind: "clocks-disagree", now }, keep: false };
  const old = connection.all<NumberRow>(sql.prunable, { ageMs: responseMs, limit });
  for (const { number } of old) {
    connection.run(sql.pruneRequest, { number });
    connection.run(sql.pruneResponse, { number });
    connection.run(sql.pruneSends, { number });
    connection.run(sql.pruneStepRequests, { number });
    connection.run(sql.prune, { number });
  }
  const gone =
    tombstoneMs === undefined
      ? []
      : connection.all<NumberRow>(sql.tombstones, { ageMs: tombstoneMs, limit });
  for (const { number } of gone) {
    connection.run(sql.forgetKeys, { number });
    connection.run(sql.forgetAdopted, { number });
    connection.run(sql.forgetEvidence, { number });
    connection.run(sql.forgetSteps, { number });
    connection.run(sql.forget, { number });
  }
  const answer = { kind: "pruned", responses: old.length, tombstones: gone.length } as const;
  return { value: answer, keep: true };
}

/** Nothing is pruned by a clock that may be wrong. */
export function clocksAgree(wall: number, now: number): boolean {
  return Math.abs(wall - now) <= CLOCK_MARGIN_MS;
}

/** Stores the name if none is stored. */
export function namespace({ connection, sql }: Tables, name: string): Verdict<string> {
  const setting = { name: "namespace" };
  const added = connection.run(sql.keepSetting, { ...setting, value: name });
  const stored = connection.get<{ value: string }>(sql.setting, setting);
  return { value: stored?.value ?? name, keep: added === 1 };
}

/** Runs one migration, unless some process has; true if it ran. */
export function migrate(tables: Tables, prefix: string, migration: Migration): Verdict<boolean> {
  const { connection, sql } = tables;
  connection.exec(ledger(prefix));
  const { number, name, breaking } = migration;
  if (connection.get(sql.migrated, { number }) !== undefined) return { value: false, keep: true };
  connection.exec(migration.sql);
  connection.run(sql.keepMigration, { number, name });
  if (breaking) connection.run(sql.changeSetting, { name: NEEDS, value: String(number) });
  return { value: true, keep: true };
}

/** @throws schema-outdated if the tables are older than the library, or too new for it */
export function checkSchema(tables: Tables, known: readonly Migration[]): void {
  const { connection, sql } = tables;
  const row = connection.get<{ number: number; needs: string | null }>(sql.newest, {
    name: NEEDS,
  });
  const newest = Math.max(...known.map(({ number }) => number));
  if (row === undefined || row.number < neededNumber(known))
    throw new NevertwiceError("schema-outdated", `They are at ${row?.number ?? 0} of ${newest}.`);
  if (Number(row.needs) > newest)
    throw new NevertwiceError(
      "schema-outdated",
      `Here it is the library that is older: the tables need ${row.needs}, it knows ${newest}.`,
    );
}
