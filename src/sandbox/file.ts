import { DatabaseSync } from "node:sqlite";

const SCHEMA = `
CREATE TABLE IF NOT EXISTS objects (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (provider, account, kind, id)
) STRICT;
CREATE INDEX IF NOT EXISTS objects_of_kind ON objects (provider, account, kind, position);
CREATE TABLE IF NOT EXISTS entries (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  kind TEXT NOT NULL,
  id TEXT NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  currency TEXT NOT NULL,
  idempotency_key TEXT,
  reference TEXT,
  metadata TEXT NOT NULL,
  status TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (provider, account, kind, id)
) STRICT;
CREATE TABLE IF NOT EXISTS kept_answers (
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  space TEXT NOT NULL,
  idempotency_key TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  request_id TEXT NOT NULL,
  status INTEGER NOT NULL,
  headers TEXT NOT NULL,
  body TEXT NOT NULL,
  made TEXT,
  kept_at INTEGER NOT NULL,
  PRIMARY KEY (provider, account, space, idempotency_key)
) STRICT;
CREATE TABLE IF NOT EXISTS fault_rules (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT,
  endpoint TEXT,
  faults TEXT NOT NULL,
  probability REAL,
  seed INTEGER,
  drawn INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS webhook_fault_rules (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT,
  endpoint TEXT,
  faults TEXT NOT NULL,
  probability REAL,
  seed INTEGER,
  drawn INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE IF NOT EXISTS webhook_endpoints (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT NOT NULL UNIQUE,
  provider TEXT NOT NULL,
  account TEXT,
  url TEXT NOT NULL,
  secret TEXT NOT NULL,
  public_key TEXT NOT NULL,
  types TEXT NOT NULL,
  manual INTEGER NOT NULL,
  retry_ms TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS webhook_events (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  provider TEXT NOT NULL,
  account TEXT NOT NULL,
  id TEXT NOT NULL,
  type TEXT NOT NULL,
  object TEXT NOT NULL,
  body TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  UNIQUE (provider, account, id)
) STRICT;
CREATE TABLE IF NOT EXISTS webhook_deliveries (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  event INTEGER NOT NULL,
  endpoint TEXT NOT NULL,
  state TEXT NOT NULL,
  fault TEXT,
  volley INTEGER,
  held_for INTEGER,
  held_size INTEGER,
  due_at INTEGER NOT NULL,
  place INTEGER NOT NULL,
  tried INTEGER NOT NULL DEFAULT 0,
  claimed_until INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX IF NOT EXISTS webhook_deliveries_open ON webhook_deliveries (endpoint, due_at)
  WHERE state IN ('waiting', 'sending', 'held');
CREATE TABLE IF NOT EXISTS webhook_attempts (
  position INTEGER PRIMARY KEY AUTOINCREMENT,
  delivery INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  status INTEGER,
  error TEXT,
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS webhook_attempts_of ON webhook_attempts (delivery);
CREATE TABLE IF NOT EXISTS settings (
  provider TEXT NOT NULL,
  name TEXT NOT NULL,
  value INTEGER NOT NULL,
  PRIMARY KEY (provider, name)
) STRICT;`;

const TABLES = [
  ...["objects", "entries", "kept_answers", "fault_rules", "settings"],
  ...["webhook_attempts", "webhook_deliveries", "webhook_events", "webhook_endpoints"],
  "webhook_fault_rules",
];

/** Another process on the same file commits within milliseconds. */
const BUSY_MS = 5_000;

/** Opens or creates the sandbox's file. Throws what node:sqlite throws if it cannot. */
export function openFile(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_MS });
  db.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
  transact(db, () => db.exec(SCHEMA));
  return db;
}

/** Forgets everything: objects, ledger, keys, faults, webhooks and settings. */
export function emptyFile(db: DatabaseSync): void {
  transact(db, () => {
    for (const table of TABLES) db.exec(`DELETE FROM ${table}`);
  });
}

/**
 * One writer at a time: a key is looked up and taken in the same transaction, in whichever process.
 */
export function transact<T>(db: DatabaseSync, work: () => T): T {
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
