import type { Door, Operation } from "../core/handle.ts";
import type { Once } from "../core/once.ts";
import {
  type FastifyReply,
  type FastifyRequest,
  orProblem,
  toExchange,
  writeReply,
} from "./fastify-exchange.ts";
import { type FastifyPlugin, wrapPlugin } from "./fastify-plugin.ts";
import { handle } from "./handle.ts";
import {
  doorOf,
  handleOptions,
  type OperationProtectOptions,
  type WrapOptions,
} from "./protect.ts";

export type { FastifyPlugin, FastifyServer } from "./fastify-plugin.ts";
export { webhook } from "./fastify-webhook.ts";
export type { FastifyReply, FastifyRequest };

export type FastifyHandler<Request> = (request: Request, reply: FastifyReply) => void;

/**
 * A route handler for a declared operation.
 *
 * @throws option-invalid, scope-missing when mounted
 * @example app.post("/checkout", protect(checkout, { scope: (request) => request.account }));
 */
export function protect<Request extends FastifyRequest>(
  operation: Operation<never, unknown>,
  options: OperationProtectOptions<Request>,
): FastifyHandler<Request>;
/**
 * A plugin that puts the protection round the routes of the instance that registers it.
 *
 * @example app.register(protect(once, { name: "orders", scope: accountOf, afterCrash: "doubt" }));
 */
export function protect<Request extends FastifyRequest, Tx>(
  once: Once<Tx, never>,
  options: WrapOptions<Request>,
): FastifyPlugin;
export function protect<Request extends FastifyRequest>(
  target: object,
  options: OperationProtectOptions<Request> | WrapOptions<Request>,
): FastifyHandler<Request> | FastifyPlugin {
  const door = doorOf(target, options);
  return door.definition.form === "opaque"
    ? wrapPlugin(door, options as WrapOptions<Request>)
    : routeHandler(door, options);
}

function routeHandler<Request extends FastifyRequest>(
  door: Door,
  options: OperationProtectOptions<Request>,
): FastifyHandler<Request> {
  const settings = handleOptions(options);
  return (request, reply) => {
    orProblem(async () => handle(door, await toExchange(request, options), settings))
      .then((decided) => reply.send((writeReply(reply, decided) ?? undefined) as never))
      .catch((error: unknown) => reply.send(error as never));
  };
}
