import type { EventHandlers, InboxOptions } from "../core/inbox/declaration.ts";
import type { Once } from "../core/once.ts";
import type { WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { CallbackMode } from "../store.ts";
import { collectWeb } from "./body.ts";
import type { Reply } from "./reply.ts";
import { toResponse } from "./web-response.ts";
import { type Arriving, receiverOf } from "./webhook.ts";

/**
 * A web-standard handler that takes the webhooks of a provider in, each event once.
 *
 * @throws option-invalid, capability-missing when mounted
 * @example export const POST = webhook(once, stripeWebhook({ secret }), {
 *   "payment_intent.succeeded": (tx, event) => markPaid(tx, event),
 * });
 */
export function webhook<Tx, Mode extends CallbackMode, Objects = object>(
  once: Once<Tx, Mode>,
  provider: WebhookProvider,
  handlers: EventHandlers<NoInfer<Tx>, NoInfer<Mode>>,
  options?: InboxOptions<NoInfer<Tx>, NoInfer<Mode>, Objects>,
): (request: Request) => Promise<Response> {
  const receive = receiverOf(once, provider, handlers, options);
  return async (request) => {
    const readBody = (bytesMax: number): Promise<Uint8Array> => readOnce(request, bytesMax);
    return respond(await receive({ ...headOf(request), readBody }));
  };
}

/** A delivery without its body. The standard joins the values of a header with commas. */
export function headOf({ method, url, headers }: Request): Omit<Arriving, "readBody"> {
  const { pathname, search } = new URL(url);
  const header = (name: string): string[] => [headers.get(name) ?? []].flat();
  return { method, url: pathname + search, header };
}

/** @throws body-parsed, body-too-large */
export async function readOnce(request: Request, bytesMax: number): Promise<Uint8Array> {
  if (request.bodyUsed)
    throw new NevertwiceError("body-parsed", "Hand the request on unread, or read a clone of it.");
  return collectWeb(request.body, bytesMax);
}

/** No bytes are no body, so that no server gives them a type; but their length is told. */
export function respond(reply: Reply): Response {
  if (reply.body.length > 0) return toResponse(reply, undefined);
  const { status } = reply;
  const headers = new Headers(
    reply.headers.map(([name, value]): [string, string] => [name, value]),
  );
  if (status !== 204 && status !== 304) headers.set("content-length", "0");
  return new Response(null, { status, headers });
}
