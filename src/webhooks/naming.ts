import type { Delivery } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent, EventObject } from "../model/event.ts";
import { memberOf, plainHeader, sha256, textAt } from "./read.ts";

const KEY_LENGTH_MAX = 200;

/** An event's key or alias, prefixed by what it is; a long or odd id is named by its digest. */
export function eventKey(kind: string, id: string): string {
  const key = `${kind}:${id}`;
  if (key.length <= KEY_LENGTH_MAX && /^[\x21-\x7e]+$/.test(key)) return key;
  return `${kind}-sha256:${Buffer.from(sha256(id)).toString("hex")}`;
}

/** The key of an event that has no signed id: the digest of the content that was signed. */
export function bodyKey(content: string): string {
  return `body:${Buffer.from(sha256(content)).toString("hex")}`;
}

/** An id that is a text or a whole number. */
export function idAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = memberOf(value, ...path);
  return Number.isSafeInteger(found) ? String(found) : textAt(value, ...path);
}

/** A member that is a date as text, in milliseconds since 1970. */
export function timeAt(value: unknown, ...path: readonly (string | number)[]): number | undefined {
  const time = Date.parse(textAt(value, ...path) ?? "");
  return Number.isNaN(time) ? undefined : time;
}

export function objectOf(kind: string, id: string | undefined): EventObject | undefined {
  return id === undefined ? undefined : { kind, id };
}

type Loose<T> = { readonly [Name in keyof T]: T[Name] | undefined };
type Needed = "key" | "fingerprint" | "type" | "payload";

/** The event without the members that it does not have. */
export function eventOf(
  members: Pick<AuthenticEvent, Needed> & Partial<Loose<Omit<AuthenticEvent, Needed>>>,
): AuthenticEvent {
  const there = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(there) as unknown as AuthenticEvent;
}

/** The aliases that came, prefixed by what they are. */
export function aliasesOf(
  names: Readonly<Record<string, string | undefined>>,
): readonly string[] | undefined {
  const aliases = Object.entries(names).flatMap(([kind, id]) =>
    id === undefined ? [] : [eventKey(kind, id)],
  );
  return aliases.length === 0 ? undefined : aliases;
}

/** The event's name in a header that nobody signed. @throws webhook-malformed */
export function neededTopic(delivery: Delivery, header: string): string {
  const topic = plainHeader(delivery, header);
  if (topic !== undefined && /^[\w./-]{1,100}$/.test(topic)) return topic;
  throw new NevertwiceError("webhook-malformed", `The header ${header} names no event.`);
}
