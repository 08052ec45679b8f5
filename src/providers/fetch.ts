import type { Effect, EffectCall } from "../core/effect.ts";
import {
  type Declined,
  inDoubt,
  type Judgement,
  type NotExecuted,
  notExecuted,
  type Refused,
  refused,
} from "../core/judgement.ts";
import { NevertwiceError } from "../model/errors.ts";
import { AnswerError, type FetchAnswer, readAnswer, retryAfterMs } from "./answer.ts";
import { present } from "./sdk-answer.ts";
import { callSdk, type Patience, unsent } from "./sdk-call.ts";

export type { FetchAnswer } from "./answer.ts";

/** A request to any HTTP API, and how its answers are read. */
export interface FetchEffectOptions<Value, Decline>
  extends Pick<
      Effect<Value, Decline>,
      | ("target" | "keptForMs" | "sendByMs" | "reference" | "ways")
      | ("replayAfterFailure" | "lookUp" | "cancel" | "retrieve")
    >,
    Patience {
  readonly url: string | URL;
  /** POST by default. */
  readonly method?: string;
  /** Not part of the step's arguments and never stored, so that credentials may change. */
  readonly headers?: Readonly<Record<string, string>> | (() => Readonly<Record<string, string>>);
  /**
   * Text and `URLSearchParams` as they are, anything else as JSON. A function is given the provider
   * key, for an API that takes it in the body or finds things by a mark of the caller's.
   */
  readonly body?: unknown;
  /** The header of the provider key, `Idempotency-Key` by default; false sends none. */
  readonly keyHeader?: string | false;
  /** False for an API that knows no keys at all; by default it knows them if there is a header. */
  readonly keyed?: boolean;
  /** The longest answer that is read, in bytes; 1 MiB by default. A longer one leaves a doubt. */
  readonly maxBytes?: number;
  /** Reads an answer of 200 to 299. What it throws leaves the effect in doubt. */
  readonly read: (answer: FetchAnswer) => Meaning<Value, Decline>;
  /**
   * Reads any other answer: a definite no, a no for good that executed nothing, a proof that
   * nothing happened, or undefined for what the table of statuses says.
   */
  readonly readRefusal?: (answer: FetchAnswer) => Meaning<undefined, Decline>;
  /** The global one by default. One that tries again by itself spoils the proofs. */
  readonly fetch?: typeof globalThis.fetch;
}

type Meaning<Value, Decline> = Value | Declined<Decline> | Refused<Decline> | NotExecuted;

/** The decline of a status that says it of every repetition of the request too. */
export interface StatusDecline {
  /** Such as `status-413`. */
  readonly code: string;
  readonly status: number;
}

const MAX_BYTES_DEFAULT = 1_048_576;

/**
 * Statuses by which a server says that it did not execute the request, and may do so later: with
 * other credentials, or over another connection.
 *
 * @see RFC 9110, section 15.5; RFC 8470, section 5.2
 */
export const STATUSES_NOT_EXECUTED: ReadonlySet<number> = new Set([401, 403, 421, 425]);

/**
 * Statuses by which a server says that it did not execute the request, and never will. All others
 * below 500 leave a doubt, because some API says them of a request that it has executed: 404 of
 * what it just deleted, 409 of what it has already done, 400 and 422 of a key that was used with
 * other arguments.
 *
 * @see RFC 9110, section 15.5; RFC 6585, section 5
 */
export const STATUSES_REFUSED: ReadonlySet<number> = new Set([405, 411, 413, 414, 415, 426, 431]);

/**
 * An effect that is one request to an HTTP API, over `fetch`. Redirects are never followed, since a
 * followed one may send the request twice or drop its body.
 *
 * @throws option-invalid
 */
