import type { DatabaseSync } from "node:sqlite";
import type { FaultRules } from "../fault-rules.ts";
import type { ProviderEvent, WebhookEndpoint } from "../webhook.ts";
import { readEndpoints } from "./endpoints.ts";
import { readWebhookFault } from "./faults.ts";

/** Whose events they are, and when they happened. */
export interface Teller {
  readonly provider: string;
  readonly account: string;
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly now: number;
}

/** Older deliveries are forgotten when they are over. */
const DELIVERIES_MAX = 10_000;

/**
 * Writes events down, and the deliveries that come of them: in the transaction of the change that
 * they tell of. A fault is taken by an event that somebody is to hear of.
 */
export function tell(
  db: DatabaseSync,
  faults: FaultRules<string>,
  teller: Teller,
  events: readonly ProviderEvent[],
): void {
  if (events.length === 0) return;
  const endpoints = readEndpoints(db, teller);
  for (const event of events) {
    const position = insertEvent(db, teller, event);
    const hearers = endpoints.filter(
      ({ types }) => types.length === 0 || types.includes(event.type),
    );
    if (hearers.length === 0) continue;
    const held = openHold(db, teller.provider);
    if (held !== undefined) {
      for (const { id } of hearers)
        insertDelivery(db, { event: position, endpoint: id, due: teller.now, held });
      if (held.events + 1 >= held.size) release(db, teller.now, held.first);
      continue;
    }
    const endpoint = [event.type, event.type] as const;
    const fault = faults.take({ provider: teller.provider, endpoints: endpoint, changing: true });
    plan(db, position, hearers, { now: teller.now, fault });
  }
}

function insertEvent(db: DatabaseSync, teller: Teller, event: ProviderEvent): number {
  const { lastInsertRowid } = db
    .prepare(
      `INSERT INTO webhook_events (provider, account, id, type, object, body, created_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      teller.provider,
      teller.account,
      event.id,
      event.type,
      event.object,
      JSON.stringify(event.body),
      teller.now,
    );
  return Number(lastInsertRowid);
}

/** The deliveries of one event to each of its hearers, as its fault has them. */
export function plan(
  db: DatabaseSync,
  event: number,
  hearers: readonly Pick<WebhookEndpoint, "id">[],
  { now, fault: name }: { readonly now: number; readonly fault: string | undefined },
): void {
  const fault = readWebhookFault(name);
  const times = fault?.kind === "duplicate" ? fault.times : 1;
  for (const { id: endpoint } of hearers)
    for (let time = 0; time < times; time += 1)
      insertDelivery(db, {
        event,
        endpoint,
        fault: name,
        due: fault?.kind === "delay" ? now + fault.ms : now,
        dropped: fault?.kind === "drop",
        ...(fault?.kind === "duplicate" && fault.atOnce ? { volley: event } : {}),
        ...(fault?.kind === "reorder" ? { held: { first: event, size: fault.events } } : {}),
      });
  forgetOld(db);
}

interface PlannedDelivery {
  readonly event: number;
  readonly endpoint: string;
  readonly due: number;
  readonly fault?: string | undefined;
  readonly dropped?: boolean;
  /** Deliveries of one volley are sent at the same instant. */
  readonly volley?: number;
  readonly held?: { readonly first: number; readonly size: number };
}

function insertDelivery(db: DatabaseSync, delivery: PlannedDelivery): void {
  const { event, held } = delivery;
  const state = held === undefined ? (delivery.dropped === true ? "dropped" : "waiting") : "held";
  db.prepare(
    `INSERT INTO webhook_deliveries
       (event, endpoint, state, fault, volley, held_for, held_size, due_at, place)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    event,
    delivery.endpoint,
    state,
    delivery.fault ?? null,
    delivery.volley ?? null,
    held?.first ?? null,
    held?.size ?? null,
    delivery.due,
    event,
  );
}

interface Hold {
  /** The event that the fault was ordered for. */
  readonly first: number;
  readonly size: number;
  /** How many are held so far. */
  readonly events: number;
}

function openHold(db: DatabaseSync, provider: string): Hold | undefined {
  return db
    .prepare(
      `SELECT held_for AS first, max(held_size) AS size, count(DISTINCT event) AS events
       FROM webhook_deliveries JOIN webhook_events ON webhook_events.position = event
       WHERE state = 'held' AND provider = ? GROUP BY held_for ORDER BY held_for LIMIT 1`,
    )
    .get(provider) as Hold | undefined;
}

/** Lets what was held go, the last first. @param first of one hold; of all without */
export function release(db: DatabaseSync, now: number, first?: number): void {
  db.prepare(
    `UPDATE webhook_deliveries SET state = 'waiting', due_at = ?, place = -event
     WHERE state = 'held' AND held_for = coalesce(?, held_for)`,
  ).run(now, first ?? null);
}

function forgetOld(db: DatabaseSync): void {
  const { newest } = db.prepare("SELECT max(position) AS newest FROM webhook_deliveries").get() as {
    newest: number | null;
  };
  const until = (newest ?? 0) - DELIVERIES_MAX;
  if (until <= 0) return;
  db.prepare(
    `DELETE FROM webhook_deliveries
     WHERE position <= ? AND state NOT IN ('waiting', 'sending', 'held')`,
  ).run(until);
  db.prepare("DELETE FROM webhook_attempts WHERE delivery <= ?").run(until);
}
