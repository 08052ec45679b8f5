import type { ServerResponse } from "node:http";
import { NevertwiceError } from "../model/errors.ts";
import type { RawAnswer } from "./handle.ts";
import {
  type Before,
  type Hands,
  override,
  remember,
  restore,
  show,
  tellEarlier,
  tellSince,
} from "./node-override.ts";
import {
  applyHead,
  type Body,
  createBody,
  type Headers,
  hasBody,
  headersOf,
  toAnswer,
  unreplayable,
} from "./node-writing.ts";
import type { Reply } from "./reply.ts";
import { refuseEventStream } from "./whole.ts";

/** A response that its handler believes to be sent, and that is held back. */
export interface Captured {
  /** What the handler has answered, once it has ended. @throws response-unreplayable */
  readonly answer: Promise<RawAnswer>;
  /** Whether the handler can still answer. A getter would cost each response a hidden class. */
  isOpen(): boolean;
  /** Takes the handler's hands off the response and writes what its client shall see. */
  send(reply: Reply): void;
  /** Takes them off and leaves the response as it was, unless something was sent. */
  release(): void;
}

type Callback = (error?: Error) => void;

/**
 * Holds back everything that handlers do to a response of node:http. A client that goes away is
 * hidden from them too, so that an operation ends the same way with and without it.
 *
 * @param bytesMax more than this is not held: the answer rejects
 */
export function capture(response: ServerResponse, bytesMax: number): Captured {
  const headers = headersOf(response);
  const message = response.statusMessage;
  const held = hold(response, bytesMax);
  const { statusCode } = response;
  let released = false;
  return {
    answer: held.answer.promise,
    isOpen: () => held.state === "open",
    release() {
      if (released) return;
      released = true;
      restore(response, held.before, held.gone);
      reset(response, headers, message);
      response.statusCode = statusCode;
    },
    send(reply) {
      released = true;
      restore(response, held.before, held.gone);
      const ended = held.state === "ended";
      const own = reply.source === "first" && ended;
      if (!own) reset(response, headers, message);
      writeReply(response, own ? { ...reply, headers: [] } : reply);
      // Middleware may have put the end off; until then the head is still to be written.
      if (!ended && response.headersSent) mute(response);
      else if (!ended) response.once("prefinish", () => mute(response));
    },
  };
}

/** What a handler has done so far to its response. */
interface Held {
  readonly response: ServerResponse;
  readonly before: Before;
  state: "open" | "ended" | "failed";
  /** Whether the client has left. */
  gone: boolean;
  status: number | undefined;
  statusOfBody: number | undefined;
  readonly body: Body;
  readonly answer: PromiseWithResolvers<RawAnswer>;
}

function hold(response: ServerResponse, bytesMax: number): Held {
  const answer = Promise.withResolvers<RawAnswer>();
  // Nobody may be waiting yet when a handler fails at once.
  answer.promise.catch(() => undefined);
  const held: Held = {
    response,
    before: remember(response),
    state: "open",
    gone: false,
    status: undefined,
    statusOfBody: undefined,
    body: createBody(bytesMax),
    answer,
  };
  override(response, HANDS, held);
  return held;
}

/** Runs a part of the response's life; an error of ours ends it. */
function guarded(held: Held, work: () => void): void {
  try {
    if (held.state === "open") work();
  } catch (error) {
    if (!(error instanceof NevertwiceError)) throw error;
    failWith(held, error);
  }
}

/** The status line and the headers are fixed, as far as the handler can tell. */
function fixHead({ response, status }: Held): void {
  // Called on the response itself, so that hooks round `writeHead` run as they always do.
  if (status === undefined) response.writeHead(response.statusCode);
  refuseEventStream(response.getHeader("content-type"));
}

function add(held: Held, chunk: unknown, encoding: unknown): void {
  held.statusOfBody ??= held.response.statusCode;
  held.body.add(chunk, encoding);
}

function finish(held: Held): void {
  const { response, statusOfBody } = held;
  const { statusCode } = response;
  if (statusOfBody !== undefined && statusOfBody !== statusCode)
    throw unreplayable(`Its status was ${statusOfBody} first and ${statusCode} at its end.`);
  held.state = "ended";
  show(response, held);
  held.answer.resolve(toAnswer(response, held.body.bytes()));
}

function failWith(held: Held, error: unknown): void {
  if (held.state !== "open") return;
  held.state = "failed";
  show(held.response, held);
  held.answer.reject(error);
  // A source that is piped here stops only when its destination closes.
  queueMicrotask(() => tellSince(held.response, held.before, ["close"]));
}

/** The methods that handlers find on a response that is held back, bound to what is held. */
const HANDS: Hands = {
  write(this: Held, chunk: unknown, encoding?: unknown, callback?: Callback): boolean {
    const done = typeof encoding === "function" ? (encoding as Callback) : callback;
    guarded(this, () => {
      fixHead(this);
      add(this, chunk, encoding);
    });
    if (done) queueMicrotask(() => done());
    return this.state === "open";
  },
  end(this: Held, chunk?: unknown, encoding?: unknown, callback?: Callback): ServerResponse {
    const done = [chunk, encoding, callback].find((value) => typeof value === "function");
    guarded(this, () => {
      fixHead(this);
      if (chunk !== undefined && chunk !== null && chunk !== done) add(this, chunk, encoding);
      finish(this);
    });
    queueMicrotask(() => {
      (done as Callback | undefined)?.();
      if (this.state === "ended") tellSince(this.response, this.before);
    });
    return this.response;
  },
  writeHead(this: Held, status: number, reason?: unknown, headers?: unknown): ServerResponse {
    this.status = applyHead(this.response, status, reason, headers);
    return this.response;
  },
  flushHeaders(this: Held): void {
    guarded(this, () => fixHead(this));
  },
  destroy(this: Held): ServerResponse {
    failWith(this, unreplayable("The handler destroyed it before its end."));
    return this.response;
  },
  emit(this: Held, ...event: unknown[]): boolean {
    const { response, before } = this;
    if (event[0] !== "close") return before.hands.emit.apply(response, event as never) as boolean;
    // The server marks a response whose client has gone, and then says so.
    this.gone = true;
    show(response, this);
    tellEarlier(response, before);
    return true;
  },
};

/** Writes a reply over the headers that are there. */
export function writeReply(response: ServerResponse, reply: Reply): void {
  // Somebody before us may have answered by now, as middleware with a time limit does.
  if (response.destroyed || response.headersSent) return;
  response.removeHeader("transfer-encoding");
  // Trailers need chunks, and this answer has a length.
  response.removeHeader("trailer");
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
  for (const [name, value] of headers) response.setHeader(name, value);
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
