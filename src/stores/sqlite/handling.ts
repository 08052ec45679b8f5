import type {
  AcceptHandledAnswer,
  EventEnd,
  EventWork,
  HandleAnswer,
  NewEvent,
  ObjectHolder,
  TakenEvent,
} from "../../store/inbox.ts";
import { boundedDetail } from "../evidence.ts";
import { acceptOne, noveltyOf } from "./accepting.ts";
import { giveBack } from "./objects.ts";
import { stage } from "./outbox.ts";
import { nowOf, type Tables } from "./records.ts";
import { call, type Verdict } from "./transaction.ts";

const STALE = { value: { kind: "stale" }, keep: false } as const;

/** The number of the object, if the claim is its newest one and was not given back. */
function heldObject({ connection, sql }: Tables, holder: ObjectHolder): number | undefined {
  const { source, object, fence } = holder;
  return connection.get<{ number: number }>(sql.heldObject, { source, object, fence })?.number;
}

/** The user's writes and the ends of events. For a stale holder the callback is not called. */
export function handle<T>(
  tables: Tables,
  savepoint: string,
  holder: ObjectHolder,
  work: () => EventWork<T> | PromiseLike<EventWork<T>>,
): Verdict<HandleAnswer<T>> {
  const objectNumber = heldObject(tables, holder);
  if (objectNumber === undefined) return STALE;
  const called = call(tables.connection, savepoint, work, () => true);
  if (called.kind === "threw") return { value: called, keep: false };
  const { value, ends, keeps } = called.value;
  if (!endAll(tables, objectNumber, ends)) return STALE;
  keepWork(tables, objectNumber, called.value);
  if (!keeps) giveBack(tables, objectNumber);
  return { value: { kind: "committed", value }, keep: true };
}

export function release(
  tables: Tables,
  holder: ObjectHolder,
  ends: readonly EventEnd[],
): Verdict<"done" | "stale"> {
  const objectNumber = heldObject(tables, holder);
  if (objectNumber === undefined || !endAll(tables, objectNumber, ends))
    return { value: "stale", keep: false };
  giveBack(tables, objectNumber);
  return { value: "done", keep: true };
}

/** False if one of them is of no event of the object that waits: then nothing may be kept. */
function endAll(tables: Tables, objectNumber: number, ends: readonly EventEnd[]): boolean {
  const now = nowOf(tables);
  return ends.every((end) => endOne(tables, objectNumber, end, now));
}

function endOne(
  { connection, sql }: Tables,
  objectNumber: number,
  end: EventEnd,
  now: number,
): boolean {
  const { number, kind } = end;
  if (kind !== "waiting") {
    if (connection.run(sql.forgetWork, { number, objectNumber }) !== 1) return false;
    const error = kind === "dead" ? (boundedDetail(end.error) ?? null) : null;
    const attempt = kind === "dead" ? 1 : 0;
    connection.run(sql.endEvent, { number, kind, attempt, error, now });
    return true;
  }
  const { dueInMs, attempted, waitsFor = null } = end;
  const off = { number, objectNumber, dueInMs, waitsFor, untried: attempted ? 0 : 1, now };
  if (connection.run(sql.putOff, off) !== 1) return false;
  const error = boundedDetail(end.error) ?? null;
  connection.run(sql.countAttempt, { number, attempt: attempted ? 1 : 0, error });
  return true;
}

/** The object's state and the messages, beside the ends. */
function keepWork(tables: Tables, objectNumber: number, work: EventWork<unknown>): void {
  const { state, messages } = work;
  if (state !== undefined) tables.connection.run(tables.sql.keepState, { objectNumber, state });
  for (const message of messages) stage(tables, message.origin, [message]);
}

interface ObjectRow {
  readonly number: number;
  readonly state: string | null;
  readonly held: number;
}

/**
 * The file has one writer, so what is free stays free while the callback runs, and nothing of ours
 * is written before the callback has left the transaction whole.
 */
export function acceptHandled<T>(
  tables: Tables,
  savepoint: string,
  event: NewEvent,
  work: (taken: TakenEvent) => EventWork<T> | PromiseLike<EventWork<T>>,
): Verdict<AcceptHandledAnswer<T>> {
  const { connection, sql } = tables;
  const novelty = noveltyOf(tables, event);
  if (novelty !== "new") {
    const accepted = acceptOne(tables, event, novelty, nowOf(tables));
    return { value: { kind: "known", accepted }, keep: true };
  }
  const object = objectOf(tables, event);
  if (object !== undefined && isBusy(tables, object))
    return { value: { kind: "busy" }, keep: false };
  const next = connection.get<{ number: number }>(sql.nextNumber)?.number ?? 1;
  const taken = { number: next, state: object?.state ?? undefined };
  const called = call(
    connection,
    savepoint,
    () => work(taken),
    () => true,
  );
  if (called.kind === "threw") return { value: called, keep: false };
  const { value } = called.value;
  const number = takeHandled(tables, event, called.value);
  if (number !== next) throw new Error("The event was taken in under another number.");
  return { value: { kind: "committed", value, number }, keep: true };
}

function objectOf(tables: Tables, { source, object }: NewEvent): ObjectRow | undefined {
  const named = { source, object, now: nowOf(tables) };
  return tables.connection.get<ObjectRow>(tables.sql.objectOf, named);
}

function isBusy({ connection, sql }: Tables, { number, held }: ObjectRow): boolean {
  return held === 1 || connection.get(sql.waits, { objectNumber: number }) !== undefined;
}

/** As if it had been taken in, claimed and handled; a claim of the object that lapsed is over. */
function takeHandled(tables: Tables, event: NewEvent, work: EventWork<unknown>): number {
  const { connection, sql } = tables;
  const waiting = { ...event, state: "waiting" } as const;
  const { number } = acceptOne(tables, waiting, "new", nowOf(tables));
  connection.run(sql.start, { number });
  const object = objectOf(tables, event);
  const [end, ...others] = work.ends;
  const isOwn = end?.number === number && others.length === 0;
  if (object === undefined || !isOwn || !endAll(tables, object.number, [end]))
    throw new Error("An event that is handled as it is accepted has one end, its own.");
  keepWork(tables, object.number, work);
  giveBack(tables, object.number);
  return number;
}
