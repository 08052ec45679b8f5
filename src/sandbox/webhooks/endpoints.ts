import type { DatabaseSync } from "node:sqlite";
import type { WebhookEndpoint } from "../webhook.ts";

interface EndpointRow {
  readonly id: string;
  readonly provider: string;
  readonly account: string | null;
  readonly url: string;
  readonly secret: string;
  readonly public_key: string;
  readonly types: string;
  readonly manual: number;
  readonly retry_ms: string;
}

/** The registered endpoints, oldest first; of one account, those that hear of it. */
export function readEndpoints(
  db: DatabaseSync,
  of?: { readonly provider: string; readonly account: string },
): WebhookEndpoint[] {
  const rows = db
    .prepare(
      `SELECT * FROM webhook_endpoints
       WHERE ? IS NULL OR (provider = ? AND coalesce(account, ?) = ?) ORDER BY position`,
    )
    .all(
      of?.provider ?? null,
      of?.provider ?? null,
      of?.account ?? null,
      of?.account ?? null,
    ) as unknown as EndpointRow[];
  return rows.map((row) => ({
    id: row.id,
    provider: row.provider,
    account: row.account,
    url: row.url,
    secret: row.secret,
    publicKey: row.public_key,
    types: JSON.parse(row.types) as string[],
    manual: row.manual === 1,
    retryMs: JSON.parse(row.retry_ms) as number[],
  }));
}

export function insertEndpoint(db: DatabaseSync, endpoint: WebhookEndpoint): void {
  db.prepare(
    `INSERT INTO webhook_endpoints
       (id, provider, account, url, secret, public_key, types, manual, retry_ms)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    endpoint.id,
    endpoint.provider,
    endpoint.account,
    endpoint.url,
    endpoint.secret,
    endpoint.publicKey,
    JSON.stringify(endpoint.types),
    endpoint.manual ? 1 : 0,
    JSON.stringify(endpoint.retryMs),
  );
}

/** Forgets one endpoint or all, with what was still to be sent to it. @returns how many */
export function deleteEndpoints(db: DatabaseSync, id: string | undefined): number {
  const which = id ?? null;
  db.prepare(
    `DELETE FROM webhook_deliveries
     WHERE endpoint = coalesce(?, endpoint) AND state IN ('waiting', 'sending', 'held')`,
  ).run(which);
  const { changes } = db
    .prepare("DELETE FROM webhook_endpoints WHERE id = coalesce(?, id)")
    .run(which);
  return Number(changes);
}
