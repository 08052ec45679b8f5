import type { Operation } from "../core/handle.ts";
import type { Once } from "../core/once.ts";
import { collectWeb, readBody } from "./body.ts";
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
import { answeredError, readWhole, refuseEventStream, withoutAsync } from "./whole.ts";

export { webhook } from "./hono-webhook.ts";

/** What is used of Hono's context. */
export interface HonoContext {
  readonly req: {
    readonly raw: Request;
    header(name: string): string | undefined;
    arrayBuffer(): Promise<ArrayBuffer>;
  };
  get res(): Response;
  set res(response: Response | undefined);
  readonly error: Error | undefined;
  readonly finalized: boolean;
}

type Next = () => Promise<void>;

/**
 * A handler for a declared operation.
 *
 * @throws option-invalid, scope-missing when mounted
 * @example app.post("/checkout", protect(checkout, { scope: (c) => c.get("account") }));
 */
export function protect<Context extends HonoContext>(
  operation: Operation<never, unknown>,
  options: OperationProtectOptions<Context>,
): (context: Context) => Promise<Response>;
/**
 * Middleware that puts the protection round handlers that exist already.
 *
 * @example app.use("/orders", protect(once, { name: "orders", scope, afterCrash: "doubt" }));
 */
export function protect<Context extends HonoContext, Tx>(
  once: Once<Tx, never>,
  options: WrapOptions<Context>,
): (context: Context, next: Next) => Promise<Response | undefined>;
export function protect<Context extends HonoContext>(
  target: object,
  options: OperationProtectOptions<Context> | WrapOptions<Context>,
): (context: Context, next: Next) => Promise<Response | undefined> {
  const door = doorOf(target, options);
  const settings = handleOptions(options);
  const { requestBytesMax, responseBytesMax } = door.ports.settings;
  const wraps = door.definition.form === "opaque";
  return async (context, next) => {
    const { raw } = context.req;
    const key = context.req.header("idempotency-key");
    if (wraps && passesBy(raw.method, key, options as WrapOptions<Context>))
      return void (await next());
    const before = new Response(null, context.res);
    let first: Response | undefined;
    const opaque = async (): Promise<RawAnswer> => {
      await next();
      first = context.res;
      return readAnswer(context, responseBytesMax);
    };
    try {
      const exchange = await toExchange(context, options, requestBytesMax);
      const reply = wraps
        ? await handle(door, withoutAsync(exchange), settings, opaque)
        : await handle(door, exchange, settings);
      // The handler's own response has the headers of earlier middleware already.
      return reply.source === "first" && first
        ? replace(context, undefined, toResponse(reply, first))
        : replace(context, before, toResponse(reply, undefined));
    } catch (error) {
      const known = asClientError(error);
      if (known) return replace(context, before, toResponse(problemOfError(known), undefined));
      throw error;
    }
  };
}

/** Hono puts the headers of the response that stands there over those of the new one. */
function replace(context: HonoContext, before: Response | undefined, after: Response): Response {
  for (const name of after.headers.keys()) if (name !== "set-cookie") before?.headers.delete(name);
  context.res = undefined;
  context.res = before;
  context.res = after;
  return context.res;
}

async function toExchange<Context extends HonoContext>(
  context: Context,
  options: OperationProtectOptions<Context>,
  bytesMax: number,
): Promise<Exchange> {
  const { req } = context;
  const { pathname, search } = new URL(req.raw.url);
  const { scope, input, fingerprint } = options;
  const wraps = "afterCrash" in options;
  const stated = wraps ? fingerprint : input;
  return {
    method: req.raw.method,
    url: pathname + search,
    scope: await scope(context),
    body: stated
      ? undefined
      : readBody(await readRequest(context, bytesMax), req.header("content-type")),
    ...(input && !wraps ? { input: await input(context) } : {}),
    ...(fingerprint ? { fingerprint: await fingerprint(context) } : {}),
    header: (name) => req.header(name),
  };
}

/** Reads a copy, because handlers read the body too; what middleware has read, Hono has kept. */
async function readRequest({ req }: HonoContext, bytesMax: number): Promise<Uint8Array> {
  if (req.raw.bodyUsed) return new Uint8Array(await req.arrayBuffer());
  return collectWeb(req.raw.clone().body, bytesMax);
}

async function readAnswer(context: HonoContext, bytesMax: number): Promise<RawAnswer> {
  if (!context.finalized) throw new Error("The handler returned no response.");
  const { res, error } = context;
  const { status, headers } = res;
  if (error && status >= 500) throw answeredError(status, error);
  try {
    refuseEventStream(headers.get("content-type"));
  } catch (refused) {
    await res.body?.cancel();
    throw refused;
  }
  const body = res.body ? await readWhole(res.body, bytesMax) : new Uint8Array(0);
  return { status, headers, body };
}
