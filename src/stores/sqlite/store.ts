import { type Clock, systemClock } from "../../model/clock.ts";
import { NevertwiceError } from "../../model/errors.ts";
import { type Random, systemRandom } from "../../model/random.ts";
import type { Answer, Store } from "../../store.ts";
import { inboxOf, outboxOf } from "./access.ts";
import { carried } from "./carry-out.ts";
import * as claims from "./claims.ts";
import { connectionOf, type SqliteClient } from "./client.ts";
import * as keeping from "./keeping.ts";
import { markOf } from "./mark.ts";
import type { Tables } from "./records.ts";
import * as records from "./records.ts";
import { reopen } from "./reopening.ts";
import { type Migration, migrations, schemaText } from "./schema.ts";
import { securing } from "./secure.ts";
import { checkPrefix, statements } from "./statements.ts";
import * as steps from "./steps.ts";
import type { Verdict } from "./transaction.ts";
import { type Writer, writerOf } from "./writer.ts";
import * as writes from "./writes.ts";

export interface SqliteStoreOptions<Client, Tx> {
  /** What the tables' names begin with; `nevertwice_` by default. */
  readonly prefix?: string;
  /** Makes what callbacks are given of the database, for instance `(db) => drizzle(db)`. */
  readonly transaction?: (db: Client) => Tx;
  /** How long a write waits while other processes write, in milliseconds; 5,000 by default. */
  readonly waitMs?: number;
  /** Added to the database's clock, in milliseconds; a test moves it instead of sleeping. */
  readonly skew?: { readonly ms: number };
  readonly clock?: Clock;
  readonly random?: Random;
}

/**
 * Operations in a SQLite file, through the user's `DatabaseSync` of node:sqlite or `Database` of
 * better-sqlite3. Callbacks are synchronous and get that very object.
 *
 * The connection is set to WAL, `synchronous=FULL` and `busy_timeout=0`: a commit is on the disk
 * when it is answered, and waiting for another process never blocks the event loop.
 *
 * @throws option-invalid
 * @see https://www.sqlite.org/pragma.html#pragma_synchronous
 */
export function sqliteStore<Client extends SqliteClient, Tx = Client>(
  db: Client,
  options: SqliteStoreOptions<Client, Tx> = {},
): Store<Tx, "sync"> {
  const { waitMs = 5_000, skew = { ms: 0 }, clock = systemClock, random = systemRandom } = options;
  const prefix = checkPrefix(options.prefix ?? "nevertwice_");
  if (!(waitMs >= 0)) throw new NevertwiceError("option-invalid", "`waitMs` is 0 or more.");
  const connection = connectionOf(db, skew);
  const tables = { connection, sql: statements(prefix) };
  const known = migrations(prefix);
  const savepoint = `${prefix}${Buffer.from(random.bytes(8)).toString("hex")}`;
  const mark = markOf(connection, savepoint);
  const secure = securing(connection, mark);
  const writer = writerOf({ connection, savepoint, mark, secure, clock, random, waitMs });
  // Without a mapping, Tx is Client by its default.
  const tx = options.transaction?.(db) ?? (db as unknown as Tx);

  let current = false;
  const check = (): void => {
    if (current) return;
    keeping.checkSchema(tables, known);
    current = true;
  };
  const write = <T>(run: () => Verdict<T>, callback = false): Promise<Answer<T>> =>
    writer.write(() => {
      check();
      return run();
    }, callback);
  const read = <T>(run: () => T): Promise<Answer<T>> =>
    writer.read(() => {
      check();
      return run();
    });

  const access = { tables, savepoint: `${savepoint}_call`, write, read };
  return {
    inbox: inboxOf(access, tx),
    outbox: outboxOf(access),
    capabilities: { callbacks: "sync", durable: true, separateLeases: false, noticesDeath: false },
    claim: (request) => write(() => claims.claim(tables, request)),
    takeOver: (request) => write(() => claims.takeOver(tables, request)),
    renew: (holder, leaseMs) => write(() => writes.renew(tables, holder, leaseMs)),
    begin: (holder, step) => write(() => steps.begin(tables, holder, step)),
    record: (holder, name, end) => write(() => steps.record(tables, holder, name, end)),
    note: (id, evidence) => write(() => steps.note(tables, id, evidence)),
    evidence: (id) => read(() => records.evidence(tables, id)),
    stepOf: (mark) => read(() => steps.stepOf(tables, mark)),
    reopen: (id, reopening) => write(() => reopen(tables, id, reopening)),
    settle: (holder, settlement) => write(() => writes.settle(tables, holder, settlement)),
    suspend: (holder, suspension) => write(() => writes.suspend(tables, holder, suspension)),
    transact: (holder, work) =>
      write(() => writes.transact(tables, access.savepoint, holder, () => work(tx)), true),
    atomic: (request, work) =>
      write(() => writes.atomic(tables, access.savepoint, request, () => work(tx)), true),
    carryOut: (request, planned) =>
      write(() => writes.atomic(tables, access.savepoint, request, carried(db, planned)), true),
    read: (id) => read(() => records.read(tables, id)),
    due: (request) => read(() => records.due(tables, request)),
    list: (filter) => read(() => records.list(tables, filter)),
    prune: (request) => write(() => keeping.prune(tables, request)),
    messages: (id) => read(() => records.messages(tables, id)),
    namespace: (name) => write(() => keeping.namespace(tables, name)),
    migrate: () => migrated(writer, tables, prefix, known),
    schema: () => schemaText(prefix),
    close: () => writer.idle(),
  };
}

/** The names of those that ran. */
async function migrated(
  writer: Writer,
  tables: Tables,
  prefix: string,
  known: readonly Migration[],
): Promise<readonly string[]> {
  const ran: string[] = [];
  for (const migration of known) {
    const answer = await writer.write(() => keeping.migrate(tables, prefix, migration));
    if (answer.kind !== "ok") throw answer.error;
    if (answer.value) ran.push(migration.name);
  }
  return ran;
}