export function fetchEffect<Value, Decline = never>(
  options: FetchEffectOptions<Value, Decline>,
): Effect<Value, Decline | StatusDecline> {
  const { url, method = "POST", keyHeader = "Idempotency-Key" } = options;
  const { target, keptForMs, sendByMs, reference, ways } = options;
  const { replayAfterFailure, lookUp, cancel, retrieve } = options;
  const address = addressOf(url);
  const given = { target, keptForMs, sendByMs, reference, ways };
  const resolving = { replayAfterFailure, lookUp, cancel, retrieve };
  return {
    ...present({ ...given, ...resolving }),
    input: { method, url: address.href, body: inputOf(bodyOf(options.body, "")) },
    keyed: options.keyed ?? keyHeader !== false,
    send: (call) => sendRequest(options, { address, method, keyHeader }, call),
    judge,
  };
}

/** @throws option-invalid */
function addressOf(url: string | URL): URL {
  const address = URL.parse(String(url));
  if (address?.protocol === "https:" || address?.protocol === "http:") return address;
  throw new NevertwiceError("option-invalid", "url is an absolute address of http: or https:.");
}

interface Route {
  readonly address: URL;
  readonly method: string;
  readonly keyHeader: string | false;
}

async function sendRequest<Value, Decline>(
  options: FetchEffectOptions<Value, Decline>,
  route: Route,
  call: EffectCall,
): Promise<Meaning<Value, Decline | StatusDecline>> {
  const { fetch = globalThis.fetch, maxBytes = MAX_BYTES_DEFAULT } = options;
  const body = bodyOf(options.body, call.key);
  const init = {
    ...encodedOf(body),
    method: route.method,
    redirect: "manual",
    headers: headersOf(options.headers, body, route, call),
  } as const;
  const answer = await callSdk(options, call, async (signal) => {
    call.checkTime();
    const response = await fetch(route.address, { ...init, signal });
    return readAnswer(response, maxBytes);
  });
  return readMeaning(options, answer);
}

function bodyOf(body: unknown, key: string): unknown {
  return typeof body === "function" ? (body as (key: string) => unknown)(key) : body;
}

/** As it is stored: a form as its text. */
function inputOf(body: unknown): unknown {
  return body instanceof URLSearchParams ? body.toString() : (body ?? null);
}

type Encoded = { readonly body?: string | URLSearchParams };

function encodedOf(body: unknown): Encoded {
  if (body === undefined) return {};
  const asItIs = typeof body === "string" || body instanceof URLSearchParams;
  return { body: asItIs ? body : JSON.stringify(body) };
}

function headersOf(
  headers: FetchEffectOptions<never, never>["headers"],
  body: unknown,
  { keyHeader }: Route,
  { key }: EffectCall,
): Headers {
  const all = new Headers(typeof headers === "function" ? headers() : headers);
  const json = body !== undefined && encodedOf(body).body !== body;
  if (json && !all.has("content-type")) all.set("content-type", "application/json");
  if (keyHeader !== false) all.set(keyHeader, key);
  return all;
}

/** @throws AnswerError for an answer that leaves a doubt */
function readMeaning<Value, Decline>(
  { read, readRefusal }: FetchEffectOptions<Value, Decline>,
  answer: FetchAnswer,
): Meaning<Value, Decline | StatusDecline> {
  const { status } = answer;
  const doubt = status >= 500 ? "failed" : "unanswered";
  const success = status >= 200 && status <= 299;
  try {
    if (success) return read(answer);
    const meaning = readRefusal?.(answer);
    if (meaning !== undefined) return meaning;
  } catch (error) {
    // Whatever the reader met, the request has been answered, so no error of it is a proof.
    throw new AnswerError(doubt, `The answer ${status} could not be understood.`, error);
  }
  if (STATUSES_NOT_EXECUTED.has(status))
    return notExecuted(`the answer was ${status}`, retryAfterMs(answer.headers.get("retry-after")));
  if (STATUSES_REFUSED.has(status)) return refused({ code: `status-${status}`, status });
  throw new AnswerError(doubt, `The answer was ${status}.`);
}

function judge(error: unknown): Judgement<never> {
  if (error instanceof AnswerError) return inDoubt(error.because);
  return unsent(error) ?? inDoubt("unanswered");
}
