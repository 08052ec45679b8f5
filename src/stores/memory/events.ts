import type { EventRecord, NewEvent } from "../../store/inbox.ts";
import { copyBytes } from "./copies.ts";
import type { Shelves } from "./shelves.ts";

/** An event as it is kept. */
export interface EventRow extends EventRecord {
  readonly aliases: readonly string[];
  readonly fingerprint: Uint8Array;
  readonly change: string | undefined;
  readonly starts: number;
  /** Undefined once pruned. */
  readonly body: Uint8Array | undefined;
}

/** The events that came in, under every name that they are known by. */
export interface MemoryEvents {
  /** In the order in which they came. */
  all(): EventRow[];
  find(number: number): EventRow | undefined;
  named(source: string, key: string): EventRow | undefined;
  /** The number of the event that came under the alias. */
  aliased(source: string, alias: string): number | undefined;
  hasChange(source: string, change: string): boolean;
  /** The number of an event that may come to be inserted. */
  reserve(): number;
  insert(event: NewEvent, state: EventRow["state"], now: number, reserved?: number): EventRow;
  /** Puts the row in the place of the one of its number. */
  put(row: EventRow): void;
  /** Takes an ended event away with all of its names. */
  remove(row: EventRow): void;
  /** Objects with waiting events. */
  objects(): ObjectName[];
  /** Those of an object that wait, lowest number first. */
  waiting(object: ObjectName): EventRow[];
}

export interface ObjectName {
  readonly source: string;
  readonly object: string;
}

/** One text for two, which no other two make. */
export function nameOf(source: string, name: string): string {
  return JSON.stringify([source, name]);
}

export function memoryEvents(shelves: Shelves): MemoryEvents {
  const rows = shelves.map<number, EventRow>();
  const keys = shelves.map<string, number>();
  const aliases = shelves.map<string, number>();
  const changes = shelves.map<string, number>();
  const waiting = shelves.map<string, Map<number, EventRow>>();
  let last = 0;

  function put(row: EventRow): void {
    const { source, object, number } = row;
    rows.set(number, row);
    for (const alias of row.aliases) {
      const name = nameOf(source, alias);
      if (!aliases.has(name)) aliases.set(name, number);
    }
    const name = nameOf(source, object);
    const those = waiting.get(name) ?? new Map<number, EventRow>();
    if (row.state === "waiting") waiting.set(name, those.set(number, row));
    else if (those.delete(number) && those.size === 0) waiting.delete(name);
  }

  function reserve(): number {
    last += 1;
    return last;
  }

  return {
    put,
    all: () => [...rows.values()].sort((a, b) => a.number - b.number),
    find: (number) => rows.get(number),
    named: (source, key) => rows.get(keys.get(nameOf(source, key)) ?? 0),
    aliased: (source, alias) => aliases.get(nameOf(source, alias)),
    hasChange: (source, change) => changes.has(nameOf(source, change)),
    reserve,
    insert(event, state, now, reserved = reserve()) {
      const free = event.aliases.filter((alias) => !aliases.has(nameOf(event.source, alias)));
      const row = rowOf({ ...event, aliases: free }, state, reserved, now);
      keys.set(nameOf(row.source, row.key), row.number);
      if (row.change !== undefined) changes.set(nameOf(row.source, row.change), row.number);
      put(row);
      return row;
    },
    remove({ number, source, key, change, aliases: names }) {
      rows.delete(number);
      keys.delete(nameOf(source, key));
      for (const name of names.map((alias) => nameOf(source, alias)))
        if (aliases.get(name) === number) aliases.delete(name);
      if (change !== undefined) changes.delete(nameOf(source, change));
    },
    objects: () =>
      [...waiting.values()].flatMap((those) => {
        const [first] = those.values();
        return first === undefined ? [] : [{ source: first.source, object: first.object }];
      }),
    waiting: ({ source, object }) =>
      [...(waiting.get(nameOf(source, object))?.values() ?? [])].sort(
        (a, b) => a.number - b.number,
      ),
  };
}

function rowOf(event: NewEvent, state: EventRow["state"], number: number, now: number): EventRow {
  const { source, key, type, object, route } = event;
  const waits = state === "waiting";
  return {
    ...{ number, source, key, type, object, state, route, receivedAt: now },
    ...{ deliveries: 1, conflicts: 0, starts: 0, attempts: 0 },
    dueAt: waits ? now : undefined,
    endedAt: waits ? undefined : now,
    ...{ waitsFor: undefined, error: undefined },
    aliases: [...event.aliases],
    fingerprint: copyBytes(event.fingerprint),
    // Of two events of a change the first one has it.
    change: state === "superseded" ? undefined : event.change,
    body: copyBytes(event.body),
  };
}

/** The row as anyone may read it. */
export function eventRecord(row: EventRow): EventRecord {
  const { aliases, fingerprint, change, starts, body, ...record } = row;
  return record;
}
