import type { Accepted, AcceptRequest, NewEvent } from "../../store/inbox.ts";
import { copyBytes } from "./copies.ts";
import type { MemoryEvents } from "./events.ts";

/** All of the events, and the cursor with them; `stale` if it stands elsewhere. */
export function accept(
  events: MemoryEvents,
  cursors: Map<string, string>,
  { events: given, cursor }: AcceptRequest,
  now: number,
): Accepted[] | "stale" {
  if (cursor !== undefined && cursors.get(cursor.source) !== cursor.from) return "stale";
  // What cannot be copied must throw before the first one is taken in.
  const copies = given.map(copyEvent);
  const accepted = copies.map((event) => acceptOne(events, event, now));
  if (cursor !== undefined) cursors.set(cursor.source, cursor.to);
  return accepted;
}

function copyEvent(event: NewEvent): NewEvent {
  return {
    ...event,
    aliases: [...event.aliases],
    fingerprint: copyBytes(event.fingerprint),
    body: copyBytes(event.body),
  };
}

/** A new event, or one more delivery of a known one. */
export function acceptOne(events: MemoryEvents, event: NewEvent, now: number): Accepted {
  const known = events.named(event.source, event.key);
  const aliased = isAliasTaken(events, event, known?.number);
  if (known === undefined) {
    const state = isSuperseded(events, event) ? "superseded" : event.state;
    const row = events.insert(event, state, now);
    if (aliased) events.put({ ...row, conflicts: 1 });
    return { number: row.number, isNew: true, conflict: aliased };
  }
  const conflict = aliased || isStrange(known.fingerprint, event.fingerprint);
  // An alias stays with the event that it came with first, also once that one is pruned.
  const free = event.aliases.filter((alias) => events.aliased(event.source, alias) === undefined);
  events.put({
    ...known,
    aliases: [...new Set([...known.aliases, ...free])],
    deliveries: known.deliveries + 1,
    conflicts: known.conflicts + (conflict ? 1 : 0),
  });
  return { number: known.number, isNew: false, conflict };
}

function isStrange(known: Uint8Array, given: Uint8Array): boolean {
  const isComparable = known.length > 1 && given.length > 1;
  return isComparable && Buffer.compare(known, given) !== 0;
}

/** Whether another event came under one of the aliases. */
export function isAliasTaken(
  events: MemoryEvents,
  { source, aliases }: NewEvent,
  number: number | undefined,
): boolean {
  return aliases.some((alias) => {
    const owner = events.aliased(source, alias);
    return owner !== undefined && owner !== number;
  });
}

export function isSuperseded(events: MemoryEvents, { source, change }: NewEvent): boolean {
  return change !== undefined && events.hasChange(source, change);
}
