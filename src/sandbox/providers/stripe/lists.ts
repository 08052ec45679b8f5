import type { Books } from "../../books.ts";
import type { Answer, Call, Route } from "../../provider.ts";
import { invalid } from "./errors.ts";
import type { Kind, StripeObject } from "./objects.ts";
import { type Fields, fieldsOf, integer, isFields, refuseWith, route, text } from "./parameters.ts";

const LIMIT = 10;
const LIMIT_MAX = 100;

/** The members that may be asked for as objects instead of ids. */
const EXPANDABLE: Readonly<Record<string, Kind>> = {
  charge: "charge",
  customer: "customer",
  latest_charge: "charge",
  payment_intent: "payment_intent",
};

/** An object as an answer, with the members that `expand` asks for. */
export function present(call: Call, books: Books, object: StripeObject): Answer {
  return { status: 200, body: expanded(object, expansions(call, ""), books) };
}

function expansions(call: Call, prefix: string): readonly string[] {
  const { expand } = fieldsOf(call);
  if (!Array.isArray(expand)) return [];
  return expand
    .map(String)
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length));
}

/** The objects of a list, with the members that `expand` asks for as `data.<member>`. */
export function shown(call: Call, books: Books, data: readonly StripeObject[]): unknown {
  const names = expansions(call, "data.");
  return data.map((object) => expanded(object, names, books));
}

function expanded(object: StripeObject, names: readonly string[], books: Books): unknown {
  // What cannot be expanded is left alone: the money has moved, and a refusal would come too late.
  const members = names.flatMap((name) => {
    const id = (object as unknown as Fields)[name];
    const kind = Object.hasOwn(EXPANDABLE, name) ? EXPANDABLE[name] : undefined;
    if (kind === undefined || typeof id !== "string") return [];
    return [[name, books.find(kind, id) ?? id] as const];
  });
  return { ...object, ...Object.fromEntries(members) };
}

export function limitOf(fields: Fields): number {
  const limit = integer(fields, "limit") ?? LIMIT;
  if (limit < 1 || limit > LIMIT_MAX)
    return refuseWith(invalid(`Invalid limit: must be from 1 to ${LIMIT_MAX}.`, "limit"));
  return limit;
}

/** A list, newest first, by the filters that are named, by time, and page by page. */
export function listRoute(
  path: string,
  kind: Kind,
  filters: readonly string[],
  testOf?: (fields: Fields) => (object: StripeObject) => boolean,
): Route {
  return route("GET", path, (call, books) => {
    const fields = fieldsOf(call);
    const wanted = filters.map((name) => [name, text(fields, name)] as const);
    const fits = testOf?.(fields);
    const isWanted = (object: StripeObject): boolean =>
      wanted.every(([name, value]) => value === undefined || member(object, name) === value) &&
      isWithin(object.created, fields["created"]) &&
      fits?.(object) !== false;
    const { data, more } = pageOf(
      filtered(books.each<StripeObject>(kind, "list"), isWanted),
      fields,
    );
    const body = { object: "list", url: path, has_more: more, data: shown(call, books, data) };
    return { status: 200, body };
  });
}

interface Page {
  readonly data: readonly StripeObject[];
  readonly more: boolean;
}

function* filtered(
  objects: Iterable<StripeObject>,
  isWanted: (object: StripeObject) => boolean,
): Generator<StripeObject> {
  for (const object of objects) if (isWanted(object)) yield object;
}

/** Reads no further than the page goes, because a list may be long. */
function pageOf(found: Iterable<StripeObject>, fields: Fields): Page {
  const limit = limitOf(fields);
  const after = text(fields, "starting_after");
  const before = text(fields, "ending_before");
  if (before !== undefined) {
    const newer: StripeObject[] = [];
    for (const object of found) {
      if (object.id === before) return { data: newer.slice(-limit), more: newer.length > limit };
      newer.push(object);
    }
    return { data: [], more: false };
  }
  const data: StripeObject[] = [];
  let begun = after === undefined;
  for (const object of found) {
    if (begun && data.length === limit) return { data, more: true };
    if (begun) data.push(object);
    else begun = object.id === after;
  }
  return { data, more: false };
}

function member(object: StripeObject, name: string): unknown {
  return (object as unknown as Fields)[name];
}

/** A time of seconds against `created=1`, or `created[gte]=1` and the like. */
function isWithin(created: number, range: unknown): boolean {
  if (typeof range === "string") return created === Number(range);
  if (!isFields(range)) return true;
  const { gt, gte, lt, lte } = range as Readonly<Record<string, unknown>>;
  const bound = (value: unknown, otherwise: number): number =>
    value === undefined ? otherwise : Number(value);
  return (
    created > bound(gt, Number.NEGATIVE_INFINITY) &&
    created >= bound(gte, Number.NEGATIVE_INFINITY) &&
    created < bound(lt, Number.POSITIVE_INFINITY) &&
    created <= bound(lte, Number.POSITIVE_INFINITY)
  );
}
