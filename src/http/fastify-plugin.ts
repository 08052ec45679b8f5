import { tracingChannel } from "node:diagnostics_channel";
import { Readable } from "node:stream";
import type { Door } from "../core/handle.ts";
import {
  type FastifyReply,
  type FastifyRequest,
  headerOf,
  orProblem,
  restoreHeaders,
  toExchange,
  writeReply,
} from "./fastify-exchange.ts";
import { guardRaw, override } from "./fastify-raw.ts";
import { type HandleOptions, handle, type RawAnswer } from "./handle.ts";
import { handleOptions, passesBy, type WrapOptions } from "./protect.ts";
import type { Reply } from "./reply.ts";
import { answeredError, readWhole, refuseEventStream, withoutAsync } from "./whole.ts";

/** What is used of a Fastify instance. */
export interface FastifyServer {
  addHook(name: never, hook: never): unknown;
}

export type FastifyPlugin = (server: FastifyServer, options: unknown, done: () => void) => void;

/** One protected request on its way through the hooks that follow. */
interface Passage {
  /** What goes to the client, once it is known. */
  readonly reply: Promise<Reply>;
  /** The payload that the handler has sent. */
  readonly payload: PromiseWithResolvers<unknown>;
  /** The headers that earlier hooks have set; a refused handler's own are taken back. */
  readonly before: ReturnType<FastifyReply["getHeaders"]>;
  /** The last error that Fastify made an answer of. */
  error: unknown;
  /** Whether the handler or this plugin has sent anything. */
  sent: boolean;
  /** Whether Fastify goes on alone: the decided reply is written, or the service has failed. */
  left: boolean;
}

interface Mount<Request> {
  readonly door: Door;
  readonly options: WrapOptions<Request>;
  readonly settings: HandleOptions;
}

/** Hooks round the routes of the instance that registers them, and of its children. */
export function wrapPlugin<Request extends FastifyRequest>(
  door: Door,
  options: WrapOptions<Request>,
): FastifyPlugin {
  const settings = handleOptions(options);
  const passages = new WeakMap<object, Passage>();

  return plugin((server) => {
    const hook = (name: string, run: unknown): unknown =>
      server.addHook(name as never, run as never);
    hook("preHandler", (request: Request, reply: FastifyReply, done: () => void) => {
      const key = headerOf(request, "idempotency-key");
      const passing = request.is404 || passages.has(request);
      if (passing || passesBy(request.method, key, options)) done();
      else passages.set(request, begin({ door, options, settings }, request, reply, done));
    });
    hook("onError", (request: Request, _reply: unknown, error: unknown, done: () => void) => {
      const passage = passages.get(request);
      if (passage) passage.error = error;
      done();
    });
    hook("onSend", async (request: Request, reply: FastifyReply, payload: unknown) => {
      const passage = passages.get(request);
      if (passage === undefined || passage.left) return undefined;
      passage.sent = true;
      passage.payload.resolve(payload);
      const decided = await settled(reply, passage);
      passage.left = true;
      // The handler's own reply has its headers already, those too that are never stored.
      if (decided.source === "first") return writeReply(reply, { ...decided, headers: [] });
      restoreHeaders(reply, passage.before);
      return writeReply(reply, decided);
    });
    hook("onClose", (_server: unknown, done: () => void) => {
      stop();
      done();
    });
    const stop = onHandled((request, reply) => {
      if (passages.get(request)?.sent === false) reply.send();
    });
  });
}

/** Waits for the decision. What a handler throws or sends after its answer is no second one. */
async function settled(reply: FastifyReply, passage: Passage): Promise<Reply> {
  const restore = override(reply, "send", () => reply);
  try {
    return await passage.reply;
  } finally {
    restore();
  }
}

