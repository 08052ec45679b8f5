import type { DatabaseSync } from "node:sqlite";
import type { Change, KeptEvent } from "./webhook.ts";

/** A movement of money, in the ledger that everyone may read. */
export interface Entry {
  /** Such as `charge` or `refund`. */
  readonly kind: string;
  readonly id: string;
  /** In the currency's smallest unit. */
  readonly amount: number;
  readonly currency: string;
  /** The merchant's own name for it, where the provider has such a field. */
  readonly reference?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  /** Such as `succeeded`, `authorized`, `pending`, `canceled` or `failed`. */
  readonly status: string;
}

export interface LedgerEntry extends Entry {
  readonly provider: string;
  readonly account: string;
  readonly key: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly createdAt: number;
}

/** What a provider has made for one account: its objects, and the movements of money. */
export interface Books {
  /** Milliseconds since the epoch, by the sandbox's clock. */
  readonly now: number;
  /** A new id: the prefix as it stands, then letters and digits. */
  identify(prefix: string, length?: number): string;
  insert<T extends Identified>(kind: string, object: T): void;
  /** Throws if there is no such object. */
  update<T extends Identified>(kind: string, object: T): void;
  find<T>(kind: string, id: string): T | undefined;
  /**
   * The objects of a kind, newest first. A `list` or a `search` does not show what is younger than
   * the lag that was set for it.
   */
  each<T>(kind: string, how?: "all" | "list" | "search"): Iterable<T>;
  /** Writes a movement of money into the ledger. */
  record(entry: Entry): void;
  /** Changes what became of a movement. Throws if there is no such movement. */
  mark(kind: string, id: string, change: { status: string; amount?: number }): void;
  /** Tells of what leaves no object, such as a payment that was refused. */
  tell(kind: string, what: Identified): void;
  /** The events of this account, newest first, as a list shows them. */
  events(): Iterable<KeptEvent>;
}

interface Identified {
  readonly id: string;
}

/** Whose books are opened, and for which request. */
export interface Opening {
  readonly provider: string;
  readonly account: string;
  readonly key: string | undefined;
  readonly now: number;
  readonly lagMs: { readonly list: number; readonly search: number };
  readonly letters: (length: number) => string;
  /** Hears of every change, in the same transaction. */
  readonly told?: ((change: Change) => void) | undefined;
}

const ID_LENGTH = 24;

export function openBooks(db: DatabaseSync, opening: Opening): Books {
  const { provider, account, now } = opening;
  const changed = (changes: number | bigint, id: string): void => {
    if (Number(changes) !== 1) throw new Error(`There is no ${id} in the books.`);
  };
  const find = <T>(kind: string, id: string): T | undefined => {
    const row = db
      .prepare(
        "SELECT body FROM objects WHERE provider = ? AND account = ? AND kind = ? AND id = ?",
      )
      .get(provider, account, kind, id) as { body: string } | undefined;
    return row === undefined ? undefined : (JSON.parse(row.body) as T);
  };
  return {
    now,
    identify: (prefix, length = ID_LENGTH) => prefix + opening.letters(length),
    insert: (kind, object) => {
      db.prepare(
        `INSERT INTO objects (provider, account, kind, id, body, created_at)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ).run(provider, account, kind, object.id, JSON.stringify(object), now);
      opening.told?.({ kind, before: undefined, after: object });
    },
    update: (kind, object) => {
      const before = opening.told === undefined ? undefined : find(kind, object.id);
      changed(
        db
          .prepare(
            `UPDATE objects SET body = ?
             WHERE provider = ? AND account = ? AND kind = ? AND id = ?`,
          )
          .run(JSON.stringify(object), provider, account, kind, object.id).changes,
        object.id,
      );
      opening.told?.({ kind, before, after: object });
    },
    find,
    each: <T>(kind: string, how: "all" | "list" | "search" = "all") => {
      const lag = how === "all" ? 0 : opening.lagMs[how];
      return newestFirst<T>(db, [provider, account, kind, now - lag]);
    },
    record: (entry) => insertEntry(db, opening, entry),
    mark: (kind, id, { status, amount }) =>
      changed(
        db
          .prepare(
            `UPDATE entries SET status = ?, amount = coalesce(?, amount)
             WHERE provider = ? AND account = ? AND kind = ? AND id = ?`,
          )
          .run(status, amount ?? null, provider, account, kind, id).changes,
        id,
      ),
    tell: (kind, what) => opening.told?.({ kind, before: undefined, after: what }),
    events: () => eventsOf(db, [provider, account, now - opening.lagMs.list]),
  };
}

function* eventsOf(
  db: DatabaseSync,
  which: readonly [provider: string, account: string, until: number],
): Generator<KeptEvent> {
  const rows = db
    .prepare(
      `SELECT id, type, object, body, created_at AS createdAt FROM webhook_events
       WHERE provider = ? AND account = ? AND created_at <= ? ORDER BY position DESC`,
    )
    .iterate(...which) as Iterable<unknown>;
  for (const row of rows as Iterable<KeptEvent & { body: string }>)
    yield { ...row, body: JSON.parse(row.body) as unknown };
}

function* newestFirst<T>(
  db: DatabaseSync,
  which: readonly [provider: string, account: string, kind: string, until: number],
): Generator<T> {
  const rows = db
    .prepare(
      `SELECT body FROM objects
       WHERE provider = ? AND account = ? AND kind = ? AND created_at <= ?
       ORDER BY position DESC`,
    )
    .iterate(...which);
  for (const row of rows) yield JSON.parse((row as { body: string }).body) as T;
}

function insertEntry(db: DatabaseSync, opening: Opening, entry: Entry): void {
  db.prepare(
    `INSERT INTO entries (provider, account, kind, id, amount, currency, idempotency_key,
       reference, metadata, status, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  ).run(
    opening.provider,
    opening.account,
    entry.kind,
    entry.id,
    entry.amount,
    entry.currency,
    opening.key ?? null,
    entry.reference ?? null,
    JSON.stringify(entry.metadata ?? {}),
    entry.status,
    opening.now,
  );
}

interface EntryRow extends Omit<LedgerEntry, "metadata" | "key" | "createdAt" | "reference"> {
  readonly idempotency_key: string | null;
  readonly reference: string | null;
  readonly metadata: string;
  readonly created_at: number;
}

/** The movements of money over all providers, or of one, oldest first. */
export function readLedger(db: DatabaseSync, provider?: string): LedgerEntry[] {
  const rows = db
    .prepare("SELECT * FROM entries WHERE provider = coalesce(?, provider) ORDER BY position")
    .all(provider ?? null) as unknown as EntryRow[];
  return rows.map((row) => ({
    provider: row.provider,
    account: row.account,
    kind: row.kind,
    id: row.id,
    amount: row.amount,
    currency: row.currency,
    key: row.idempotency_key,
    ...(row.reference === null ? {} : { reference: row.reference }),
    metadata: JSON.parse(row.metadata) as Record<string, string>,
    createdAt: row.created_at,
    status: row.status,
  }));
}
