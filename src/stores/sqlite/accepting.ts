import type { Accepted, AcceptRequest, NewEvent } from "../../store/inbox.ts";
import { nowOf, type Tables } from "./records.ts";
import type { Verdict } from "./transaction.ts";

/** An event that is in the inbox under the key of another one. */
interface Known {
  readonly number: number;
  /** 1 if it came with the same bytes. */
  readonly same: number;
}

/** What is new of an event before it is taken in. */
export type Novelty = "new" | "superseded" | Known;

/** All events of the call, and the cursor with them, or none if that stands elsewhere. */
export function accept(
  tables: Tables,
  { events, cursor }: AcceptRequest,
): Verdict<readonly Accepted[] | "stale"> {
  const now = nowOf(tables);
  if (cursor !== undefined) {
    if (cursorOf(tables, cursor.source) !== cursor.from) return { value: "stale", keep: false };
    const { source, to } = cursor;
    tables.connection.run(tables.sql.moveCursor, { source, to, now });
  }
  const accepted = events.map((event) => acceptOne(tables, event, noveltyOf(tables, event), now));
  return { value: accepted, keep: true };
}

export function cursorOf({ connection, sql }: Tables, source: string): string | undefined {
  return connection.get<{ place: string }>(sql.cursor, { source })?.place;
}

export function noveltyOf({ connection, sql }: Tables, event: NewEvent): Novelty {
  const { source, key, fingerprint, change } = event;
  const known = connection.get<Known>(sql.knownEvent, { source, key, fingerprint });
  if (known !== undefined) return known;
  const owner = change !== undefined && connection.get(sql.changeOwner, { source, change });
  return owner ? "superseded" : "new";
}

/** A new event, or one more delivery of a known one. */
export function acceptOne(
  tables: Tables,
  event: NewEvent,
  novelty: Novelty,
  now: number,
): Accepted {
  if (typeof novelty === "string") return { ...take(tables, event, novelty, now), isNew: true };
  const { number, same } = novelty;
  const aliased = keepAliases(tables, event, number);
  const conflict = same === 0 || aliased;
  tables.connection.run(tables.sql.deliver, { number, conflict: conflict ? 1 : 0 });
  return { number, isNew: false, conflict };
}

function take(
  tables: Tables,
  event: NewEvent,
  novelty: "new" | "superseded",
  now: number,
): Pick<Accepted, "number" | "conflict"> {
  const { connection, sql } = tables;
  const { source, key, fingerprint, type, object, change, route, body } = event;
  const state = novelty === "new" ? event.state : novelty;
  const named = { source, key, fingerprint, type, object, route };
  const row = connection.get<{ number: number }>(sql.takeEvent, { ...named, state, now });
  if (row === undefined) throw new Error("The insert of an event gave no row.");
  const { number } = row;
  connection.run(sql.takeBody, { number, body });
  // Of two events of a change the first one has it.
  if (novelty === "new" && change !== undefined)
    connection.run(sql.takeChange, { source, change, number });
  const conflict = keepAliases(tables, event, number);
  if (conflict) connection.run(sql.conflict, { number });
  if (state === "waiting") wait(tables, event, number, now);
  return { number, conflict };
}

/** True if another event came under one of the aliases. */
function keepAliases({ connection, sql }: Tables, event: NewEvent, number: number): boolean {
  const { source, aliases } = event;
  const others = aliases.filter((alias) => {
    if (connection.run(sql.takeAlias, { source, alias, number }) === 1) return false;
    const owner = connection.get<{ number: number }>(sql.aliasOwner, { source, alias });
    return owner?.number !== number;
  });
  return others.length > 0;
}

/** An event waits, and its object is due with it. */
export function wait(
  { connection, sql }: Tables,
  { source, object }: Pick<NewEvent, "source" | "object">,
  number: number,
  now: number,
): void {
  const row = connection.get<{ number: number }>(sql.dueObject, { source, object, now });
  if (row === undefined) throw new Error("The insert of an object gave no row.");
  connection.run(sql.wait, { number, objectNumber: row.number, now });
}
