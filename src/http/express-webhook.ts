import type { ServerResponse } from "node:http";
import type { EventHandlers, InboxOptions } from "../core/inbox/declaration.ts";
import type { Once } from "../core/once.ts";
import type { WebhookProvider } from "../model/delivery.ts";
import type { CallbackMode } from "../store.ts";
import { headerValues, readUntouched } from "./node-delivery.ts";
import type { NodeRequest } from "./node-request.ts";
import { writeReply } from "./node-response.ts";
import { receiverOf } from "./webhook.ts";

/** A request that a framework on top of Express may have kept the bytes of. */
export interface WebhookRequest extends NodeRequest {
  readonly rawBody?: unknown;
}

export type WebhookHandler = (
  request: WebhookRequest,
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

const MEND =
  'Mount it above express.json(), or give its path express.raw({ type: "*/*" }). Under Nest, ' +
  "create the application with { rawBody: true }.";

/**
 * A handler that takes the webhooks of a provider in, each event once. It reads the body itself;
 * the bytes that express.raw() or a `rawBody` have kept will do too.
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
): WebhookHandler {
  const receive = receiverOf(once, provider, handlers, options);
  return (request, response, next) => {
    const { method = "", originalUrl, url = "" } = request;
    receive({
      method,
      url: originalUrl ?? url,
      header: (name) => headerValues(request, name),
      readBody: async (bytesMax) =>
        keptBytes(request) ?? readUntouched(request, request, bytesMax, MEND),
    })
      .then((reply) => writeReply(response, reply))
      .catch(next);
  };
}

function keptBytes({ body, rawBody }: WebhookRequest): Uint8Array | undefined {
  return [body, rawBody].find((one) => one instanceof Uint8Array);
}
