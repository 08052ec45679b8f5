import type { OutgoingHttpHeader, ServerResponse } from "node:http";
import { NevertwiceError } from "../model/errors.ts";
import type { RawAnswer } from "./handle.ts";

/** Statuses that have no body on the wire, whatever the handler wrote. */
const BODILESS: ReadonlySet<number> = new Set([204, 304]);

export function hasBody(status: number): boolean {
  return !BODILESS.has(status);
}

export function unreplayable(detail: string): NevertwiceError {
  return new NevertwiceError("response-unreplayable", detail);
}

/** The bytes that were written so far. */
export interface Body {
  /** @throws response-unreplayable once they are too many */
  add(chunk: unknown, encoding: unknown): void;
  bytes(): Uint8Array;
}

export function createBody(bytesMax: number): Body {
  let chunks: Buffer[] = [];
  let length = 0;
  return {
    add(chunk, encoding) {
      const bytes = toBytes(chunk, encoding);
      length += bytes.length;
      if (length > bytesMax) {
        chunks = [];
        throw unreplayable(`It has more than ${bytesMax} bytes.`);
      }
      chunks.push(bytes);
    },
    bytes: () => (chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length)),
  };
}

/** A copy, because a handler may use its buffer again once it is told that it was written. */
function toBytes(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === "string")
    return Buffer.from(chunk, typeof encoding === "string" ? (encoding as BufferEncoding) : "utf8");
  if (chunk instanceof Uint8Array) return Buffer.from(chunk);
  throw new TypeError("A chunk of a response is a string, a Buffer or a Uint8Array.");
}

export type Headers = readonly (readonly [name: string, value: OutgoingHttpHeader])[];

/** The headers that are set, by their names in lower case; a table of them would cost more. */
export function headersOf(response: ServerResponse): Headers {
  return response.getHeaderNames().map((name) => [name, response.getHeader(name) ?? ""]);
}

export function toAnswer(response: ServerResponse, bytes: Uint8Array): RawAnswer {
  const status = response.statusCode;
  const headers: [string, string][] = [];
  for (const name of response.getHeaderNames()) {
    const value = response.getHeader(name);
    if (Array.isArray(value)) for (const one of value) headers.push([name, one]);
    else headers.push([name, String(value)]);
  }
  return { status, headers, body: BODILESS.has(status) ? new Uint8Array(0) : bytes };
}

/** `writeHead` in all its forms, into the response's own table. @returns the status */
export function applyHead(
  response: ServerResponse,
  status: number,
  reason: unknown,
  given: unknown,
): number {
  if (!Number.isInteger(status) || status < 200 || status > 999)
    throw new RangeError(`A response cannot have the status ${status}.`);
  response.statusCode = status;
  if (typeof reason === "string") response.statusMessage = reason;
  const headers = typeof reason === "string" ? given : (given ?? reason);
  const pairs = Array.isArray(headers) ? toPairs(headers) : Object.entries(headers ?? {});
  for (const [name] of pairs) response.removeHeader(name);
  for (const [name, value] of pairs)
    response.appendHeader(name, Array.isArray(value) ? value.map(String) : String(value));
  return status;
}

/** Pairs, or names and values by turns. */
function toPairs(headers: readonly unknown[]): [string, unknown][] {
  if (headers.every((pair) => Array.isArray(pair)))
    return headers as unknown as [string, unknown][];
  return Array.from({ length: headers.length >> 1 }, (_, index) => [
    String(headers[2 * index]),
    headers[2 * index + 1],
  ]);
}
