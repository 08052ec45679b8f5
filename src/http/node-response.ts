import type { ServerResponse } from "node:http";
import { NevertwiceError } from "../model/errors.ts";
import type { RawAnswer } from "./handle.ts";
import {
  createListeners,
  ENDINGS,
  type Hands,
  type Listeners,
  override,
  type View,
} from "./node-override.ts";
import { applyHead, createBody, hasBody, toAnswer, unreplayable } from "./node-writing.ts";
import type { Reply } from "./reply.ts";
import { refuseEventStream } from "./whole.ts";

/** A response that its handler believes to be sent, and that is held back. */
export interface Captured {
  /** What the handler has answered, once it has ended. @throws response-unreplayable */
  readonly answer: Promise<RawAnswer>;
  /** Whether the handler can still answer. */
  readonly open: boolean;
  /** Takes the handler's hands off the response and writes what its client shall see. */
  send(reply: Reply): void;
}

type Headers = ReturnType<ServerResponse["getHeaders"]>;
type Callback = (error?: Error) => void;

/**
 * Holds back everything that handlers do to a response of node:http. A client that goes away is
 * hidden from them too, so that an operation ends the same way with and without it.
 *
 * @param bytesMax more than this is not held: the answer rejects
 */
export function capture(response: ServerResponse, bytesMax: number): Captured {
  const before = { headers: { ...response.getHeaders() }, message: response.statusMessage };
  const held = hold(response, bytesMax);
  const over = override(response, handsOf(response, held), held);
  held.changed = over.show;
  return {
    answer: held.answer,
    get open() {
      return held.state === "open";
    },
    send(reply) {
      over.restore();
      const ended = held.state === "ended";
      const own = reply.source === "first" && ended;
      if (!own) reset(response, before.headers, before.message);
      writeReply(response, own ? { ...reply, headers: [] } : reply);
      if (!ended) mute(response);
    },
  };
}

/** What a handler has done so far, and what it may do. */
interface Held {
  readonly state: View["state"];
  /** Told of every change of the state. */
  changed: () => void;
  readonly answer: Promise<RawAnswer>;
  readonly listeners: Listeners;
  /** Runs a part of the response's life; an error of ours ends it. */
  guarded(work: () => void): void;
  /** The status line and the headers are fixed, as far as the handler can tell. */
  head(): void;
  begin(status: number): void;
  add(chunk: unknown, encoding: unknown): void;
  end(): void;
  fail(error: unknown): void;
}

function hold(response: ServerResponse, bytesMax: number): Held {
  const listeners = createListeners(response);
  const body = createBody(bytesMax);
  const answer = Promise.withResolvers<RawAnswer>();
  // Nobody may be waiting yet when a handler fails at once.
  answer.promise.catch(() => undefined);
  let state: Held["state"] = "open";
  let status: number | undefined;
  let statusOfBody: number | undefined;
  return {
    get state() {
      return state;
    },
    changed: () => undefined,
    answer: answer.promise,
    listeners,
    guarded(work) {
      try {
        if (state === "open") work();
      } catch (error) {
        if (!(error instanceof NevertwiceError)) throw error;
        this.fail(error);
      }
    },
    head() {
      // Called on the response itself, so that hooks round `writeHead` run as they always do.
      if (status === undefined) response.writeHead(response.statusCode);
      refuseEventStream(response.getHeader("content-type"));
    },
    begin(given) {
      status = given;
    },
    add(chunk, encoding) {
      statusOfBody ??= response.statusCode;
      body.add(chunk, encoding);
    },
    end() {
      const { statusCode } = response;
      if (statusOfBody !== undefined && statusOfBody !== statusCode)
        throw unreplayable(`Its status was ${statusOfBody} first and ${statusCode} at its end.`);
      state = "ended";
      this.changed();
      answer.resolve(toAnswer(response, body.bytes()));
    },
    fail(error) {
      if (state !== "open") return;
      state = "failed";
      this.changed();
      answer.reject(error);
      // A source that is piped here stops only when its destination closes.
      queueMicrotask(() => listeners.release(["close"]));
    },
  };
}

/** The methods that handlers find on a response that is held back. */
function handsOf(response: ServerResponse, held: Held): Hands {
  const write = (chunk: unknown, encoding?: unknown, callback?: Callback): boolean => {
    const done = typeof encoding === "function" ? (encoding as Callback) : callback;
    held.guarded(() => {
      held.head();
      held.add(chunk, encoding);
    });
    if (done) queueMicrotask(() => done());
    return held.state === "open";
  };
  const end = (chunk?: unknown, encoding?: unknown, callback?: Callback): ServerResponse => {
    const done = [chunk, encoding, callback].find((value) => typeof value === "function");
    held.guarded(() => {
      held.head();
      if (chunk !== undefined && chunk !== null && chunk !== done) held.add(chunk, encoding);
      held.end();
    });
    queueMicrotask(() => {
      (done as Callback | undefined)?.();
      if (held.state === "ended") held.listeners.release(ENDINGS);
    });
    return response;
  };
  const writeHead = (status: number, reason?: unknown, headers?: unknown): ServerResponse => {
    held.begin(applyHead(response, status, reason, headers));
    return response;
  };
  const destroy = (): ServerResponse => {
    held.fail(unreplayable("The handler destroyed it before its end."));
    return response;
  };
  const flushHeaders = (): void => held.guarded(held.head);
  return { write, end, writeHead, flushHeaders, destroy, emit: held.listeners.emit };
}

/** Writes a reply over the headers that are there. */
export function writeReply(response: ServerResponse, reply: Reply): void {
  if (response.destroyed) return;
  response.removeHeader("transfer-encoding");
  // Node counts no bytes for a response whose length was ever removed, and without a length the
  // connection could not be used again.
  if (hasBody(reply.status)) response.setHeader("content-length", reply.body.length);
  else response.removeHeader("content-length");
  for (const [name] of reply.headers) response.removeHeader(name);
  for (const [name, value] of reply.headers) response.appendHeader(name, value);
  response.statusCode = reply.status;
  endWith(response, reply.body);
}

/** Up to here a copy costs less than a second piece of the write. */
const ONE_PIECE_BYTES_MAX = 16_384;

/** Ends with these very bytes: latin1 is one character a byte, and travels with the head. */
function endWith(response: ServerResponse, body: Uint8Array): void {
  if (body.length === 0 || body.length > ONE_PIECE_BYTES_MAX) return void response.end(body);
  response.end(Buffer.from(body.buffer, body.byteOffset, body.length).toString("latin1"), "latin1");
}

function reset(response: ServerResponse, headers: Headers, message: string): void {
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined) response.setHeader(name, value);
  response.statusMessage = message;
}

/** A handler that outlives its answer must not disturb the connection that serves others now. */
function mute(response: ServerResponse): void {
  const same = (): ServerResponse => response;
  const silent = { setHeader: same, appendHeader: same, writeHead: same, end: same };
  Object.assign(response, silent, {
    removeHeader: () => undefined,
    flushHeaders: () => undefined,
    write: () => false,
  });
}
