import { NevertwiceError } from "../../model/errors.ts";
import type { AuthenticEvent, EventRoute } from "../../model/event.ts";
import { digest } from "../../model/key.ts";
import type { Accepted, AcceptRequest, InboxStore, NewEvent } from "../../store/inbox.ts";
import { boundedLine } from "../error-line.ts";
import { type Ports, within } from "../ports.ts";
import type { Breaker } from "./breaker.ts";
import { handlerOf, type InboxDefinition } from "./declaration.ts";
import { sealEvent } from "./event.ts";

/** The ports of an inbox: those of the core, with a store that has one. */
export interface InboxPorts extends Ports {
  readonly inbox: InboxStore;
  readonly breaker: Breaker;
}

const NAME_LENGTH_MAX = 255;

/** A name of any length that every store can index; a long one becomes its digest. */
export function boundedName(name: string): string {
  const line = boundedLine(name);
  return line === name && name.length <= NAME_LENGTH_MAX
    ? name
    : `sha256:${digest(name).toString("hex")}`;
}

/** An authentic event as the store takes it in. */
export function toNewEvent(
  ports: InboxPorts,
  definition: InboxDefinition,
  given: AuthenticEvent,
  route: EventRoute,
): NewEvent {
  const { source } = definition;
  const event = { ...given, key: boundedName(given.key), type: boundedName(given.type) };
  const { key, type, object, aliases = [], fingerprint, evidence } = event;
  const handled = handlerOf(definition, type);
  const applied = object !== undefined && definition.objects.get(object.kind)?.apply !== undefined;
  const about = object === undefined ? `event:${key}` : `${object.kind}:${object.id}`;
  const wanted = handled !== undefined || applied || evidence !== undefined;
  return {
    ...{ source, key, type, route, fingerprint },
    aliases: aliases.map(boundedName),
    object: boundedName(about),
    ...(handled?.nature === "once-only" && object !== undefined
      ? { change: boundedName(`${type}:${about}`) }
      : {}),
    state: wanted ? "waiting" : "unhandled",
    body: sealEvent(ports.sealer, source, event),
  };
}

/**
 * Stores events, all or none, to be handled by a worker. `stale` if the cursor stands elsewhere.
 *
 * @throws store-unavailable, also if it is not known whether they were stored
 */
export async function storeEvents(
  ports: InboxPorts,
  definition: InboxDefinition,
  events: readonly AuthenticEvent[],
  route: EventRoute,
  cursor?: AcceptRequest["cursor"],
): Promise<readonly Accepted[] | "stale"> {
  const news = events.map((event) => toNewEvent(ports, definition, event, route));
  if (news.length === 0 && cursor === undefined) return [];
  const answer = await within(
    ports,
    ports.inbox.accept({ events: news, ...(cursor === undefined ? {} : { cursor }) }),
  );
  if (answer.kind !== "ok")
    throw new NevertwiceError("store-unavailable", undefined, { cause: answer.error });
  if (answer.value === "stale") return "stale";
  report(ports, news, answer.value);
  if (answer.value.some(({ isNew }) => isNew)) ports.wake();
  return answer.value;
}

/** Tells what became of each. */
export function report(
  ports: InboxPorts,
  events: readonly NewEvent[],
  accepted: readonly Accepted[],
): void {
  for (const [index, { number, isNew, conflict }] of accepted.entries()) {
    const { source = "", type: event = "", route = "webhook" } = events[index] ?? {};
    const of = { source, event, number };
    ports.events.emit({ type: isNew ? "event.accepted" : "event.repeated", ...of, route });
    if (conflict) ports.events.emit({ type: "event.conflict", ...of });
  }
}
