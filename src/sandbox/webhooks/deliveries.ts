import type { DatabaseSync } from "node:sqlite";
import { transact } from "../file.ts";
import type { KeptEvent, Receipt, WebhookEndpoint } from "../webhook.ts";

/** A delivery that was claimed, to be sent now. */
export interface Claimed {
  readonly position: number;
  readonly event: KeptEvent;
  readonly fault: string | null;
  /** 1 for the first attempt. */
  readonly attempt: number;
}

/** The sandbox's clock decides what is due, the machine's for how long a claim stands. */
export interface Instant {
  readonly now: number;
  readonly wall: number;
}

/** Longer than an attempt can take; another process takes over what one that died has claimed. */
const CLAIM_MS = 10_000;

const DUE = `endpoint = :endpoint AND
  ((state = 'waiting' AND due_at <= :now) OR (state = 'sending' AND claimed_until <= :wall))`;

interface DeliveryRow extends Omit<Claimed, "event" | "attempt"> {
  readonly event: number;
  readonly volley: number | null;
  readonly tried: number;
}

/** The next delivery to an endpoint, with those that are to be sent at the same instant. */
export function claim(db: DatabaseSync, endpoint: string, { now, wall }: Instant): Claimed[] {
  const which = { endpoint, now, wall };
  const next = db.prepare(
    `SELECT * FROM webhook_deliveries WHERE ${DUE} ORDER BY due_at, place, position LIMIT 1`,
  );
  if (next.get(which) === undefined) return [];
  return transact(db, () => {
    // One after the other, in whichever process, so that they arrive in the order of the list.
    const busy = db
      .prepare(
        `SELECT 1 FROM webhook_deliveries
         WHERE endpoint = ? AND state = 'sending' AND claimed_until > ? LIMIT 1`,
      )
      .get(endpoint, wall);
    const first = next.get(which) as DeliveryRow | undefined;
    if (busy !== undefined || first === undefined) return [];
    const volley = db
      .prepare(
        `SELECT * FROM webhook_deliveries WHERE ${DUE} AND volley = :volley ORDER BY position`,
      )
      .all({ ...which, volley: first.volley }) as unknown as DeliveryRow[];
    const rows = first.volley === null ? [first] : volley;
    return rows.map((row) => {
      db.prepare(
        `UPDATE webhook_deliveries
         SET state = 'sending', tried = tried + 1, claimed_until = ? WHERE position = ?`,
      ).run(wall + CLAIM_MS, row.position);
      const { position, fault, tried } = row;
      return { position, fault, attempt: tried + 1, event: readEvent(db, row.event) };
    });
  });
}

function readEvent(db: DatabaseSync, position: number): KeptEvent {
  const row = db
    .prepare(
      `SELECT id, type, object, body, created_at AS createdAt FROM webhook_events
       WHERE position = ?`,
    )
    .get(position) as unknown as KeptEvent & { readonly body: string };
  return { ...row, body: JSON.parse(row.body) as unknown };
}

/** Gives a delivery back that the end of the process has cut off. */
export function giveBack(db: DatabaseSync, { position }: Claimed): void {
  db.prepare(
    `UPDATE webhook_deliveries SET state = 'waiting', tried = tried - 1
     WHERE position = ? AND state = 'sending'`,
  ).run(position);
}

export interface Outcome {
  readonly receipt: Receipt;
  readonly status: number | undefined;
  readonly error: string | undefined;
}

/** Writes down what an attempt came to, and when the next one is due. */
export function finish(
  db: DatabaseSync,
  { position, attempt }: Claimed,
  { receipt, status, error }: Outcome,
  { now, retryMs }: { readonly now: number } & Pick<WebhookEndpoint, "retryMs">,
): void {
  const waitMs = retryMs[attempt - 1];
  const over = receipt === "stop" || waitMs === undefined;
  const state = receipt === "taken" ? "delivered" : over ? "failed" : "waiting";
  transact(db, () => {
    const { changes } = db
      .prepare(
        "UPDATE webhook_deliveries SET state = ?, due_at = ? WHERE position = ? AND tried = ?",
      )
      .run(state, now + (state === "waiting" ? (waitMs ?? 0) : 0), position, attempt);
    // The endpoint was deleted meanwhile, or the sandbox reset.
    if (Number(changes) === 0) return;
    db.prepare(
      "INSERT INTO webhook_attempts (delivery, attempt, status, error, at) VALUES (?, ?, ?, ?, ?)",
    ).run(position, attempt, status ?? null, error ?? null, now);
  });
}

/** In how many milliseconds something is due that nobody has to flush; undefined for never. */
export function nextIn(db: DatabaseSync, { now, wall }: Instant): number | undefined {
  const { next } = db
    .prepare(
      `SELECT min(CASE state WHEN 'waiting' THEN due_at - ? ELSE claimed_until - ? END) AS next
       FROM webhook_deliveries JOIN webhook_endpoints ON webhook_endpoints.id = endpoint
       WHERE state IN ('waiting', 'sending') AND manual = 0`,
    )
    .get(now, wall) as { next: number | null };
  return next === null ? undefined : Math.max(next, 0);
}
