import type { Reply } from "./reply.ts";

/** Statuses that the Fetch standard allows no body for. */
const BODILESS: ReadonlySet<number> = new Set([101, 204, 205, 304]);

export function toResponse(reply: Reply, first: Response | undefined): Response {
  const headers = new Headers(first ? first.headers : undefined);
  // The handler's own response has them all already, some of them more than once.
  if (first === undefined) for (const [name, value] of reply.headers) headers.append(name, value);
  return new Response(BODILESS.has(reply.status) ? null : new Uint8Array(reply.body), {
    status: reply.status,
    headers,
  });
}
