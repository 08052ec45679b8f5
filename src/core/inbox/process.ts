import type { ClaimedObject, EventEnd, WaitingEvent } from "../../store/inbox.ts";
import { boundedLine } from "../error-line.ts";
import type { InboxPorts } from "./accept.ts";
import { handlerOf, type InboxDefinition, objectOf } from "./declaration.ts";
import type { EventBody } from "./event.ts";
import { openEvent, toInboxEvent } from "./event.ts";
import { settleByEvent } from "./evidence.ts";
import { endOfError, poisoned, putOff } from "./failure.ts";
import { commitEvents } from "./handle.ts";
import { readObject } from "./read.ts";
import { markAfter, type Ready, weighed } from "./work.ts";

/** An operation's own run is over by then, in most cases. */
const HELD_MS = 1_000;

interface Opened {
  readonly event: WaitingEvent;
  readonly body: EventBody;
}

/** Handles what waits of one object, and gives the object back. */
export async function processObject(
  ports: InboxPorts,
  definition: InboxDefinition,
  claimed: ClaimedObject,
): Promise<readonly EventEnd[]> {
  const ends: EventEnd[] = [];
  const opened: Opened[] = [];
  for (const event of claimed.events) {
    const body = openEvent(ports.sealer, claimed.source, event);
    const end =
      poisoned(event) ??
      (body === undefined
        ? { number: event.number, kind: "dead" as const, error: "Its body cannot be read." }
        : await bringEvidence(ports, definition, event, body));
    if (end !== undefined) ends.push(end);
    else if (body !== undefined) opened.push({ event, body });
  }
  const { ready, unread } = await prepare(ports, definition, claimed, opened);
  return commitEvents(ports, definition, claimed, ready, [...ends, ...unread]);
}

/** The end of an event that cannot be handled yet; undefined if it can. */
async function bringEvidence(
  ports: InboxPorts,
  definition: InboxDefinition,
  event: WaitingEvent,
  body: EventBody,
): Promise<EventEnd | undefined> {
  const { evidence, hint = false } = body;
  if (evidence === undefined) return undefined;
  try {
    const { type } = event;
    const end = await settleByEvent(ports, evidence, { type, hint });
    if (end === "settled") ports.wake();
    return end === "held" ? putOff(event, HELD_MS) : undefined;
  } catch (error) {
    return endOfError(event, error, ports, definition.retryForMs);
  }
}

/** Reads the object once for all of its events, and says which of them can be handled. */
async function prepare(
  ports: InboxPorts,
  definition: InboxDefinition,
  claimed: ClaimedObject,
  opened: readonly Opened[],
): Promise<{ readonly ready: readonly Ready[]; readonly unread: readonly EventEnd[] }> {
  const object = opened.find(({ body }) => body.object !== undefined)?.body.object;
  const declaration = objectOf(definition, object);
  const fails = (of: readonly Opened[], error: unknown): EventEnd[] =>
    of.map(({ event }) => endOfError(event, error, ports, definition.retryForMs));
  let current: unknown;
  if (object !== undefined && declaration?.read !== undefined) {
    const read = await readObject(ports, definition, claimed.source, object.id, declaration.read);
    if (read.kind === "failed") return { ready: [], unread: fails(opened, read.error) };
    current = read.current;
  }
  const ready: Ready[] = [];
  const unread: EventEnd[] = [];
  // An event is weighed against those before it too, which came in any order.
  let mark = claimed.state;
  for (const one of opened) {
    const { event, body } = one;
    const given = toInboxEvent(claimed.source, event, body, current);
    try {
      const end = refusedUnread(definition, event, body, declaration?.read !== undefined);
      if (end !== undefined) unread.push(end);
      else if (current !== undefined && declaration?.isBehind?.(current as never, given) === true)
        unread.push(...fails([one], new Error("What was read is older than the event.")));
      else {
        const next = weighed(definition, mark, event, given);
        ready.push(next);
        mark = markAfter(mark, next);
      }
    } catch (error) {
      unread.push(...fails([one], error));
    }
  }
  return { ready, unread };
}

/** A hint proves nothing, so without a reading nothing may follow from it. */
function refusedUnread(
  definition: InboxDefinition,
  { number, type }: WaitingEvent,
  { hint, object }: EventBody,
  reads: boolean,
): EventEnd | undefined {
  if (hint !== true || reads || handlerOf(definition, type) === undefined) return undefined;
  const mend = `declare \`read\` for "${object?.kind}"`;
  const error = `Its provider's signature does not prove its payload: ${mend}.`;
  return { number, kind: "dead", error: boundedLine(error) };
}
