import type { Ruling, RulingRecord } from "../../store/ruling.ts";
import type { Tables } from "./records.ts";

/** Where persons rule; what they order there begins with its name. */
type Room = "inbox" | "outbox";

interface RulingRow {
  readonly ruled_at: number;
  readonly action: string;
  readonly said_by: string;
  readonly reason: string;
  readonly filter: string;
  readonly dry_run: number;
  readonly count: number;
}

export function keepRuling(
  { connection, sql }: Tables,
  action: `${Room}.${string}`,
  { filter, by, reason, dryRun }: Ruling<unknown>,
  count: number,
): void {
  connection.run(sql.keepRuling, {
    ...{ action, by, reason, count },
    filter: JSON.stringify(filter),
    dryRun: dryRun ? 1 : 0,
  });
}

export function rulings({ connection, sql }: Tables, room: Room, limit: number): RulingRecord[] {
  return connection
    .all<RulingRow>(sql.rulings, { room: `${room}.`, limit })
    .map(({ ruled_at: at, said_by: by, dry_run: dryRun, ...row }) => ({
      ...{ ...row, at, by },
      dryRun: dryRun === 1,
    }));
}
