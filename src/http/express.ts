import type { ServerResponse } from "node:http";
import type { Operation } from "../core/handle.ts";
import type { Once } from "../core/once.ts";
import { handle, type RawAnswer } from "./handle.ts";
import { headerOf, type NodeRequest, toExchange } from "./node-request.ts";
import { type Captured, capture, writeReply } from "./node-response.ts";
import { asClientError, problemOfError } from "./problem.ts";
import {
  doorOf,
  handleOptions,
  type OperationProtectOptions,
  passesBy,
  type WrapOptions,
} from "./protect.ts";
import { READ_FACTOR, withoutAsync } from "./whole.ts";

export { webhook } from "./express-webhook.ts";

export type Next = (error?: unknown) => void;

/** A handler of Express 4 or 5, or of anything else that speaks its language. */
export type ExpressHandler<Request, Response> = (
  request: Request,
  response: Response,
  next: Next,
) => unknown;

/** What `protect` gives, to be mounted. */
export type ExpressMiddleware<Request, Response> = (
  request: Request,
  response: Response,
  next: Next,
) => void | Promise<void>;

/**
 * A handler for a declared operation. It takes what a body parser left, or reads the body itself.
 *
 * @throws option-invalid, scope-missing when mounted
 * @example app.post("/checkout", requireUser, protect(checkout, { scope: accountOf }));
 */
export function protect<Request extends NodeRequest, Response extends ServerResponse>(
  operation: Operation<never, unknown>,
  options: OperationProtectOptions<Request>,
): ExpressMiddleware<Request, Response>;
/**
 * Puts the protection round handlers that exist already: those behind it, or the one handed in,
 * whose promise is awaited too. Mount the body parser before it.
 *
 * @throws option-invalid, scope-missing when mounted
 * @example app.use("/orders", protect(once, { name: "orders", scope, afterCrash: "doubt" }));
 */
export function protect<Request extends NodeRequest, Response extends ServerResponse, Tx>(
  once: Once<Tx, never>,
  options: WrapOptions<Request>,
  handler?: ExpressHandler<Request, Response>,
): ExpressMiddleware<Request, Response>;
export function protect<Request extends NodeRequest>(
  target: object,
  options: OperationProtectOptions<Request> | WrapOptions<Request>,
  handler?: ExpressHandler<Request, ServerResponse>,
): ExpressMiddleware<Request, ServerResponse> {
  const door = doorOf(target, options);
  const settings = handleOptions(options);
  const { requestBytesMax, responseBytesMax } = door.ports.settings;
  const wraps = door.definition.form === "opaque";
  const respond: ExpressHandler<Request, ServerResponse> = async (request, response, next) => {
    let captured: Captured | undefined;
    const opaque = (): Promise<RawAnswer> => {
      const held = capture(response, READ_FACTOR * responseBytesMax);
      captured = held;
      if (handler) return run(handler, held, request, response, next).then(() => held.answer);
      next();
      return held.answer;
    };
    try {
      const exchange = await toExchange(request, options, requestBytesMax, !wraps);
      const given = wraps ? withoutAsync(exchange) : exchange;
      const reply = await handle(door, given, settings, wraps ? opaque : undefined);
      if (captured) captured.send(reply);
      else writeReply(response, reply);
    } catch (error) {
      captured?.release();
      const known = asClientError(error);
      if (known) writeReply(response, problemOfError(known));
      else next(error);
    }
  };
  return (request, response, next) => {
    const key = headerOf(request, "idempotency-key");
    if (!wraps || !passesBy(request.method ?? "", key, options as WrapOptions<Request>))
      return void respond(request, response, next);
    return handler ? (handler(request, response, next) as undefined) : next();
  };
}

/** Work after the end of the response belongs to the operation, so both are waited for. */
async function run<Request, Response>(
  handler: ExpressHandler<Request, Response>,
  captured: Captured,
  request: Request,
  response: Response,
  next: Next,
): Promise<void> {
  try {
    await handler(request, response, next);
  } catch (error) {
    // The application's own error handlers answer, as they would without the protection.
    if (captured.isOpen()) return next(error);
    await captured.answer;
    throw error;
  }
}
