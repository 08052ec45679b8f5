import type { HeaderList } from "../model/outcome.ts";

/** What an adapter writes to its client. */
export interface Reply {
  readonly status: number;
  readonly headers: HeaderList;
  readonly body: Uint8Array;
  /** `first` lets an adapter send the handler's own headers too, such as a cookie. */
  readonly source: "first" | "replay" | "problem";
}

/** Headers that belong to the outcome and may be given again to another connection. */
const ALLOWED: ReadonlySet<string> = new Set([
  "content-type",
  "content-language",
  "content-encoding",
  "content-disposition",
  "content-location",
  "content-range",
  "location",
  "link",
  "etag",
  "last-modified",
]);

/** Headers that must never be replayed to anybody, whatever the options say. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  "set-cookie",
  "date",
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "content-length",
  "authorization",
  "www-authenticate",
]);

/** The headers of a response that are stored: the allowed ones, and those that the mount names. */
export function storedHeaders(
  headers: Iterable<readonly [string, string]>,
  also: ReadonlySet<string>,
): [string, string][] {
  const kept: [string, string][] = [];
  for (const header of headers) {
    const name = header[0].toLowerCase();
    if (!FORBIDDEN.has(name) && (ALLOWED.has(name) || also.has(name))) kept.push([name, header[1]]);
  }
  return kept;
}

/** The headers of an outcome for its first caller: a cookie, but nothing of the connection. */
export function firstHeaders(headers: HeaderList): HeaderList {
  return headers.filter(([name]) => name === "set-cookie" || !FORBIDDEN.has(name));
}

const NO_STORE = ["cache-control", "no-store"] as const;

/**
 * The headers of a stored outcome for anybody else. What the handler says of caches counts where it
 * is kept; otherwise a replay, which is of that moment and that account, is for no cache.
 *
 * @see RFC 9111, 5.2.2.5
 */
export function replayedHeaders(headers: HeaderList): HeaderList {
  const replayed = headers.filter(([name]) => !FORBIDDEN.has(name));
  return replayed.some(([name]) => name === "cache-control") ? replayed : [...replayed, NO_STORE];
}

export function isForbidden(name: string): boolean {
  return FORBIDDEN.has(name.toLowerCase());
}
