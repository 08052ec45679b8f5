import type { Operation } from "../core/handle.ts";
import type { Once } from "../core/once.ts";
import { collectWeb, letGo, readBody } from "./body.ts";
import { type Exchange, handle, type RawAnswer } from "./handle.ts";
import { asClientError, problemOfError } from "./problem.ts";
import {
  doorOf,
  handleOptions,
  type OperationProtectOptions,
  passesBy,
  type WrapOptions,
} from "./protect.ts";
import { toResponse } from "./web-response.ts";
import { readWhole, refuseEventStream } from "./whole.ts";

export { webhook } from "./web-webhook.ts";

export type WebHandler = (request: Request) => Response | Promise<Response>;
export type ProtectedHandler = (request: Request) => Promise<Response>;

/**
 * A web-standard handler for a declared operation.
 *
 * @throws option-invalid, scope-missing when mounted
 * @example export const POST = protect(checkout, { scope: accountOf });
 */
export function protect(
  operation: Operation<never, unknown>,
  options: OperationProtectOptions<Request>,
): ProtectedHandler;
/**
 * Puts the protection round a web-standard handler that exists already.
 *
 * @example const POST = protect(once, { name: "orders", scope, afterCrash: "doubt" }, createOrder);
 */
export function protect<Tx>(
  once: Once<Tx, never>,
  options: WrapOptions<Request>,
  handler: WebHandler,
): ProtectedHandler;
export function protect(
  target: object,
  options: OperationProtectOptions<Request> | WrapOptions<Request>,
  handler?: WebHandler,
): ProtectedHandler {
  const door = doorOf(target, options);
  const settings = handleOptions(options);
  return async (request) => {
    if (
      handler &&
      passesBy(
        request.method,
        request.headers.get("idempotency-key") ?? undefined,
        options as WrapOptions<Request>,
      )
    )
      return handler(request);
    // The handler gets a request of its own, because reading a body uses it up.
    const copy = handler && request.clone();
    let began = false;
    try {
      const exchange = await toExchange(request, options, door.ports.settings.requestBytesMax);
      let first: Response | undefined;
      const opaque = async (): Promise<RawAnswer> => {
        began = true;
        first = await (handler as WebHandler)(copy as Request);
        return readAnswer(first, door.ports.settings.responseBytesMax);
      };
      const reply = await handle(door, exchange, settings, handler && opaque);
      // A handler that goes on behind its client's back may still read.
      if (!began) letGo(copy?.body);
      return toResponse(reply, reply.source === "first" ? first : undefined);
    } catch (error) {
      if (!began) letGo(copy?.body);
      const known = asClientError(error);
      if (known) return toResponse(problemOfError(known), undefined);
      throw error;
    }
  };
}

async function readAnswer(response: Response, bytesMax: number): Promise<RawAnswer> {
  const { status, headers, body } = response;
  try {
    refuseEventStream(headers.get("content-type"));
  } catch (error) {
    await body?.cancel();
    throw error;
  }
  const bytes = body ? await readWhole(body, bytesMax) : EMPTY;
  return { status, headers, body: bytes };
}

const EMPTY = new Uint8Array(0);

async function toExchange(
  request: Request,
  options: OperationProtectOptions<Request>,
  bytesMax: number,
): Promise<Exchange> {
  const scope = await options.scope(request);
  const inputOf = options.input;
  const copy = inputOf && request.clone();
  const fingerprint = options.fingerprint
    ? { fingerprint: await options.fingerprint(request.clone()) }
    : {};
  const bytes = await collectWeb(request.body, bytesMax).catch((error: unknown) => {
    letGo(copy?.body);
    throw error;
  });
  const { pathname, search } = new URL(request.url);
  const body = readBody(bytes, request.headers.get("content-type") ?? undefined);
  const input = inputOf ? { input: await inputOf(copy as Request) } : {};
  return {
    method: request.method,
    url: pathname + search,
    scope,
    body,
    ...input,
    ...fingerprint,
    header: (name) => request.headers.get(name) ?? undefined,
  };
}
