import type { ClaimedObject, ObjectClaimRequest, WaitingEvent } from "../../store/inbox.ts";
import { copyBytes } from "./copies.ts";
import { type EventRow, type MemoryEvents, nameOf, type ObjectName } from "./events.ts";
import type { Shelves } from "./shelves.ts";

/** What events are about, and who may handle them. */
export interface ObjectRow extends ObjectName {
  readonly state: string | undefined;
  readonly fence: number;
  /** Undefined when nobody has claimed it. */
  readonly leaseUntil?: number;
}

export interface MemoryObjects {
  /** The object; one that nobody has claimed yet has the fence 0. */
  find(name: ObjectName): ObjectRow;
  put(row: ObjectRow): void;
  /** Whether a claim of it is live. */
  isHeld(name: ObjectName, now: number): boolean;
}

/** An event that is handled as it is accepted keeps its object from all others meanwhile. */
export type ObjectsUnderWay = Set<string>;

export function memoryObjects(shelves: Shelves): MemoryObjects {
  const rows = shelves.map<string, ObjectRow>();
  const find = ({ source, object }: ObjectName): ObjectRow =>
    rows.get(nameOf(source, object)) ?? { source, object, state: undefined, fence: 0 };
  return {
    find,
    put: (row) => void rows.set(nameOf(row.source, row.object), row),
    isHeld: (name, now) => (find(name).leaseUntil ?? 0) > now,
  };
}

export function claim(
  events: MemoryEvents,
  objects: MemoryObjects,
  underWay: ObjectsUnderWay,
  request: ObjectClaimRequest,
  now: number,
): ClaimedObject[] {
  const { sources, limit, eventsMax, leaseMs } = request;
  return events
    .objects()
    .filter(
      ({ source, object }) => sources.includes(source) && !underWay.has(nameOf(source, object)),
    )
    .filter((name) => !objects.isHeld(name, now))
    .map((name) => ({ name, due: events.waiting(name).filter((row) => isDue(row, now)) }))
    .filter(({ due }) => due.length > 0)
    .sort((a, b) => dueFrom(a.due) - dueFrom(b.due))
    .slice(0, limit)
    .map(({ name, due }) => {
      const row = objects.find(name);
      const fence = row.fence + 1;
      objects.put({ ...row, fence, leaseUntil: now + leaseMs });
      const given = together(due.slice(0, eventsMax));
      const { source, object, state } = row;
      return { source, object, fence, state, events: given.map((one) => start(events, one, now)) };
    });
}

function isDue({ dueAt }: EventRow, now: number): boolean {
  return dueAt !== undefined && dueAt <= now;
}

function dueFrom(due: readonly EventRow[]): number {
  return Math.min(...due.map(({ dueAt }) => dueAt ?? Number.POSITIVE_INFINITY));
}

/** An event whose start has no end may have ended the process, so it may take no other with it. */
function together(due: readonly EventRow[]): readonly EventRow[] {
  return due.some(({ starts, attempts }) => starts > attempts) ? due.slice(0, 1) : due;
}

function start(events: MemoryEvents, row: EventRow, now: number): WaitingEvent {
  const starts = row.starts + 1;
  events.put({ ...row, starts });
  const { number, key, type, route, receivedAt, attempts, body = new Uint8Array(0) } = row;
  return {
    ...{ number, key, type, route, receivedAt, starts, attempts, now },
    body: copyBytes(body),
  };
}
