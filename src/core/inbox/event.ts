import { isDeepStrictEqual } from "node:util";
import { NevertwiceError } from "../../model/errors.ts";
import type { AuthenticEvent, EventEvidence, EventObject, EventRoute } from "../../model/event.ts";
import { decodeJson, encodeJson } from "../../model/json.ts";
import { digest, type RecordId } from "../../model/key.ts";
import type { WaitingEvent } from "../../store/inbox.ts";
import type { Sealer } from "../seal.ts";

/** An event as its handler gets it. */
export interface InboxEvent<Current = unknown> {
  readonly source: string;
  /** The same for every delivery of this event. */
  readonly key: string;
  readonly type: string;
  readonly object: EventObject | undefined;
  /** When it happened, as the provider says, in milliseconds since 1970; it orders nothing. */
  readonly occurredAt: number | undefined;
  /** When it was taken in; database time, in milliseconds since 1970. */
  readonly receivedAt: number;
  readonly route: EventRoute;
  /** From 1. */
  readonly attempt: number;
  /** The provider's body, parsed. */
  readonly payload: unknown;
  /** The object as its provider had it just now; undefined where no `read` is declared. */
  readonly current: Current;
  /**
   * Parks the event until `write.arrived(name)` is committed somewhere, for one that came before
   * what it is about; it is looked at again from time to time all the same.
   *
   * @example const order = find(tx, id) ?? event.waitFor(`order:${id}`);
   */
  waitFor(name: string): never;
  /** Ends the event as dead at once, for one that no retry can help. A person may redeliver it. */
  refuse(reason: string): never;
}

/** What is stored of an event. */
export interface EventBody {
  readonly occurredAt?: number;
  readonly object?: EventObject;
  readonly payload: unknown;
  readonly hint?: boolean;
  readonly evidence?: EventEvidence;
}

/** A handler's word that something is not there yet. */
export class EventParked extends NevertwiceError {
  readonly waitsFor: string;
  constructor(name: string) {
    super("event-waiting", `It waits for ${name}.`);
    this.waitsFor = name;
  }
}

/** A handler's word that no retry can help. */
export class EventRefused extends Error {
  override readonly name: string = "EventRefused";
}

/** What an event's body and messages are sealed for. */
export function eventId(source: string, key: string): RecordId {
  return digest("inbox", source, key).toString("hex");
}

const PLACE = "event";

export function sealEvent(sealer: Sealer, source: string, event: AuthenticEvent): Uint8Array {
  const { key, occurredAt, object, payload, hint, evidence } = event;
  const body: EventBody = {
    payload,
    ...(occurredAt === undefined ? {} : { occurredAt }),
    ...(object === undefined ? {} : { object }),
    ...(hint === true ? { hint } : {}),
    ...(evidence === undefined ? {} : { evidence }),
  };
  return sealer.seal(eventId(source, key), PLACE, encodeBody(body));
}

/**
 * An authentic event is kept even if it is JSON that no outcome may be, such as a text that was cut
 * within a character: a provider that is refused sends the same again.
 *
 * @throws not-json
 */
function encodeBody(body: EventBody): Uint8Array {
  try {
    return encodeJson(body);
  } catch (error) {
    const text = whole(finite(body));
    if (text === undefined) throw error;
    return Buffer.from(text, "utf8");
  }
}

/** A number too large for JavaScript, such as 1e400, is kept by its name. */
function finite(value: unknown): unknown {
  if (typeof value === "number" && !Number.isFinite(value)) return String(value);
  if (Array.isArray(value)) return value.map(finite);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).map(([name, member]) => [name, finite(member)]);
  // Only what JSON itself makes is looked into: anything else is left to be refused.
  return Object.getPrototypeOf(value) === Object.prototype ? Object.fromEntries(members) : value;
}

/** The text of a value that JSON gives back as it was. */
function whole(value: unknown): string | undefined {
  try {
    const text = JSON.stringify(value);
    return isDeepStrictEqual(JSON.parse(text), value) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined if the bytes cannot be read: a lost key, or bytes that were altered or moved. */
export function openEvent(
  sealer: Sealer,
  source: string,
  { key, body }: Pick<WaitingEvent, "key" | "body">,
): EventBody | undefined {
  const clear = sealer.open(eventId(source, key), PLACE, body);
  if (clear === undefined) return undefined;
  try {
    return decodeJson(clear) as EventBody;
  } catch {
    return undefined;
  }
}

export function toInboxEvent(
  source: string,
  event: WaitingEvent,
  body: EventBody,
  current: unknown,
): InboxEvent {
  const { key, type, receivedAt, route, attempts } = event;
  const { object, occurredAt, payload } = body;
  return {
    ...{ source, key, type, object, occurredAt, receivedAt, route, payload, current },
    attempt: attempts + 1,
    waitFor(name) {
      throw new EventParked(name);
    },
    refuse(reason) {
      throw new EventRefused(reason);
    },
  };
}
