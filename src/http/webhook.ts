import type { EventHandlers, InboxOptions } from "../core/inbox/declaration.ts";
import type { Inbox } from "../core/inbox/inbox.ts";
import type { Once } from "../core/once.ts";
import type { Acknowledgement, Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { isNevertwiceError, NevertwiceError } from "../model/errors.ts";
import type { CallbackMode } from "../store.ts";
import { asClientError, problemOfError } from "./problem.ts";
import type { Reply } from "./reply.ts";

/** A delivery whose bytes nobody has read yet. */
export interface Arriving extends Omit<Delivery, "body"> {
  /**
   * The bytes as they were sent; reads no further than the limit.
   *
   * @throws body-too-large, body-parsed
   */
  readBody(bytesMax: number): Promise<Uint8Array>;
}

/** What an adapter mounts: everything is decided, only the framework is left out. */
export type Receiver = (arriving: Arriving) => Promise<Reply>;

/** Declares the inbox of a webhook. @throws option-invalid, capability-missing */
export function receiverOf<Tx, Mode extends CallbackMode, Objects>(
  once: Once<Tx, Mode>,
  provider: WebhookProvider,
  handlers: EventHandlers<Tx, Mode>,
  options: InboxOptions<Tx, Mode, Objects> | undefined,
): Receiver {
  if (typeof once?.inbox !== "function")
    throw invalid("webhook() takes what nevertwice() returned first.");
  checkProvider(provider);
  if (typeof handlers !== "object" || handlers === null)
    throw invalid("The third argument of webhook() holds the handlers by the type of their event.");
  const inbox = once.inbox(provider, handlers, options);
  return (arriving) => receive(inbox, provider, arriving);
}

/**
 * The one decision of all doors of webhooks: who sent a delivery, whether its events are kept, and
 * what the provider is told. Errors of the service itself are thrown on to the framework.
 *
 * @throws body-parsed, and what the provider's code throws besides its refusals
 */
async function receive(
  inbox: Inbox,
  provider: WebhookProvider,
  arriving: Arriving,
): Promise<Reply> {
  // Some providers ask by GET whether the endpoint is theirs; what is signed there counts too.
  if (arriving.method !== "POST" && arriving.method !== "GET") return NOT_ALLOWED;
  const { events, clock } = inbox.door;
  let reading: Reading;
  try {
    reading = await provider.read(await toDelivery(arriving, provider.bytesMax), clock.wall());
  } catch (error) {
    const refused = asClientError(error);
    if (refused === undefined) throw error;
    events.emit({ type: "webhook.refused", source: inbox.source, code: refused.code });
    return problemOfError(refused);
  }
  if (reading.kind === "handshake") return replyOf(reading.answer);
  try {
    await inbox.accept(reading.events);
  } catch (error) {
    if (!isNevertwiceError(error, "store-unavailable")) throw error;
    events.emit({ type: "inbox.failed", source: inbox.source, error: error.cause ?? error });
    return problemOfError(error);
  }
  return replyOf(provider.acknowledgement);
}

async function toDelivery(arriving: Arriving, bytesMax: number): Promise<Delivery> {
  const { method, url } = arriving;
  const [announced = "0"] = arriving.header("content-length");
  checkLength(Number(announced), bytesMax);
  const body = await arriving.readBody(bytesMax);
  // What somebody else has read had another limit.
  checkLength(body.length, bytesMax);
  return { method, url, body, header: (name) => arriving.header(name) };
}

function checkLength(length: number, bytesMax: number): void {
  if (length > bytesMax)
    throw new NevertwiceError("body-too-large", `The limit is ${bytesMax} bytes.`);
}

/** The very bytes that the provider waits for, and no header beside their type. */
function replyOf({ status, contentType, body = "" }: Acknowledgement): Reply {
  const type = contentType ?? (body === "" ? undefined : "text/plain; charset=utf-8");
  const headers: [string, string][] = type === undefined ? [] : [["content-type", type]];
  return { status, headers, body: Buffer.from(body, "utf8"), source: "first" };
}

const NOT_ALLOWED: Reply = {
  status: 405,
  headers: [["allow", "GET, POST"]],
  body: new Uint8Array(0),
  source: "problem",
};

function checkProvider(provider: Partial<WebhookProvider> | undefined): void {
  const { source, bytesMax, acknowledgement, read } = provider ?? {};
  if (
    typeof source !== "string" ||
    typeof bytesMax !== "number" ||
    typeof acknowledgement?.status !== "number" ||
    typeof read !== "function"
  )
    throw invalid("webhook() takes a provider second, such as `stripeWebhook({ secret })`.");
}

function invalid(detail: string): NevertwiceError {
  return new NevertwiceError("option-invalid", detail);
}
