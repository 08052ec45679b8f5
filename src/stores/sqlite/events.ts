import type { EventRoute, EventState } from "../../model/event.ts";
import type {
  EventFilter,
  EventRecord,
  InboxPruneAnswer,
  InboxPruneRequest,
  SourceCounts,
  StoredEvent,
} from "../../store/inbox.ts";
import type { Ruling } from "../../store/ruling.ts";
import { wait } from "./accepting.ts";
import { clocksAgree } from "./keeping.ts";
import { nowOf, type Tables } from "./records.ts";
import { keepRuling } from "./rulings.ts";
import type { Statements } from "./statements.ts";
import type { Verdict } from "./transaction.ts";

interface EventRow {
  readonly number: number;
  readonly source: string;
  readonly key: string;
  readonly type: string;
  readonly object: string;
  readonly state: EventState;
  readonly route: EventRoute;
  readonly received_at: number;
  readonly ended_at: number | null;
  readonly deliveries: number;
  readonly conflicts: number;
  readonly attempts: number;
  readonly last_error: string | null;
  readonly due_at: number | null;
  readonly waits_for: string | null;
}

export function listEvents(tables: Tables, filter: EventFilter): EventRecord[] {
  return found(tables, filter, false).map(eventRecord);
}

/** The rows of a filter, newest first. */
function found(tables: Tables, filter: EventFilter, redeliverable: boolean): EventRow[] {
  const { numbers, source, state, type, object, after, limit } = filter;
  return tables.connection.all<EventRow>(tables.sql[searchOf(filter)], {
    numbers: numbers === undefined ? null : JSON.stringify(numbers),
    ...{ source: source ?? null, state: state ?? null, type: type ?? null },
    object: object ?? null,
    before: after ?? Number.MAX_SAFE_INTEGER,
    redeliverable: redeliverable ? 1 : 0,
    limit,
  });
}

type Search = Extract<keyof Statements, `events${string}`>;

/** The planner cannot know which part of a filter leaves the fewest rows. */
function searchOf({ numbers, object, state }: EventFilter): Search {
  if (numbers !== undefined) return "eventsNumbered";
  if (object !== undefined) return "eventsAbout";
  if (state === "waiting") return "eventsWaiting";
  return state === "dead" ? "eventsDead" : "events";
}

function eventRecord(row: EventRow): EventRecord {
  const { number, source, key, type, object, state, route } = row;
  const { deliveries, conflicts, attempts } = row;
  return {
    ...{ number, source, key, type, object, state, route, deliveries, conflicts, attempts },
    receivedAt: row.received_at,
    endedAt: row.ended_at ?? undefined,
    dueAt: row.due_at ?? undefined,
    waitsFor: row.waits_for ?? undefined,
    error: row.last_error ?? undefined,
  };
}

export function readEvent({ connection, sql }: Tables, number: number): StoredEvent | undefined {
  const row = connection.get<EventRow & { body: Uint8Array | null }>(sql.readEvent, { number });
  return row && { record: eventRecord(row), body: row.body ?? undefined };
}

export function counts({ connection, sql }: Tables): SourceCounts[] {
  return connection.all<SourceCounts>(sql.sourceCounts).map((row) => ({ ...row }));
}

/** The events of a name that arrived are due at once, and their objects with them. */
export function arrive(tables: Tables, name: string): Verdict<number> {
  const { connection, sql } = tables;
  const now = nowOf(tables);
  connection.run(sql.arriveObjects, { name, now });
  const arrived = connection.run(sql.arrive, { name, now });
  return { value: arrived, keep: arrived > 0 };
}

export function redeliver(tables: Tables, ruling: Ruling<EventFilter>): Verdict<readonly number[]> {
  const rows = found(tables, ruling.filter, true);
  keepRuling(tables, "inbox.redeliver", ruling, rows.length);
  const now = nowOf(tables);
  for (const row of ruling.dryRun ? [] : rows) {
    const { number } = row;
    tables.connection.run(tables.sql.redeliver, { number });
    wait(tables, row, number, now);
  }
  return { value: rows.map(({ number }) => number), keep: true };
}

interface NumberRow {
  readonly number: number;
}

/** Keys go in a later call than their bodies. */
export function pruneEvents(
  tables: Tables,
  { bodyMs, keyMs, limit, wall }: InboxPruneRequest,
): Verdict<InboxPruneAnswer> {
  const { connection, sql } = tables;
  const now = nowOf(tables);
  if (!clocksAgree(wall, now)) return { value: { kind: "clocks-disagree", now }, keep: false };
  const gone = connection.all<NumberRow>(sql.prunableKeys, { now, ageMs: keyMs, limit });
  const old = connection.all<NumberRow>(sql.prunableBodies, { now, ageMs: bodyMs, limit });
  for (const { number } of gone) {
    connection.run(sql.forgetAliases, { number });
    connection.run(sql.forgetChange, { number });
    connection.run(sql.forgetEvent, { number });
  }
  for (const { number } of old) {
    connection.run(sql.pruneBody, { number });
    connection.run(sql.markPruned, { number });
  }
  return { value: { kind: "pruned", bodies: old.length, keys: gone.length }, keep: true };
}
