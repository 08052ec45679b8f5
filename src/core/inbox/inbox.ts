import type { AuthenticEvent } from "../../model/event.ts";
import { type InboxPorts, storeEvents } from "./accept.ts";
import type { InboxDefinition } from "./declaration.ts";
import { acceptInline } from "./inline.ts";
import { type Sweeping, sweepOnce } from "./sweep.ts";

/** The inbox of one endpoint. */
export interface Inbox {
  readonly source: string;
  /**
   * Takes authentic events in, all or none, each once. Once it resolves they are kept, and the
   * provider may be told so.
   *
   * @throws store-unavailable if it is not known that they are kept
   */
  accept(events: readonly AuthenticEvent[]): Promise<void>;
  /**
   * Fetches the provider's own list of events, once.
   *
   * @throws store-unavailable, and what the list throws
   */
  sweepOnce(): Promise<Sweeping>;
  /** What its doors use. */
  readonly door: InboxPorts;
}

export function createInbox(ports: InboxPorts, definition: InboxDefinition): Inbox {
  return {
    source: definition.source,
    door: ports,
    async accept(events) {
      const [event] = events;
      if (definition.mode === "inline" && event !== undefined && events.length === 1)
        if (await acceptInline(ports, definition, event)) return;
      await storeEvents(ports, definition, events, "webhook");
    },
    sweepOnce: () => sweepOnce(ports, definition),
  };
}
