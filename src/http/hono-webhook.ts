import type { EventHandlers, InboxOptions } from "../core/inbox/declaration.ts";
import type { Once } from "../core/once.ts";
import type { WebhookProvider } from "../model/delivery.ts";
import type { CallbackMode } from "../store.ts";
import { collectWeb } from "./body.ts";
import { headOf, readOnce, respond } from "./web-webhook.ts";
import { receiverOf } from "./webhook.ts";

/** What is used of Hono's context. */
export interface HonoWebhookContext {
  readonly req: {
    readonly raw: Request;
    /** What middleware has read, as it was read. */
    readonly bodyCache: object;
    arrayBuffer(): Promise<ArrayBuffer>;
  };
}

/**
 * A handler that takes the webhooks of a provider in, each event once.
 *
 * @throws option-invalid, capability-missing when mounted
 * @example app.post("/webhooks/stripe", webhook(once, stripeWebhook({ secret }), {
 *   "payment_intent.succeeded": (tx, event) => markPaid(tx, event),
 * }));
 */
export function webhook<Tx, Mode extends CallbackMode, Objects = object>(
  once: Once<Tx, Mode>,
  provider: WebhookProvider,
  handlers: EventHandlers<NoInfer<Tx>, NoInfer<Mode>>,
  options?: InboxOptions<NoInfer<Tx>, NoInfer<Mode>, Objects>,
): (context: HonoWebhookContext) => Promise<Response> {
  const receive = receiverOf(once, provider, handlers, options);
  return async ({ req }) => {
    const readBody = (bytesMax: number): Promise<Uint8Array> => readRequest(req, bytesMax);
    return respond(await receive({ ...headOf(req.raw), readBody }));
  };
}

/** Reads a copy, since middleware may look at the body later; what it has read, Hono has kept. */
async function readRequest(req: HonoWebhookContext["req"], bytesMax: number): Promise<Uint8Array> {
  if (!req.raw.bodyUsed) return collectWeb(req.raw.clone().body, bytesMax);
  // Hono makes the bytes of what it has kept first; a form or a value would be written anew.
  const [first = ""] = Object.keys(req.bodyCache);
  const exact = "arrayBuffer" in req.bodyCache || first === "blob" || first === "text";
  return exact ? new Uint8Array(await req.arrayBuffer()) : readOnce(req.raw, bytesMax);
}
