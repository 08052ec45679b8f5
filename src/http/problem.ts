import { retryOf } from "../core/handle.ts";
import type { Refused } from "../core/performed.ts";
import {
  ERRORS,
  type ErrorCode,
  isNevertwiceError,
  type NevertwiceError,
} from "../model/errors.ts";
import type { Reply } from "./reply.ts";

/** Where the problem types live; the last segment is the error's code. */
const PROBLEM_BASE = "https://nevertwice.dev/errors/";

/** The least wait that a client is told, in seconds, where one is told at all. */
const RETRY_AFTER_LEAST = 1;

/** The RFC 9457 problem of a refusal. It discloses nothing of another payload or another scope. */
export function problemOf(refused: Refused, link: string | undefined): Reply {
  const outcome = refused.outcome;
  const known =
    outcome === undefined
      ? {}
      : {
          outcome: outcome.kind,
          ...(outcome.reference === undefined ? {} : { reference: outcome.reference }),
        };
  const retry = retryOf(refused);
  const headers: [string, string][] = [];
  if (retry === "same-key") headers.push(["retry-after", String(retryAfter(refused.retryAfterMs))]);
  if (link !== undefined) headers.push(["link", `<${escapeLink(link)}>; rel="status"`]);
  return problem(refused.code, undefined, { retry, ...known }, headers);
}

/** The problem of an error thrown before anything was stored. */
export function problemOfError(error: NevertwiceError): Reply {
  // What is wrong inside the service is for its log, not for its client.
  const detail = error.status < 500 ? error.detail : undefined;
  const headers: [string, string][] =
    error.retry === "same-key" ? [["retry-after", String(RETRY_AFTER_LEAST)]] : [];
  return problem(error.code, detail, { retry: error.retry }, headers);
}

/** A key may hold what would end the address inside its header, or what no header can carry. */
function escapeLink(link: string): string {
  return link.replace(/[^\x21-\x7e]+|[<>"]/g, (part) =>
    Array.from(
      Buffer.from(part, "utf8"),
      (byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    ).join(""),
  );
}

/** The library's own error that a client is told of, or undefined for anything else. */
export function asClientError(error: unknown): NevertwiceError | undefined {
  return isNevertwiceError(error) && error.status < 500 ? error : undefined;
}

function retryAfter(ms: number | undefined): number {
  return Math.max(Math.ceil((ms ?? 0) / 1_000), RETRY_AFTER_LEAST);
}

function problem(
  code: ErrorCode,
  detail: string | undefined,
  members: object,
  headers: [string, string][],
): Reply {
  const { status, title } = ERRORS[code];
  const body = {
    type: PROBLEM_BASE + code,
    title,
    status,
    code,
    ...(detail === undefined ? {} : { detail }),
    ...members,
  };
  return {
    status,
    headers: [
      ["content-type", "application/problem+json"],
      ["cache-control", "no-store"],
      ...headers,
    ],
    body: Buffer.from(JSON.stringify(body), "utf8"),
    source: "problem",
  };
}
