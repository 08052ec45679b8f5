import type { AcceptHandledAnswer, EventWork, NewEvent, TakenEvent } from "../../store/inbox.ts";
import type { MaybePromise } from "../../store.ts";
import { type MemoryEvents, nameOf } from "./events.ts";
import { acceptOne, isAliasTaken, isSuperseded } from "./inbox-accept.ts";
import { endedRow } from "./inbox-ends.ts";
import type { MemoryObjects, ObjectsUnderWay } from "./inbox-objects.ts";
import type { MemoryMessages } from "./messages.ts";
import type { MemoryTables, MemoryTransaction } from "./tables.ts";

/** What an event that is handled at once takes part in. */
export interface HandledPorts {
  readonly events: MemoryEvents;
  readonly objects: MemoryObjects;
  readonly underWay: ObjectsUnderWay;
  readonly messages: MemoryMessages;
  readonly tables: MemoryTables;
  now(): number;
}

/** The event, its end, the object's state, the messages and the user's rows, or none of them. */
export async function acceptHandled<T>(
  ports: HandledPorts,
  event: NewEvent,
  work: (tx: MemoryTransaction, taken: TakenEvent) => MaybePromise<EventWork<T>>,
): Promise<AcceptHandledAnswer<T>> {
  const { events, objects, underWay, tables, now } = ports;
  const name = nameOf(event.source, event.object);
  const isKnown = (): boolean =>
    events.named(event.source, event.key) !== undefined || isSuperseded(events, event);
  const known = () => ({ kind: "known", accepted: acceptOne(events, event, now()) }) as const;
  if (isKnown()) return known();
  const isBusy = underWay.has(name) || objects.isHeld(event, now());
  if (isBusy || events.waiting(event).length > 0) return { kind: "busy" };
  underWay.add(name);
  const number = events.reserve();
  try {
    return await tables.transaction<EventWork<T>, AcceptHandledAnswer<T>>(
      (tx) => work(tx, { number, state: objects.find(event).state }),
      (ended, apply) => {
        if (ended.kind === "threw") return ended;
        // It may have come by another way while the callback ran.
        if (isKnown()) return known();
        keep(ports, event, number, ended.value);
        apply();
        return { kind: "committed", value: ended.value.value, number };
      },
    );
  } finally {
    underWay.delete(name);
  }
}

function keep(
  ports: HandledPorts,
  event: NewEvent,
  number: number,
  handled: EventWork<unknown>,
): void {
  const { events, objects, messages } = ports;
  const now = ports.now();
  const [end, ...others] = handled.ends;
  if (end?.number !== number || others.length > 0)
    throw new Error("An event that is handled as it is accepted has one end, its own.");
  const conflicts = isAliasTaken(events, event, undefined) ? 1 : 0;
  messages.stage(handled.messages, now);
  const row = events.insert(event, "waiting", now, number);
  events.put(endedRow({ ...row, starts: 1, conflicts }, end, now));
  // A claim of the object that lapsed is over.
  const { leaseUntil, ...object } = objects.find(event);
  objects.put({ ...object, state: handled.state ?? object.state });
}
