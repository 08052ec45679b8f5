import { createHash } from "node:crypto";
import { DatabaseSync } from "node:sqlite";
import type { Clock } from "../model/clock.ts";
import { canonicalJson } from "../model/json.ts";
import type { Random } from "../model/random.ts";
import {
  type Charge,
  type ChargeRequest,
  errorAnswer,
  type ProviderAnswer,
  type ProviderCall,
  type Refund,
  type RefundRequest,
} from "./wire.ts";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS charges (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  description TEXT,
  metadata TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  idempotency_key TEXT UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS refunds (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  charge TEXT NOT NULL REFERENCES charges (id),
  amount INTEGER NOT NULL CHECK (amount > 0),
  created_at INTEGER NOT NULL,
  idempotency_key TEXT UNIQUE
) STRICT;
CREATE TABLE IF NOT EXISTS answers (
  endpoint TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  status INTEGER NOT NULL,
  body TEXT NOT NULL,
  PRIMARY KEY (endpoint, idempotency_key)
) STRICT;
CREATE TABLE IF NOT EXISTS faults (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL
) STRICT;`;

/** Another process on the same file commits within milliseconds. */
const BUSY_MS = 5_000;

export interface LedgerAnswer extends ProviderAnswer {
  /** True if the answer was stored by an earlier request with the same key. */
  readonly replayed: boolean;
}

/**
 * What the provider has done, in a file of its own: charges, refunds, stored answers, faults to
 * come.
 */
export interface Ledger {
  /** Does what is asked at most once per idempotency key; without a key, each time. */
  execute(call: ProviderCall, how: Execution): LedgerAnswer;
  /** Oldest first; with a limit, only the newest ones. */
  charges(limit?: number): Charge[];
  refunds(limit?: number): Refund[];
  queueFaults(names: readonly string[]): void;
  takeFault(): string | undefined;
  faults(): string[];
  clearFaults(): void;
  close(): void;
}

export interface Execution {
  readonly idempotencyKey: string | undefined;
  /** Refuse the card instead of charging it. */
  readonly decline: boolean;
}

/** Opens or creates the ledger's file. Throws what node:sqlite throws if it cannot. */
export function openLedger(file: string, ports: { clock: Clock; random: Random }): Ledger {
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
  transact(db, () => db.exec(SCHEMA));
  const identify = (prefix: string): string =>
    `${prefix}_${Buffer.from(ports.random.bytes(12)).toString("hex")}`;
  return {
    execute: (call, how) =>
      transact(db, () => {
        const fingerprint = digest(call);
        const stored = storedAnswer(db, call.endpoint, how.idempotencyKey, fingerprint);
        if (stored !== undefined) return stored;
        const stamp = { identify, now: ports.clock.wall(), key: how.idempotencyKey ?? null };
        const answer = perform(db, call, how.decline, stamp);
        // A request that was refused as invalid did nothing, so its key stays free.
        if (how.idempotencyKey !== undefined && (answer.status === 200 || answer.status === 402))
          db.prepare("INSERT INTO answers VALUES (?, ?, ?, ?, ?)").run(
            call.endpoint,
            how.idempotencyKey,
            fingerprint,
            answer.status,
            answer.body,
          );
        return { ...answer, replayed: false };
      }),
    charges: (limit = -1) => newest<ChargeRow>(db, "charges", limit).map(toCharge),
    refunds: (limit = -1) => newest<RefundRow>(db, "refunds", limit).map(toRefund),
    queueFaults: (names) =>
      transact(db, () => {
        const insert = db.prepare("INSERT INTO faults (name) VALUES (?)");
        for (const name of names) insert.run(name);
      }),
    takeFault: () => {
      const row = db
        .prepare(
          "DELETE FROM faults WHERE position = (SELECT min(position) FROM faults) RETURNING name",
        )
        .get() as { name: string } | undefined;
      return row?.name;
    },
    faults: () =>
      db
        .prepare("SELECT name FROM faults ORDER BY position")
        .all()
        .map((row) => (row as { name: string }).name),
    clearFaults: () => db.exec("DELETE FROM faults"),
    close: () => db.close(),
  };
}

/**
 * One writer at a time: the key is looked up and taken in the same transaction, in whichever
 * process.
 */
function transact<T>(db: DatabaseSync, work: () => T): T {
  db.exec("BEGIN IMMEDIATE");
  try {
    const value = work();
    db.exec("COMMIT");
    return value;
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK");
    throw error;
  }
}

function digest(call: ProviderCall): string {
  return createHash("sha256").update(canonicalJson(call)).digest("hex");
}

type StoredRow = ProviderAnswer & { readonly fingerprint: string };

function storedAnswer(
  db: DatabaseSync,
  endpoint: string,
  key: string | undefined,
  fingerprint: string,
): LedgerAnswer | undefined {
  if (key === undefined) return undefined;
  const row = db
    .prepare(
      "SELECT fingerprint, status, body FROM answers WHERE endpoint = ? AND idempotency_key = ?",
    )
    .get(endpoint, key) as StoredRow | undefined;
  if (row === undefined) return undefined;
  if (row.fingerprint === fingerprint)
    return { status: row.status, body: row.body, replayed: true };
  const message = "The idempotency key belongs to a request with other parameters.";
  return { ...errorAnswer(400, "idempotency_error", "key_reused", message), replayed: false };
}

interface Stamp {
  readonly identify: (prefix: string) => string;
  readonly now: number;
  readonly key: string | null;
}

function perform(
  db: DatabaseSync,
  call: ProviderCall,
  decline: boolean,
  stamp: Stamp,
): ProviderAnswer {
  if (decline) return errorAnswer(402, "card_error", "card_declined", "The card was declined.");
  return call.endpoint === "charges"
    ? insertCharge(db, call.request, stamp)
    : insertRefund(db, call.request, stamp);
}

function insertCharge(db: DatabaseSync, request: ChargeRequest, stamp: Stamp): ProviderAnswer {
  const charge: Charge = {
    id: stamp.identify("ch"),
    amount: request.amount,
    currency: request.currency,
    description: request.description ?? null,
    metadata: request.metadata ?? {},
    status: "succeeded",
    createdAt: stamp.now,
    idempotencyKey: stamp.key,
  };
  db.prepare(
    `INSERT INTO charges (id, amount, currency, description, metadata, created_at, idempotency_key)
     VALUES (?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    charge.id,
    charge.amount,
    charge.currency,
    charge.description,
    JSON.stringify(charge.metadata),
    charge.createdAt,
    charge.idempotencyKey,
  );
  return { status: 200, body: JSON.stringify(charge) };
}

