import type { Route } from "../../provider.ts";
import { invalid } from "./errors.ts";
import { limitOf, shown } from "./lists.ts";
import type { Kind, StripeObject } from "./objects.ts";
import { type Fields, fieldsOf, isFields, needed, refuseWith, route, text } from "./parameters.ts";

type Test = (object: StripeObject) => boolean;

/** `metadata['order']:'7'`, `-status:"canceled"`, `amount>=500`, `customer:null`. */
const CLAUSE =
  /^(-?)([a-z_]+)(?:\[(?:'([^']*)'|"([^"]*)")\])?(:|~|>=|<=|>|<)(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|(\d+|null))/i;

/** The search of a kind; it does not show what the index has not got to yet. */
export function searchRoute(path: string, kind: Kind): Route {
  return route("GET", path, (call, books) => {
    const fields = fieldsOf(call);
    const matches = readQuery(needed(text(fields, "query"), "query"));
    const limit = limitOf(fields);
    const start = Number(text(fields, "page") ?? 0);
    const found = Array.from(books.each<StripeObject>(kind, "search")).filter(matches);
    const more = found.length > start + limit;
    return {
      status: 200,
      body: {
        object: "search_result",
        url: path,
        has_more: more,
        next_page: more ? String(start + limit) : null,
        data: shown(call, books, found.slice(start, start + limit)),
      },
    };
  });
}

/** Clauses joined by AND, or by OR; as at Stripe, not by both. */
function readQuery(query: string): Test {
  const tests: Test[] = [];
  const joints = new Set<string>();
  let rest = query.trim();
  for (;;) {
    const match = CLAUSE.exec(rest);
    if (match === null) return unreadable(query);
    tests.push(testOf(match));
    rest = rest.slice(match[0].length);
    if (rest.trim() === "") break;
    const joint = /^\s+(?:(and|or)\s+)?(?=\S)/i.exec(rest);
    if (joint === null) return unreadable(query);
    joints.add((joint[1] ?? "and").toLowerCase());
    rest = rest.slice(joint[0].length);
  }
  if (joints.size > 1) return unreadable(query);
  return joints.has("or")
    ? (object) => tests.some((test) => test(object))
    : (object) => tests.every((test) => test(object));
}

function unreadable(query: string): never {
  return refuseWith(
    invalid(`We were unable to parse your search query: ${query.slice(0, 200)}`, "query"),
  );
}

function testOf(match: RegExpExecArray): Test {
  const [, minus, field = "", single, double, operator = ":", quoted, doubleQuoted, bare] = match;
  const name = single ?? double;
  const wanted = (quoted ?? doubleQuoted)?.replaceAll(/\\(.)/g, "$1") ?? bare ?? "";
  const test: Test = (object) => compare(memberOf(object, field, name), operator, wanted, bare);
  return minus === "-" ? (object) => !test(object) : test;
}

function memberOf(object: StripeObject, field: string, name: string | undefined): unknown {
  const value = (object as unknown as Fields)[field];
  if (name === undefined) return value;
  return isFields(value) && Object.hasOwn(value, name) ? value[name] : null;
}

function compare(
  value: unknown,
  operator: string,
  wanted: string,
  bare: string | undefined,
): boolean {
  if (bare === "null") return value === null || value === undefined;
  if (value === null || value === undefined) return false;
  switch (operator) {
    case ":":
      return String(value) === wanted;
    case "~":
      return String(value).includes(wanted);
    case ">":
      return Number(value) > Number(wanted);
    case "<":
      return Number(value) < Number(wanted);
    case ">=":
      return Number(value) >= Number(wanted);
    default:
      return Number(value) <= Number(wanted);
  }
}
