import type {
  EventEnd,
  EventFilter,
  EventWork,
  NewEvent,
  ObjectClaimRequest,
  ObjectHolder,
} from "../../store/inbox.ts";
import type { Ruling } from "../../store/ruling.ts";
import { boundedDetail } from "../evidence.ts";
import { arrayLiteral } from "./batch.ts";
import { hex, number, staged } from "./calls.ts";
import type { Cell } from "./client.ts";
import type { Call } from "./signatures.ts";

/** Of a sweep: its source, from where and how far it read. */
export type CursorCells = readonly [source: Cell, from: Cell, to: Cell];

export const NO_CURSOR: CursorCells = [null, null, null];

/** One array for each column of the events. */
export function acceptCall(events: readonly NewEvent[], cursor: CursorCells, skewMs: number): Call {
  const column = (read: (event: NewEvent) => Cell): Cell => arrayLiteral(events.map(read));
  const isNamed = events.some(({ aliases }) => aliases.length > 0);
  return {
    name: "accept_events",
    values: [
      ...[column(({ source }) => source), column(({ key }) => key)],
      ...[column(({ fingerprint }) => hex(fingerprint)), column(({ type }) => type)],
      ...[column(({ object }) => object), column(({ change = null }) => change)],
      ...[column(({ route }) => route), column(({ state }) => state)],
      ...[column(({ body }) => hex(body)), isNamed ? column(aliasCell) : null, null],
      ...[...cursor, String(skewMs)],
    ],
  };
}

const aliasCell = ({ aliases }: NewEvent): string => JSON.stringify(aliases);

export function enterEventCall(event: NewEvent, skewMs: number): Call {
  const { source, key, change = null, object } = event;
  return { name: "enter_event", values: [source, key, change, object, String(skewMs)] };
}

/** @param taken its number, and the object's fence before the callback */
export function finishEventCall(
  event: NewEvent,
  taken: { readonly number: number; readonly fence: number },
  work: EventWork<unknown>,
  skewMs: number,
): Call {
  const [end, ...others] = work.ends;
  if (end?.number !== taken.number || others.length > 0)
    throw new TypeError("An event that is handled as it is accepted has one end, its own.");
  const { source, key, fingerprint, type, object, change = null, route, body } = event;
  return {
    name: "finish_event",
    values: [
      ...[String(taken.number), String(taken.fence), source, key, hex(fingerprint), type, object],
      ...[change, route, hex(body), event.aliases.length > 0 ? aliasCell(event) : null],
      ...[JSON.stringify(storable(end)), work.state ?? null, staged(work.messages)],
      String(skewMs),
    ],
  };
}

export function claimObjectsCall(request: ObjectClaimRequest, skewMs: number): Call {
  const { sources, leaseMs, limit, eventsMax } = request;
  const counts = [leaseMs, limit, eventsMax].map(String);
  return { name: "claim_objects", values: [arrayLiteral(sources), ...counts, String(skewMs)] };
}

export function enterObjectCall({ source, object, fence }: ObjectHolder, skewMs: number): Call {
  return { name: "enter_object", values: [source, object, String(fence), String(skewMs)] };
}

export function endEventsCall(
  { source, object, fence }: ObjectHolder,
  work: Pick<EventWork<unknown>, "ends" | "state" | "messages" | "keeps">,
  skewMs: number,
): Call {
  return {
    name: "end_events",
    values: [
      ...[source, object, String(fence), JSON.stringify(work.ends.map(storable))],
      ...[work.state ?? null, staged(work.messages), String(work.keeps), String(skewMs)],
    ],
  };
}

/** An error's text must not keep its event from ending. */
function storable(end: EventEnd): EventEnd {
  if (!("error" in end) || end.error === undefined) return end;
  return { ...end, error: boundedDetail(end.error) ?? "" };
}

export const arriveCall = (name: string, skewMs: number): Call => ({
  name: "arrive",
  values: [name, String(skewMs)],
});

export function redeliverCall(ruling: Ruling<EventFilter>, skewMs: number): Call {
  const { numbers, source, state, type, object, after, limit } = ruling.filter;
  return {
    name: "redeliver",
    values: [
      ...[numbersCell(numbers), source ?? null, state ?? null, type ?? null, object ?? null],
      ...[number(after), String(limit), ...rulingCells(ruling), String(skewMs)],
    ],
  };
}

export function rulingCells({ by, reason, filter, dryRun }: Ruling<unknown>): Cell[] {
  return [by, reason, JSON.stringify(filter), String(dryRun)];
}

export function numbersCell(numbers: readonly number[] | undefined): Cell {
  return numbers === undefined ? null : arrayLiteral(numbers.map(String));
}
