import { type Clock, systemClock } from "../../model/clock.ts";
import { NevertwiceError } from "../../model/errors.ts";
import type { Store } from "../../store.ts";
import { guarded } from "./answers.ts";
import { atomic } from "./atomic.ts";
import { carryOut } from "./carry-out.ts";
import { type Connections, connections, type Patience } from "./connection.ts";
import { inbox } from "./inbox.ts";
import { join } from "./join.ts";
import { keptConnection, type LeaseConnection, pooledLeases } from "./leases.ts";
import { lineage } from "./lineage.ts";
import { migrate, schema } from "./migrate.ts";
import { outbox } from "./outbox.ts";
import { type ClientOf, clientOf, type PostgresPool } from "./pool.ts";
import { reads } from "./reads.ts";
import { type Names, tableNames } from "./statements.ts";
import { type Context, transact } from "./transaction.ts";
import { writes } from "./writes.ts";

export type { Patience } from "./connection.ts";
export type { ClientOf, PostgresPool } from "./pool.ts";

export interface PostgresStoreOptions<Client, Tx> extends Partial<Patience> {
  /** Before every table's name; lower-case letters, digits and underscores. */
  readonly prefix?: string;
  /** The schema of the tables, if it is not the first of the search path. It must exist. */
  readonly schema?: string;
  /** What callbacks get instead of the client, such as `(client) => drizzle(client)`. */
  readonly transaction?: (client: Client) => Tx;
  /** Another pool for heartbeats; without one a connection is kept while claims live. */
  readonly leases?: PostgresPool;
  /** Prepare statements by name: faster, but not behind a pooler that moves between sessions. */
  readonly prepare?: boolean;
  /** Added to the database's clock, in milliseconds; a test moves it instead of sleeping. */
  readonly skew?: { ms: number };
  readonly clock?: Clock;
}

const PATIENCE: Patience = {
  connectMs: 5_000,
  lockMs: 2_000,
  statementMs: 30_000,
  idleMs: 60_000,
  commitMs: 30_000,
};

/**
 * Operations in PostgreSQL 13 or newer, over the user's own client.
 *
 * @param pool stays the user's: the store never ends it
 * @throws option-invalid for an unknown client or an unfit prefix or schema
 * @example const store = postgresStore(new pg.Pool({ connectionString }));
 */
export function postgresStore<Pool extends PostgresPool, Tx = ClientOf<Pool>>(
  pool: Pool,
  options: PostgresStoreOptions<ClientOf<Pool>, Tx> = {},
): Store<Tx, "async"> {
  const { prefix = "nevertwice_", skew = { ms: 0 }, clock = systemClock } = options;
  const { prepare = false } = options;
  const names = tableNames(prefix, options.schema);
  const patience = patienceOf(options);
  const db = connections(clientOf(pool, prepare), clock, patience);
  const leases = leasesOf(db, options, patience, clock, names, skew);
  const toTx = (client: unknown): Tx =>
    options.transaction === undefined
      ? (client as Tx)
      : options.transaction(client as ClientOf<Pool>);
  const context: Context<Tx> = { pool: db, names, skew, toTx };

  return {
    capabilities: {
      callbacks: "async",
      durable: true,
      separateLeases: options.leases !== undefined || !db.client.single,
      get noticesDeath() {
        return leases.noticesDeath();
      },
    },
    ...writes(db, leases, names, skew),
    ...reads(db, names, skew),
    transact: (holder, work) =>
      guarded(async () => {
        let settles = false;
        const answer = await transact(context, holder, async (tx) => {
          const done = await work(tx);
          settles = done.write.kind === "settle";
          return done;
        });
        if (settles && answer.kind === "ok" && answer.value.kind === "committed")
          leases.drop(holder);
        return answer;
      }),
    atomic: (request, work) => guarded(() => atomic(context, request, work)),
    carryOut: carryOut(db, names, skew, clock),
    inbox: inbox(context),
    outbox: outbox(db, names, skew),
    join: (tx, request, work) => guarded(() => join(context, tx, request, work)),
    async migrate() {
      const ran = await migrate(db, names);
      // What a failover is compared with; a failure here is made up for by the first namespace.
      await guarded(() => lineage(db, names, skew.ms));
      return ran;
    },
    schema: () => schema(names),
    close: () => leases.close(),
  };
}

function patienceOf(options: Partial<Patience>): Patience {
  const entries = Object.entries(PATIENCE).map(([name, ms]) => {
    const chosen: unknown = options[name as keyof Patience] ?? ms;
    if (typeof chosen === "number" && Number.isInteger(chosen) && chosen > 0) return [name, chosen];
    throw new NevertwiceError("option-invalid", `${name} is a whole number of milliseconds.`);
  });
  return Object.fromEntries(entries) as Patience;
}

function leasesOf(
  db: Connections,
  options: { readonly leases?: PostgresPool; readonly prepare?: boolean },
  patience: Patience,
  clock: Clock,
  names: Names,
  skew: { readonly ms: number },
): LeaseConnection {
  if (options.leases !== undefined)
    return pooledLeases(
      connections(clientOf(options.leases, options.prepare ?? false), clock, patience),
    );
  return db.client.single ? pooledLeases(db) : keptConnection(db, clock, names, skew);
}
