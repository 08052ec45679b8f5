import canonicalize from "canonicalize";
import { type ErrorCode, NevertwiceError } from "./errors.ts";

/**
 * Deeper nesting is refused, because a recursive reader of the stored bytes would fail on it.
 *
 * @internal
 */
export const JSON_DEPTH_MAX = 64;

/**
 * The type itself if a value of it survives JSON, `never` in the place that does not.
 * Dates, maps, functions, bigints and symbols do not survive.
 */
export type JsonCompatible<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends
          | bigint
          | symbol
          | Date
          | RegExp
          | Map<unknown, unknown>
          | Set<unknown>
          | Uint8Array
          | ((...parameters: never[]) => unknown)
      ? never
      : T extends object
        ? { [K in keyof T]: JsonCompatible<T[K]> }
        : T;

/** An empty parameter list for a JSON type, a missing parameter with a telling name for another. */
export type OnlyJson<T> = [T] extends [JsonCompatible<T>]
  ? []
  : [mustBeJson: "Return strings, numbers, booleans, null, arrays and plain objects only."];

/** The bytes of a value; nothing for undefined. @throws not-json, naming the place */
export function encodeJson(value: unknown): Uint8Array {
  if (value === undefined) return new Uint8Array(0);
  checkJson(value, "value", "not-json");
  return Buffer.from(JSON.stringify(value));
}

/** The value of stored bytes. */
export function decodeJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
}

/** The canonical text of a JSON value by RFC 8785. @throws payload-ambiguous */
export function canonicalJson(value: unknown): string {
  checkJson(value, "payload", "payload-ambiguous");
  // The engine writes as the standard asks, in the order of the members, and several times faster.
  const ordered = inOrder(value);
  return (ordered === OUT_OF_ORDER ? canonicalize(value) : JSON.stringify(ordered)) ?? "";
}

/** An object puts members with such names before all others, or makes them none of its own. */
const UNORDERABLE = /^(?:\d|__proto__$)/;
const OUT_OF_ORDER: unique symbol = Symbol("out of order");

/** A copy with the members of every object sorted by their names, if an object can be so. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(inOrder);
    return items.includes(OUT_OF_ORDER) ? OUT_OF_ORDER : items;
  }
  const copy: Record<string, unknown> = {};
  for (const name of sortedNames(value)) {
    const member = UNORDERABLE.test(name) ? OUT_OF_ORDER : inOrder((value as typeof copy)[name]);
    if (member === OUT_OF_ORDER) return OUT_OF_ORDER;
    copy[name] = member;
  }
  return copy;
}

/** Up to here it is cheapest to put one name after the other in its place. */
const FEW_NAMES = 16;

/** By their UTF-16 code units. */
function sortedNames(value: object): string[] {
  const names = Object.keys(value);
  if (names.length > FEW_NAMES) return names.sort();
  for (let index = 1; index < names.length; index += 1) {
    const name = names[index] ?? "";
    let place = index;
    for (; place > 0 && (names[place - 1] ?? "") > name; place -= 1)
      names[place] = names[place - 1] ?? "";
    names[place] = name;
  }
  return names;
}

function checkJson(value: unknown, root: string, code: JsonError): void {
  const flaw = flawOf(value, 0, code);
  if (flaw !== undefined) throw new NevertwiceError(code, `${root}${flaw.place} ${flaw.what}.`);
}

type JsonError = Extract<ErrorCode, "not-json" | "payload-ambiguous">;

/** The first place of a value that JSON cannot carry. */
interface Flaw {
  readonly place: string;
  readonly what: string;
}

function flawOf(value: unknown, depth: number, code: JsonError): Flaw | undefined {
  if (depth > JSON_DEPTH_MAX) return flaw(`is nested more than ${JSON_DEPTH_MAX} levels deep`);
  if (value === null || value === undefined || typeof value === "boolean") return undefined;
  if (typeof value === "string")
    return value.isWellFormed() ? undefined : flaw("is not well-formed Unicode");
  if (typeof value === "number") return flawOfNumber(value, code);
  if (typeof value !== "object") return flaw(`is ${describe(value)}`);
  if (Array.isArray(value)) return flawOfArray(value, depth, code);
  return isPlain(value) ? flawOfMembers(value, depth, code) : flaw(`is ${describe(value)}`);
}

function flaw(what: string): Flaw {
  return { place: "", what };
}

function flawOfArray(value: readonly unknown[], depth: number, code: JsonError): Flaw | undefined {
  for (let index = 0; index < value.length; index += 1) {
    const found = flawOf(value[index], depth + 1, code);
    if (found) return { ...found, place: `[${index}]${found.place}` };
  }
  return undefined;
}

function flawOfMembers(value: object, depth: number, code: JsonError): Flaw | undefined {
  for (const name of Object.keys(value)) {
    if (!name.isWellFormed()) return flaw("has a name that is not well-formed Unicode");
    const found = flawOf((value as Record<string, unknown>)[name], depth + 1, code);
    if (found) return { ...found, place: `.${name}${found.place}` };
  }
  return undefined;
}

function flawOfNumber(value: number, code: JsonError): Flaw | undefined {
  if (!Number.isFinite(value)) return flaw(`is ${value}`);
  // JSON.parse maps several large integers to one number, so two payloads would look the same.
  const doubtful = Number.isInteger(value) && !Number.isSafeInteger(value);
  return doubtful && code === "payload-ambiguous" ? flaw("is an integer beyond 2^53") : undefined;
}

/** Whether a value is an object of no class, as a parser of JSON makes them. */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Parsers make objects with a null prototype; values of another realm have their own Object.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function describe(value: NonNullable<unknown>): string {
  return typeof value === "object"
    ? `a ${value.constructor?.name ?? "special object"}`
    : `a ${typeof value}`;
}
