import type { DatabaseSync } from "node:sqlite";
import { type FaultRules, openFaultRules } from "../fault-rules.ts";
import { transact } from "../file.ts";
import type { ProviderEvent, WebhookEndpoint, Webhooks } from "../webhook.ts";
import { deleteEndpoints, insertEndpoint, readEndpoints } from "./endpoints.ts";
import { readWebhookFault } from "./faults.ts";
import { plan, release, type Teller, tell } from "./outbox.ts";
import {
  type AttemptReport,
  attemptsSince,
  type DeliveryReport,
  deliveries,
  eventsMade,
  lastAttempt,
} from "./report.ts";
import { openSender, type SenderOptions } from "./sender.ts";

/** Where the providers leave their events, and a person orders what becomes of them. */
export interface WebhookOffice {
  readonly providers: ReadonlyMap<string, Webhooks>;
  readonly faults: FaultRules<string>;
  /** Whether endpoints on other machines are accepted. */
  readonly anywhere: boolean;
  /** Writes events and their deliveries, inside the transaction of the change. */
  tell(teller: Teller, events: readonly ProviderEvent[]): void;
  /** Sends soon what was told. */
  wake(): void;
  /** Sends soon what has become due, because time was moved on. */
  passed(): void;
  /** Sends all that is due. @param held lets go what is held for a reordering, too */
  flush(held: boolean): Promise<readonly AttemptReport[]>;
  /** Sends nothing further. */
  ended(): Promise<void>;
  register(endpoint: Omit<WebhookEndpoint, "id" | "secret"> & { secret?: string }): WebhookEndpoint;
  remove(id: string | undefined): number;
  endpoints(): readonly WebhookEndpoint[];
  deliveries(): readonly DeliveryReport[];
  events(provider: string | null): readonly unknown[];
  /** Plans further deliveries of an event. @returns how many endpoints it goes to */
  redeliver(order: Redelivery): number;
}

export interface Redelivery {
  /** The event's id. */
  readonly event: string;
  /** An endpoint's id; all that hear of the account without it. */
  readonly endpoint: string | undefined;
  readonly fault: string | undefined;
}

export interface OfficeOptions extends SenderOptions {
  readonly anywhere: boolean;
  readonly anySeed: () => number;
}

export function openOffice(options: OfficeOptions): WebhookOffice {
  const { db, settings, providers, letters, anywhere, anySeed } = options;
  const read = (name: unknown): string | undefined =>
    readWebhookFault(name) === undefined ? undefined : String(name);
  const faults = openFaultRules(db, { table: "webhook_fault_rules", read, anySeed });
  const sender = openSender(options);
  let told = true;
  return {
    providers,
    faults,
    anywhere,
    tell: (teller, events) => {
      told ||= events.length > 0;
      tell(db, faults, teller, events);
    },
    // Most calls tell nothing, and a look at the file costs something.
    wake: () => {
      if (told) sender.wake();
      told = false;
    },
    passed: () => sender.wake(),
    flush: async (held) => {
      const last = lastAttempt(db);
      if (held) transact(db, () => release(db, settings.now()));
      await sender.flush();
      return attemptsSince(db, last);
    },
    ended: () => sender.ended(),
    register: (order) => {
      const secret = order.secret ?? providers.get(order.provider)?.secretOf(letters) ?? "";
      const endpoint: WebhookEndpoint = { ...order, secret, id: `we_${letters(16)}` };
      insertEndpoint(db, endpoint);
      return endpoint;
    },
    remove: (id) => transact(db, () => deleteEndpoints(db, id)),
    endpoints: () => readEndpoints(db),
    deliveries: () => deliveries(db),
    events: (provider) => eventsMade(db, provider),
    redeliver: (order) => {
      const now = settings.now();
      const count = transact(db, () => redeliver(db, order, now));
      if (count > 0) sender.wake();
      return count;
    },
  };
}

function redeliver(db: DatabaseSync, order: Redelivery, now: number): number {
  const events = db
    .prepare("SELECT position, provider, account FROM webhook_events WHERE id = ?")
    .all(order.event) as { position: number; provider: string; account: string }[];
  const counts = events.map(({ position, provider, account }) => {
    const hearers = readEndpoints(db, { provider, account }).filter(
      ({ id }) => order.endpoint === undefined || id === order.endpoint,
    );
    plan(db, position, hearers, { now, fault: order.fault });
    return hearers.length;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}
