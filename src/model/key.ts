import { hash } from "node:crypto";
import { ParseError, parseItem } from "structured-headers";
import { NevertwiceError } from "./errors.ts";

/** Who made the key: a client over HTTP, or our own code. Neither can occupy the other's keys. */
export type Origin = "http" | "own";

/** SHA-256 over origin, scope and key, as 64 lower-case hexadecimal digits. */
export type RecordId = string;

/** @internal */
export const KEY_LENGTH_MAX = 255;
const VISIBLE = /^[\x21-\x7e]+$/;

/**
 * The key of an `Idempotency-Key` header: the IETF draft's quoted string or the bare form that
 * live providers send. Both spellings are the same key.
 *
 * @throws key-required, key-malformed
 * @see https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
 */
export function parseKey(header: string | null | undefined): string {
  if (header === undefined || header === null || header.trim() === "")
    throw new NevertwiceError("key-required");
  const text = header.trim();
  if (text.startsWith('"')) return checkKey(parseQuoted(text));
  // A comma is what remains of two header lines, and two keys are no key.
  if (text.includes(","))
    throw new NevertwiceError("key-malformed", "Exactly one key is accepted.");
  return checkKey(text);
}

function parseQuoted(text: string): string {
  // The longest legal key with every character escaped, two quotes, and room for parameters.
  if (text.length > 4 * KEY_LENGTH_MAX) throw new NevertwiceError("key-malformed");
  try {
    const [value] = parseItem(text);
    if (typeof value === "string") return value;
  } catch (error) {
    if (!(error instanceof ParseError)) throw error;
  }
  throw new NevertwiceError("key-malformed", "A quoted key is one structured-field string.");
}

/** The key itself if it has 1 to 255 visible ASCII characters. @throws key-malformed */
export function checkKey(key: unknown): string {
  if (typeof key !== "string")
    throw new NevertwiceError("key-malformed", "The key is not a string.");
  if (key.length > KEY_LENGTH_MAX || !VISIBLE.test(key)) throw new NevertwiceError("key-malformed");
  return key;
}

/**
 * A key made of a business fact, so that the same fact is the same operation.
 *
 * @example businessKey`refund:${orderId}:${attempt}`   // "refund:order_982:1"
 * @throws key-malformed if a part is empty, undefined, null or not a string or whole number
 */
export function businessKey(
  texts: TemplateStringsArray,
  ...parts: readonly (string | number | bigint)[]
): string {
  const encoded = parts.map((part) => {
    const usable =
      typeof part === "string"
        ? part !== ""
        : typeof part === "bigint" || Number.isSafeInteger(part);
    if (!usable)
      throw new NevertwiceError(
        "key-malformed",
        "A part of the business key is empty or not a whole number.",
      );
    // Escaping keeps ["a:b", "c"] and ["a", "b:c"] apart.
    return encodeURIComponent(String(part));
  });
  return checkKey(texts.reduce((key, text, index) => key + encoded[index - 1] + text));
}

/** SHA-256 over length-prefixed parts, so that no two lists of parts share their bytes. */
export function digest(...parts: readonly (string | Uint8Array)[]): Buffer {
  // As text it is small and short-lived; as a buffer it would have memory of its own.
  return Buffer.from(hash("sha256", prefixed(parts), "hex"), "hex");
}

const LENGTH_BYTES = 4;

function prefixed(parts: readonly (string | Uint8Array)[]): Buffer {
  let size = 0;
  for (const part of parts) size += LENGTH_BYTES + Buffer.byteLength(part);
  // One buffer for all, because every digest of a request passes here.
  const bytes = Buffer.allocUnsafe(size);
  let offset = 0;
  for (const part of parts) {
    const start = offset + LENGTH_BYTES;
    if (typeof part !== "string") bytes.set(part, start);
    const length = typeof part === "string" ? bytes.write(part, start) : part.length;
    offset = bytes.writeUInt32BE(length, offset) + length;
  }
  return bytes;
}

/** The primary key of an operation: fixed in size, free of collation, truncation and ambiguity. */
export function recordId(origin: Origin, scope: string, key: string, operation?: string): RecordId {
  const parts = operation === undefined ? [origin, scope, key] : [origin, scope, key, operation];
  return hash("sha256", prefixed(parts), "hex");
}

/**
 * The milliseconds since the epoch inside a UUIDv7, or undefined for any other key.
 *
 * @see RFC 9562, 5.7
 */
export function uuidTime(key: string): number | undefined {
  const match = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i.exec(
    key,
  );
  return match ? Number.parseInt(`${match[1]}${match[2]}`, 16) : undefined;
}
