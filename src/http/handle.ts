import type { OpaqueHandler } from "../core/attempt.ts";
import type { Call } from "../core/claim.ts";
import type { CurrentOperation } from "../core/current.ts";
import type { Door } from "../core/handle.ts";
import { type Performed, refuse } from "../core/performed.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { Payload } from "../model/fingerprint.ts";
import { digest, parseKey } from "../model/key.ts";
import { checkHeader } from "../model/outcome.ts";
import { asClientError, problemOf, problemOfError } from "./problem.ts";
import { firstHeaders, type Reply, replayedHeaders, storedHeaders } from "./reply.ts";

/** What an adapter has read of a request. */
export interface Exchange {
  readonly method: string;
  /** Path and query as the client sent them, mount points included. */
  readonly url: string;
  readonly header: (name: string) => string | undefined;
  readonly scope: unknown;
  /** The parsed body or its bytes; undefined if there is none. */
  readonly body: Body | undefined;
  /** What a declared operation gets as its input, where it is not the body. */
  readonly input?: unknown;
  /** JSON that stands for the payload, where the body does not. */
  readonly fingerprint?: unknown;
}

export type Body = { readonly json: unknown } | { readonly bytes: Uint8Array };

/** The answer of a wrapped handler, read whole by its adapter. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Iterable<readonly [string, string]>;
  readonly body: Uint8Array;
}

export interface HandleOptions {
  /** Headers to store and replay besides the usual ones, in lower case. */
  readonly headers: ReadonlySet<string>;
  /** Where a client can look its operation up. */
  readonly link: ((key: string) => string) | undefined;
}

const STATUS_LEAST = 200;
const STATUS_MOST = 599;

/** A client may ask to wait longer than the setting, but not for ever. */
const PREFER_WAIT_MS_MAX = 30_000;

/**
 * The one decision of all HTTP doors: reads the key, runs or replays the operation, and says what
 * to write. Errors of the service itself are thrown on to the framework.
 *
 * @param opaque a wrapped handler, for a door without a declared operation
 */
export async function handle(
  door: Door,
  exchange: Exchange,
  options: HandleOptions,
  opaque?: (current: CurrentOperation) => Promise<RawAnswer>,
): Promise<Reply> {
  try {
    const key = parseKey(exchange.header("idempotency-key"));
    const prefer = parsePrefer(exchange.header("prefer"));
    const call = {
      origin: "http",
      scope: exchange.scope,
      key,
      waitMs: prefer.waitMs,
      ...(opaque ? { payload: opaquePayload(exchange) } : declaredPart(exchange)),
    } as const;
    const work = door.perform(call, opaque && storedOnce(opaque, options));
    const performed = prefer.async ? await orAccepted(door, work, prefer.waitMs ?? 0) : await work;
    return toReply(performed, key, options, prefer.async);
  } catch (error) {
    const known = asClientError(error);
    if (known) return problemOfError(known);
    throw error;
  }
}

/** The handler with what is stored of its answer. Its request can be read once, so it runs once. */
function storedOnce(
  opaque: (current: CurrentOperation) => Promise<RawAnswer>,
  options: HandleOptions,
): OpaqueHandler {
  let spent = false;
  return (current) => {
    if (spent) throw new Error("An earlier attempt of this request has used it up.");
    spent = true;
    return opaque(current).then(({ status, headers: all, body }) => {
      // A response that stands for an error of the network has the status 0.
      if (!(status >= STATUS_LEAST && status <= STATUS_MOST))
        throw new NevertwiceError("response-unreplayable", `Its status was ${status}.`);
      const headers = storedHeaders(all, options.headers);
      for (const [name, value] of headers) checkHeader(name, value);
      return { status, headers, body };
    });
  };
}

function toReply(performed: Performed, key: string, options: HandleOptions, async: boolean): Reply {
  if (performed.kind === "refused") {
    const reply = problemOf(performed, options.link?.(key));
    const pending =
      performed.code === "in-progress" ||
      performed.code === "in-doubt" ||
      performed.code === "retry-scheduled";
    if (!async || !pending) return reply;
    return {
      ...reply,
      status: 202,
      headers: [...reply.headers, ["preference-applied", "respond-async"]],
    };
  }
  const { status, headers, body } = performed;
  if (performed.kind === "passing" || !performed.replayed)
    return { status, headers: firstHeaders(headers), body, source: "first" };
  const replayed: [string, string] = ["idempotent-replayed", "true"];
  return { status, headers: [...replayedHeaders(headers), replayed], body, source: "replay" };
}

/** The result if it comes in time; the operation goes on either way. */
async function orAccepted(
  door: Door,
  work: Promise<Performed>,
  waitMs: number,
): Promise<Performed> {
  const stop = new AbortController();
  const late = door.ports.clock.sleep(waitMs, stop.signal).then(() => refuse("in-progress", 1_000));
  // A later failure of the work is in the record; nobody waits for it here.
  work.catch(() => undefined);
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
  }
}

const NO_PREFERENCE = { waitMs: undefined, async: false } as const;

/** @see RFC 7240 */
function parsePrefer(header: string | undefined): {
  readonly waitMs: number | undefined;
  readonly async: boolean;
} {
  if (header === undefined) return NO_PREFERENCE;
  const preferences = header
    .slice(0, 500)
    .split(",")
    .map((part) => part.trim().toLowerCase());
  const wait = preferences
    .map((part) => /^wait=(\d{1,4})$/.exec(part)?.[1])
    .find((value) => value !== undefined);
  const waitMs =
    wait === undefined ? undefined : Math.min(Number(wait) * 1_000, PREFER_WAIT_MS_MAX);
  return { waitMs, async: preferences.includes("respond-async") };
}

function declaredPart(exchange: Exchange): Pick<Call, "input" | "payload"> {
  const input = declaredInput(exchange);
  return "fingerprint" in exchange ? { input, payload: { json: statedBy(exchange) } } : { input };
}

/** All payloads would be alike under a fingerprint of nothing. */
function statedBy({ fingerprint }: Exchange): unknown {
  if (fingerprint !== undefined) return fingerprint;
  throw new NevertwiceError(
    "option-invalid",
    "`fingerprint` gave undefined. Return the JSON that stands for the payload, null for none.",
  );
}

function declaredInput(exchange: Exchange): unknown {
  if ("input" in exchange) return exchange.input;
  if (exchange.body === undefined) return undefined;
  if ("json" in exchange.body) return exchange.body.json;
  throw new NevertwiceError("input-invalid", "Send the input as application/json.");
}

/** What a wrapped request stands for: where it goes and what it carries. */
function opaquePayload(exchange: Exchange): Payload {
  const { method, url, body } = exchange;
  if ("fingerprint" in exchange) return { json: { body: statedBy(exchange), method, url } };
  if (body === undefined) return { json: { method, url } };
  if ("json" in body) return { json: { body: body.json, method, url } };
  return { bytes: digest(method, url, body.bytes) };
}
