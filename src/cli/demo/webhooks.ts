import type { InboxEvent } from "../../core/inbox/event.ts";
import type { Once } from "../../core/once.ts";
import { webhook } from "../../http/web-webhook.ts";
import type { Clock } from "../../model/clock.ts";
import type { SandboxClient } from "../../sandbox/client.ts";
import { after, type Books } from "./bookkeeping.ts";
import { plainEvents, SOURCE, toldBy } from "./plain-events.ts";
import { keepRegistered } from "./registration.ts";
import { WEBHOOK_PATH } from "./routes.ts";
import type { EndpointState, EventRow } from "./state.ts";
import { SHOWN_MAX } from "./state.ts";
import { plainSweep } from "./sweep.ts";
import { problem, type WebHandler } from "./web.ts";
import type { WebhookControl } from "./webhook-control.ts";

export interface WebhookParts {
  readonly once: Once<unknown, "async">;
  readonly books: Books<unknown>;
  readonly provider: SandboxClient;
  readonly control: WebhookControl;
  readonly clock: Clock;
}

/** The shop's endpoint for what its provider tells. */
export interface ShopWebhooks {
  readonly handler: WebHandler;
  state(): EndpointState;
  /** Newest first, each with how often its handler's writes are in the books. */
  events(): Promise<readonly EventRow[]>;
  /** Registers the endpoint, and keeps it registered until the signal ends that. */
  open(url: string, signal: AbortSignal): Promise<void>;
}

/** The shop asks for events that never came this often; so often only because a person watches. */
const SWEEP_MS = 10_000;

/** Each event is entered into the books once, in the transaction that ends it. */
export function shopWebhooks(parts: WebhookParts): ShopWebhooks {
  const { once, books, provider, control, clock } = parts;
  const events = plainEvents();
  const enter = (sign: 1 | -1) => (tx: unknown, event: InboxEvent) => {
    const told = toldBy(event.payload) ?? event.refuse("It tells of no charge.");
    const { chargeId, amount } = told;
    const entry = { eventKey: event.key, chargeId, amount: sign * amount };
    return after(books.enter(tx, entry), (entered) => entered || event.waitFor(orderOf(chargeId)));
  };
  const take = webhook(
    once,
    events,
    { "charge.succeeded": enter(1), "refund.succeeded": enter(-1) },
    { sweep: plainSweep(control, provider, books.store.inbox), sweepEveryMs: SWEEP_MS },
  );
  let state: EndpointState = "unregistered";
  return {
    handler: async (request) =>
      events.isReady() ? take(request) : problem(503, "The endpoint is not registered yet."),
    state: () => state,
    events: () => readEvents(books),
    open: (url, signal) =>
      keepRegistered({
        ...{ control, clock, signal, url: new URL(WEBHOOK_PATH, url).href },
        onSecret: (secret) => {
          events.use(secret);
          state = "registered";
        },
        onAbsent: (cause) => {
          state = "absent";
          process.stderr.write(`The shop goes on without webhooks of its provider: ${cause}.\n`);
        },
      }),
  };
}

/** What an event waits for that came before the order of its charge was settled. */
export function orderOf(chargeId: string): string {
  return `order:${chargeId}`;
}

async function readEvents(books: Books<unknown>): Promise<readonly EventRow[]> {
  const [answer, entered] = await Promise.all([
    books.store.inbox.list({ source: SOURCE, limit: SHOWN_MAX }),
    books.entered(),
  ]);
  if (answer.kind !== "ok") return [];
  return answer.value.map((event) => ({
    key: event.key,
    type: event.type,
    chargeId: event.object.startsWith("charge:") ? event.object.slice("charge:".length) : null,
    route: event.route,
    arrived: event.deliveries,
    state: event.state,
    handled: entered.get(event.key) ?? 0,
    at: event.receivedAt,
    waitsFor: event.waitsFor ?? null,
    error: event.error ?? null,
  }));
}
