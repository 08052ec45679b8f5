import { CLOCK_MARGIN_MS } from "../../model/clock.ts";
import type {
  EventFilter,
  InboxPruneAnswer,
  InboxPruneRequest,
  SourceCounts,
} from "../../store/inbox.ts";
import type { Ruling } from "../../store/ruling.ts";
import type { EventRow, MemoryEvents } from "./events.ts";
import type { MemoryRulings } from "./rulings.ts";

/** The rows of a filter, newest first. */
export function foundEvents(
  events: MemoryEvents,
  filter: EventFilter,
  isMeant: (row: EventRow) => boolean = () => true,
): EventRow[] {
  const { numbers, source, state, type, object, after, limit } = filter;
  return events
    .all()
    .filter((row) => numbers === undefined || numbers.includes(row.number))
    .filter((row) => source === undefined || row.source === source)
    .filter((row) => state === undefined || row.state === state)
    .filter((row) => type === undefined || row.type === type)
    .filter((row) => object === undefined || row.object === object)
    .filter((row) => after === undefined || row.number < after)
    .filter(isMeant)
    .reverse()
    .slice(0, limit);
}

export function arrive(events: MemoryEvents, name: string, now: number): number {
  const parked = events.all().filter(({ waitsFor }) => waitsFor === name);
  for (const row of parked)
    events.put({ ...row, waitsFor: undefined, dueAt: Math.min(row.dueAt ?? now, now) });
  return parked.length;
}

export function redeliver(
  events: MemoryEvents,
  rulings: MemoryRulings,
  ruling: Ruling<EventFilter>,
  now: number,
): number[] {
  const meant = foundEvents(events, ruling.filter, isRedeliverable);
  rulings.keep("inbox.redeliver", ruling, meant.length);
  if (!ruling.dryRun)
    for (const row of meant)
      events.put({
        ...{ ...row, state: "waiting", dueAt: now, endedAt: undefined },
        ...{ starts: 0, attempts: 0 },
      });
  return meant.map(({ number }) => number);
}

function isRedeliverable({ state, body }: EventRow): boolean {
  return state !== "waiting" && state !== "done" && body !== undefined;
}

export function counts(events: MemoryEvents): SourceCounts[] {
  const bySource = Map.groupBy(events.all(), ({ source }) => source);
  return Array.from(bySource, ([source, rows]) => ({
    source,
    events: rows.length,
    swept: rows.filter(({ route }) => route === "sweep").length,
    waiting: rows.filter(({ state }) => state === "waiting").length,
    dead: rows.filter(({ state }) => state === "dead").length,
    deliveries: rows.reduce((sum, row) => sum + row.deliveries, 0),
    conflicts: rows.reduce((sum, row) => sum + row.conflicts, 0),
  }));
}

/** Bodies first; only an event whose body is gone can go as a whole. */
export function pruneEvents(
  events: MemoryEvents,
  { bodyMs, keyMs, limit, wall }: InboxPruneRequest,
  now: number,
): InboxPruneAnswer {
  if (Math.abs(now - wall) > CLOCK_MARGIN_MS) return { kind: "clocks-disagree", now };
  const endedFor = (ms: number): EventRow[] =>
    events
      .all()
      .filter(({ state }) => state !== "dead")
      // What waits has not ended.
      .filter(({ endedAt = now }) => now - endedAt > ms);
  const gone = endedFor(keyMs)
    .filter(({ body }) => body === undefined)
    .slice(0, limit);
  const pruned = endedFor(bodyMs)
    .filter(({ body }) => body !== undefined)
    .slice(0, limit);
  for (const row of gone) events.remove(row);
  for (const row of pruned) events.put({ ...row, body: undefined });
  return { kind: "pruned", bodies: pruned.length, keys: gone.length };
}
