import type { DatabaseSync } from "node:sqlite";

/** More than a test looks at. */
const SHOWN_MAX = 1_000;

/** One attempt to deliver an event, as a person reads it. */
export interface AttemptReport {
  readonly delivery: number;
  readonly endpoint: string;
  readonly event: string;
  readonly type: string;
  readonly attempt: number;
  /** What the endpoint answered; null if it did not. */
  readonly status: number | null;
  readonly error: string | null;
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly at: number;
}

/** An event on its way to one endpoint. */
export interface DeliveryReport {
  readonly id: number;
  readonly endpoint: string;
  readonly event: string;
  readonly type: string;
  /** `waiting`, `held`, `sending`, `delivered`, `failed` or `dropped`. */
  readonly state: string;
  readonly fault: string | null;
  readonly dueAt: number;
  readonly attempts: readonly Omit<AttemptReport, "delivery" | "endpoint" | "event" | "type">[];
}

/** The attempts that were over later than the one at a position, in their order. */
export function attemptsSince(db: DatabaseSync, position: number): AttemptReport[] {
  return db
    .prepare(
      `SELECT delivery, endpoint, webhook_events.id AS event, type, attempt, status, error, at
       FROM webhook_attempts
       JOIN webhook_deliveries ON webhook_deliveries.position = delivery
       JOIN webhook_events ON webhook_events.position = webhook_deliveries.event
       WHERE webhook_attempts.position > ? ORDER BY webhook_attempts.position LIMIT ?`,
    )
    .all(position, SHOWN_MAX) as unknown as AttemptReport[];
}

export function lastAttempt(db: DatabaseSync): number {
  const row = db.prepare("SELECT max(position) AS last FROM webhook_attempts").get();
  return (row as { last: number | null }).last ?? 0;
}

/** The newest deliveries, oldest first, each with its attempts. */
export function deliveries(db: DatabaseSync): DeliveryReport[] {
  const rows = db
    .prepare(
      `SELECT * FROM (
         SELECT webhook_deliveries.position AS id, endpoint, webhook_events.id AS event, type,
           state, fault, due_at AS dueAt
         FROM webhook_deliveries JOIN webhook_events ON webhook_events.position = event
         ORDER BY webhook_deliveries.position DESC LIMIT ?
       ) ORDER BY id`,
    )
    .all(SHOWN_MAX) as unknown as Omit<DeliveryReport, "attempts">[];
  const attempts = db.prepare(
    "SELECT attempt, status, error, at FROM webhook_attempts WHERE delivery = ? ORDER BY position",
  );
  return rows.map((row) => ({
    ...row,
    attempts: attempts.all(row.id) as unknown as DeliveryReport["attempts"],
  }));
}

/** The newest events of all providers or of one, oldest first, sent or not. */
export function eventsMade(db: DatabaseSync, provider: string | null): unknown[] {
  return db
    .prepare(
      `SELECT * FROM webhook_events WHERE provider = coalesce(?, provider)
       ORDER BY position DESC LIMIT ?`,
    )
    .all(provider, SHOWN_MAX)
    .reverse()
    .map(({ provider, account, id, type, object, created_at }) => ({
      ...{ provider, account, id, type, object },
      createdAt: created_at,
    }));
}
