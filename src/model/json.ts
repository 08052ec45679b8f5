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
  checkJson(value, "value", 0, "not-json");
  return Buffer.from(JSON.stringify(value), "utf8");
}

/** The value of stored bytes. */
export function decodeJson(bytes: Uint8Array): unknown {
  if (bytes.length === 0) return undefined;
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
}

/** The canonical text of a JSON value by RFC 8785. @throws payload-ambiguous */
export function canonicalJson(value: unknown): string {
  checkJson(value, "payload", 0, "payload-ambiguous");
  return canonicalize(value) ?? "";
}

function checkJson(value: unknown, place: string, depth: number, code: ErrorCode): void {
  if (depth > JSON_DEPTH_MAX)
    throw new NevertwiceError(code, `${place} is nested more than ${JSON_DEPTH_MAX} levels deep.`);
  if (value === null || value === undefined || typeof value === "boolean") return;
  if (typeof value === "string") {
    if (!value.isWellFormed())
      throw new NevertwiceError(code, `${place} is not well-formed Unicode.`);
  } else if (typeof value === "number") {
    checkNumber(value, place, code);
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries())
      checkJson(item, `${place}[${index}]`, depth + 1, code);
  } else if (typeof value === "object" && isPlain(value)) {
    for (const [name, item] of Object.entries(value))
      checkJson(item, `${place}.${name}`, depth + 1, code);
  } else {
    throw new NevertwiceError(code, `${place} is ${describe(value)}.`);
  }
}

function checkNumber(value: number, place: string, code: ErrorCode): void {
  if (!Number.isFinite(value)) throw new NevertwiceError(code, `${place} is ${value}.`);
  // JSON.parse maps several large integers to one number, so two payloads would look the same.
  const doubtful = Number.isInteger(value) && !Number.isSafeInteger(value);
  if (doubtful && code === "payload-ambiguous")
    throw new NevertwiceError(code, `${place} is an integer beyond 2^53.`);
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  // Parsers make objects with a null prototype; values of another realm have their own Object.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function describe(value: unknown): string {
  return typeof value === "object"
    ? `a ${value?.constructor?.name ?? "special object"}`
    : `a ${typeof value}`;
}