/** Runs the rest of Fastify's hooks and the handler in the operation, or answers without them. */
function begin<Request extends FastifyRequest>(
  { door, options, settings }: Mount<Request>,
  request: Request,
  reply: FastifyReply,
  done: () => void,
): Passage {
  const payload = Promise.withResolvers<unknown>();
  let release: (() => void) | undefined;
  const opaque = async (): Promise<RawAnswer> => {
    release = guardRaw(reply, payload.reject);
    // What follows runs inside this call, so that it finds the current operation.
    done();
    const sent = await payload.promise;
    return readAnswer(reply, sent, passage.error, door.ports.settings.responseBytesMax);
  };
  const decide = async (): Promise<Reply> =>
    handle(door, withoutAsync(await toExchange(request, options)), settings, opaque);
  const passage: Passage = {
    payload,
    before: reply.getHeaders(),
    error: undefined,
    sent: false,
    left: false,
    reply: orProblem(decide).finally(() => release?.()),
  };
  const send = (error?: unknown): void => {
    if (passage.sent) return;
    passage.sent = true;
    reply.send(error as never);
  };
  passage.reply.then(
    () => send(),
    (error: unknown) => {
      passage.left = true;
      send(error);
    },
  );
  return passage;
}

/** Not encapsulated, so that the hooks belong to the instance that registers the plugin. */
function plugin(register: (server: FastifyServer) => void): FastifyPlugin {
  const run: FastifyPlugin = (server, _options, done) => {
    register(server);
    done();
  };
  return Object.assign(run, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("plugin-meta")]: { name: "nevertwice", fastify: ">=5.0.0" },
  });
}

/**
 * Fastify sends nothing for an async handler that returns nothing once the client is gone; but a
 * claimed operation ends whether its client is there or not.
 *
 * @returns what ends the subscription
 */
function onHandled(left: (request: object, reply: FastifyReply) => void): () => void {
  const { asyncEnd } = tracingChannel("fastify.request.handler");
  const hear = (message: unknown): void => {
    const { request, reply, error } = message as Handled;
    if (error === undefined && !reply.sent && "destroyed" in reply.raw && reply.raw.destroyed)
      left(request, reply);
  };
  asyncEnd.subscribe(hear);
  return () => asyncEnd.unsubscribe(hear);
}

interface Handled {
  readonly request: object;
  readonly reply: FastifyReply;
  readonly error?: unknown;
}

async function readAnswer(
  reply: FastifyReply,
  sent: unknown,
  error: unknown,
  bytesMax: number,
): Promise<RawAnswer> {
  const payload = unwrapResponse(reply, sent);
  if (error !== undefined && reply.statusCode >= 500) throw answeredError(reply.statusCode, error);
  const headers = Object.entries(reply.getHeaders()).flatMap(([name, value = []]) =>
    [value].flat().map((one) => [name, String(one)] as const),
  );
  const status = reply.statusCode;
  try {
    refuseEventStream(reply.getHeaders()["content-type"]);
  } catch (refused) {
    abandon(payload);
    throw refused;
  }
  return { status, headers, body: await readPayload(payload, bytesMax) };
}

/** Tells the source of a stream that nobody will read it. */
function abandon(payload: unknown): void {
  if (payload instanceof Readable) payload.destroy();
  if (payload instanceof ReadableStream) void payload.cancel();
}

/** Fastify takes a web response apart after the last hook; here it must be known before. */
function unwrapResponse(reply: FastifyReply, payload: unknown): unknown {
  if (Object.prototype.toString.call(payload) !== "[object Response]") return payload;
  const { status, headers, body } = payload as Response;
  reply.statusCode = status;
  for (const [name, value] of headers) reply.header(name, value);
  return body;
}

async function readPayload(payload: unknown, bytesMax: number): Promise<Uint8Array> {
  if (payload === undefined || payload === null) return new Uint8Array(0);
  if (typeof payload === "string") return Buffer.from(payload, "utf8");
  if (payload instanceof Uint8Array) return payload;
  if (typeof payload === "object" && Symbol.asyncIterator in payload)
    return readWhole(payload as AsyncIterable<Uint8Array>, bytesMax);
  throw new TypeError(`Fastify cannot send a ${typeof payload} either.`);
}
