import { NevertwiceError } from "../model/errors.ts";
import { ARRIVED_TOPIC } from "../model/message.ts";
import type { CallbackMode } from "../store.ts";
import type { InboxPorts } from "./inbox/accept.ts";
import { createBreaker } from "./inbox/breaker.ts";
import {
  type EventHandlers,
  type InboxDefinition,
  type InboxOptions,
  inboxDefinition,
} from "./inbox/declaration.ts";
import { createInbox, type Inbox } from "./inbox/inbox.ts";
import { type Relay, relayOf } from "./outbox/relay.ts";
import type { OutboxPorts } from "./outbox/send.ts";
import type { Ports } from "./ports.ts";

/** What comes in and goes out beside the operations; undefined where the store keeps none. */
export interface Traffic {
  readonly inbox:
    | { readonly ports: InboxPorts; readonly definitions: Map<string, InboxDefinition> }
    | undefined;
  readonly outbox: { readonly ports: OutboxPorts; readonly relays: Map<string, Relay> } | undefined;
}

export function createTraffic(ports: Ports): Traffic {
  const { inbox, outbox } = ports.store;
  return {
    inbox: inbox && {
      ports: { ...ports, inbox, breaker: createBreaker(ports.clock) },
      definitions: new Map(),
    },
    outbox: outbox && { ports: { ...ports, outbox }, relays: new Map() },
  };
}

/** @throws option-invalid, capability-missing */
export function declareInbox(
  { inbox, outbox }: Traffic,
  source: string,
  handlers: EventHandlers<never, CallbackMode>,
  options: InboxOptions<never, CallbackMode> | undefined,
): Inbox {
  if (inbox === undefined)
    throw new NevertwiceError("capability-missing", "It keeps no events that come in.");
  const definition = inboxDefinition(source, handlers, options);
  if (inbox.definitions.has(source))
    throw new NevertwiceError("option-invalid", `There are two inboxes of the source "${source}".`);
  inbox.definitions.set(source, definition);
  if (outbox && !outbox.relays.has(ARRIVED_TOPIC))
    outbox.relays.set(ARRIVED_TOPIC, arrivals(inbox.ports));
  return createInbox(inbox.ports, definition);
}

/** @throws option-invalid, capability-missing */
export function declareRelay({ outbox }: Traffic, relay: Relay): void {
  if (outbox === undefined)
    throw new NevertwiceError("capability-missing", "It keeps no messages that go out.");
  if (relay.topic === ARRIVED_TOPIC)
    throw new NevertwiceError("option-invalid", "That topic is ours: call `write.arrived(name)`.");
  if (outbox.relays.has(relay.topic))
    throw new NevertwiceError("option-invalid", `There are two relays of "${relay.topic}".`);
  outbox.relays.set(relay.topic, relay);
}

/** Releases parked events; to do it twice is to do it once. */
function arrivals(ports: InboxPorts): Relay {
  const send = async ({ payload }: { readonly payload: unknown }): Promise<void> => {
    const answer = await ports.inbox.arrive(String(payload));
    if (answer.kind !== "ok") throw answer.error;
    if (answer.value > 0) ports.wake();
  };
  return relayOf(ARRIVED_TOPIC, send, { dedupeMs: Number.POSITIVE_INFINITY });
}
