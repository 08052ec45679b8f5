import type { EventEnd, EventWork, ObjectHolder } from "../../store/inbox.ts";
import type { EventRow, MemoryEvents } from "./events.ts";
import type { MemoryObjects } from "./inbox-objects.ts";
import type { MemoryMessages } from "./messages.ts";

type Ending = Pick<EventWork<unknown>, "ends" | "state" | "messages" | "keeps">;

/** What a handler commits of ours: all of it, or nothing of it under a claim that is over. */
export function endEvents(
  events: MemoryEvents,
  objects: MemoryObjects,
  messages: MemoryMessages,
  holder: ObjectHolder,
  ending: Ending,
  now: number,
): "done" | "stale" {
  const object = objects.find(holder);
  if (object.leaseUntil === undefined || object.fence !== holder.fence) return "stale";
  const rows = endedRows(events, holder, ending.ends, now);
  if (rows === undefined) return "stale";
  messages.stage(ending.messages, now);
  for (const row of rows) events.put(row);
  const { leaseUntil, ...free } = object;
  const kept = ending.keeps ? object : free;
  objects.put({ ...kept, state: ending.state ?? object.state });
  return "done";
}

/** The events as they are then; undefined if one of them is not waiting, or of another object. */
function endedRows(
  events: MemoryEvents,
  { source, object }: ObjectHolder,
  ends: readonly EventEnd[],
  now: number,
): EventRow[] | undefined {
  const rows = new Map<number, EventRow>();
  for (const end of ends) {
    const row = rows.get(end.number) ?? events.find(end.number);
    const isOurs = row?.source === source && row.object === object;
    if (row?.state !== "waiting" || !isOurs) return undefined;
    rows.set(end.number, endedRow(row, end, now));
  }
  return [...rows.values()];
}

export function endedRow(row: EventRow, end: EventEnd, now: number): EventRow {
  if (end.kind === "waiting")
    return {
      ...row,
      starts: end.attempted ? row.starts : row.starts - 1,
      attempts: end.attempted ? row.attempts + 1 : row.attempts,
      dueAt: now + end.dueInMs,
      waitsFor: end.waitsFor,
      error: end.error ?? row.error,
    };
  const over = { ...row, state: end.kind, endedAt: now, dueAt: undefined, waitsFor: undefined };
  return end.kind === "dead" ? { ...over, attempts: row.attempts + 1, error: end.error } : over;
}