function insertRefund(db: DatabaseSync, request: RefundRequest, stamp: Stamp): ProviderAnswer {
  const row = db
    .prepare(
      `SELECT amount - (SELECT coalesce(sum(amount), 0) FROM refunds WHERE charge = charges.id) AS rest
       FROM charges WHERE id = ?`,
    )
    .get(request.charge) as { rest: number } | undefined;
  if (row === undefined)
    return errorAnswer(404, "invalid_request_error", "charge_unknown", "There is no such charge.");
  if (request.amount > row.rest)
    return errorAnswer(
      400,
      "invalid_request_error",
      "refund_too_large",
      `The refund of ${request.amount} is more than the ${row.rest} left of the charge.`,
    );
  const refund: Refund = {
    id: stamp.identify("re"),
    charge: request.charge,
    amount: request.amount,
    status: "succeeded",
    createdAt: stamp.now,
    idempotencyKey: stamp.key,
  };
  db.prepare(
    "INSERT INTO refunds (id, charge, amount, created_at, idempotency_key) VALUES (?, ?, ?, ?, ?)",
  ).run(refund.id, refund.charge, refund.amount, refund.createdAt, refund.idempotencyKey);
  return { status: 200, body: JSON.stringify(refund) };
}

interface ChargeRow extends Pick<Charge, "id" | "amount" | "currency" | "description"> {
  readonly metadata: string;
  readonly created_at: number;
  readonly idempotency_key: string | null;
}

interface RefundRow extends Pick<Refund, "id" | "charge" | "amount"> {
  readonly created_at: number;
  readonly idempotency_key: string | null;
}

function newest<Row>(db: DatabaseSync, table: "charges" | "refunds", limit: number): Row[] {
  const select = db.prepare(`SELECT * FROM ${table} ORDER BY position DESC LIMIT ?`);
  return (select.all(limit) as Row[]).reverse();
}

function toCharge(row: ChargeRow): Charge {
  return {
    id: row.id,
    amount: row.amount,
    currency: row.currency,
    description: row.description,
    metadata: JSON.parse(row.metadata) as Charge["metadata"],
    status: "succeeded",
    createdAt: row.created_at,
    idempotencyKey: row.idempotency_key,
  };
}

function toRefund(row: RefundRow): Refund {
  return {
    id: row.id,
    charge: row.charge,
    amount: row.amount,
    status: "succeeded",
    createdAt: row.created_at,
    idempotencyKey: row.idempotency_key,
  };
}
