import type { ClaimedObject, EventEnd } from "../../store/inbox.ts";
import { errorLine } from "../error-line.ts";
import { within } from "../ports.ts";
import type { InboxPorts } from "./accept.ts";
import type { InboxDefinition } from "./declaration.ts";
import { processObject } from "./process.ts";

/** Longer than a transaction takes, beside a reading; whoever comes later commits nothing. */
const LEASE_MS = 60_000;
/** Of one object in one transaction. */
const EVENTS_MAX = 100;

/** What one pass of handling did. */
export interface Handling {
  readonly objects: number;
  /** How many events came to an end, whichever. */
  readonly ended: number;
  /** Whether the store could be asked. */
  readonly reachable: boolean;
}

/** The handling of each claimed object, under the name of the object. */
export type Handlings = [string, Promise<readonly EventEnd[]>][];

/** Claims objects with due events and starts to handle them; undefined if it could not ask. */
export async function startHandling(
  ports: InboxPorts,
  definitions: ReadonlyMap<string, InboxDefinition>,
  limit: number,
): Promise<Handlings | undefined> {
  const sources = [...definitions.keys()].filter((source) => !ports.breaker.isOpen(source));
  if (sources.length === 0 || limit <= 0) return [];
  const slowestMs = Math.max(...[...definitions.values()].map(({ readMs }) => readMs));
  const leaseMs = LEASE_MS + slowestMs;
  const request = { sources, leaseMs, limit, eventsMax: EVENTS_MAX };
  const answer = await within(ports, ports.inbox.claim(request));
  if (answer.kind !== "ok") {
    ports.events.emit({ type: "inbox.failed", source: sources.join(", "), error: answer.error });
    return undefined;
  }
  return answer.value.map((claimed) => [
    `${claimed.source} ${claimed.object} ${claimed.fence}`,
    handleOne(ports, definitions, claimed),
  ]);
}

async function handleOne(
  ports: InboxPorts,
  definitions: ReadonlyMap<string, InboxDefinition>,
  claimed: ClaimedObject,
): Promise<readonly EventEnd[]> {
  const definition = definitions.get(claimed.source);
  if (definition === undefined) return [];
  try {
    return await processObject(ports, definition, claimed);
  } catch (error) {
    // Its lease lapses, and the starts that were counted tell of it.
    ports.events.emit({
      type: "inbox.failed",
      source: claimed.source,
      error: new Error(errorLine(error), { cause: error }),
    });
    return [];
  }
}

/** Handles what is due, once. */
export async function handleOnce(
  ports: InboxPorts,
  definitions: ReadonlyMap<string, InboxDefinition>,
  limit: number,
): Promise<Handling> {
  const started = await startHandling(ports, definitions, limit);
  if (started === undefined) return { objects: 0, ended: 0, reachable: false };
  const ends = (await Promise.all(started.map(([, handling]) => handling))).flat();
  const ended = ends.filter(({ kind }) => kind !== "waiting").length;
  return { objects: started.length, ended, reachable: true };
}
