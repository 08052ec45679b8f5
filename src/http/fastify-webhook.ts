import { Readable } from "node:stream";
import type { EventHandlers, InboxOptions } from "../core/inbox/declaration.ts";
import type { Once } from "../core/once.ts";
import type { WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { CallbackMode } from "../store.ts";
import { type FastifyReply, type FastifyRequest, writeReply } from "./fastify-exchange.ts";
import { headerValues, type NodeHead, readUntouched } from "./node-delivery.ts";
import { type Receiver, receiverOf } from "./webhook.ts";

export interface FastifyWebhookOptions<Tx, Mode extends CallbackMode, Objects = object>
  extends InboxOptions<Tx, Mode, Objects> {
  /** The route's path; a prefix of the instance comes before it. */
  readonly url: string;
}

/** What is used of the Fastify instance that the webhook has to itself. */
export interface FastifyWebhookServer {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: never, parser: never): unknown;
  all(url: never, options: never, handler: never): unknown;
}

export type FastifyWebhookPlugin = (
  server: FastifyWebhookServer,
  options: unknown,
  done: () => void,
) => void;

interface Request extends FastifyRequest {
  readonly raw: NodeHead;
}

/**
 * A plugin with one route that takes the webhooks of a provider in, each event once. It is
 * encapsulated: its route reads the raw bytes, and all others keep their parsers.
 *
 * @throws option-invalid, capability-missing when made
 * @example app.register(webhook(once, stripeWebhook({ secret }), {
 *   "payment_intent.succeeded": (tx, event) => markPaid(tx, event),
 * }, { url: "/webhooks/stripe" }));
 */
export function webhook<Tx, Mode extends CallbackMode, Objects = object>(
  once: Once<Tx, Mode>,
  provider: WebhookProvider,
  handlers: EventHandlers<NoInfer<Tx>, NoInfer<Mode>>,
  options: FastifyWebhookOptions<NoInfer<Tx>, NoInfer<Mode>, Objects>,
): FastifyWebhookPlugin {
  const { url, ...rest } = options ?? {};
  if (typeof url !== "string" || !url.startsWith("/"))
    throw new NevertwiceError("option-invalid", '`url` is the route, such as "/webhooks/stripe".');
  const receive = receiverOf(once, provider, handlers, rest);
  const plugin: FastifyWebhookPlugin = (server, _options, done) => {
    server.removeAllContentTypeParsers();
    const parser = (_request: unknown, body: unknown, parsed: Parsed): void => parsed(null, body);
    server.addContentTypeParser("*" as never, parser as never);
    // A HEAD that is answered as a GET without its body would be taken for a handshake.
    const settings = { exposeHeadRoute: false };
    server.all(url as never, settings as never, routeOf(receive) as never);
    done();
  };
  return plugin;
}

type Parsed = (error: null, body: unknown) => void;

function routeOf(receive: Receiver): (request: Request, reply: FastifyReply) => void {
  return (request, reply) => {
    receive({
      method: request.method,
      url: request.originalUrl,
      header: (name) => headerValues(request.raw, name),
      readBody: (bytesMax) => readBody(request, bytesMax),
    })
      .then((decided) => reply.send((writeReply(reply, decided) ?? undefined) as never))
      .catch((error: unknown) => reply.send(error as never));
  };
}

const MEND = "A hook has read or replaced it; let that hook leave this route alone.";

async function readBody({ body, raw }: Request, bytesMax: number): Promise<Uint8Array> {
  // Fastify calls no parser where no body was announced.
  if (body === undefined || body === null) return new Uint8Array(0);
  if (body instanceof Uint8Array) return body;
  if (body instanceof Readable) return readUntouched(body, raw, bytesMax, MEND);
  throw new NevertwiceError("body-parsed", MEND);
}
