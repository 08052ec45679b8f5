import { systemClock } from "../../model/clock.ts";
import {
  type Client,
  committing,
  keeping,
  type Row,
  type Session,
  toCell,
  toEnded,
} from "./client.ts";
import { isLost } from "./errors.ts";

/** What the store needs of a postgres.js `sql`; the client's type is read from `reserve`. */
export interface PostgresJsSql {
  reserve(): Promise<object>;
  readonly options: { readonly max: number };
}

type RawRows = readonly (readonly unknown[])[] & { readonly command?: string };

interface RawQuery {
  raw(): Promise<RawRows | readonly RawRows[]>;
}

interface ReservedClient {
  unsafe(sql: string, values: readonly unknown[], options: QueryOptions): RawQuery;
  release(): void;
}

interface QueryOptions {
  readonly prepare: boolean;
  /** Private to postgres.js: told which connection a query without parameters is sent on. */
  onexecute(connection: Connection): boolean;
}

/** A connection as its own transactions see it. */
interface Connection {
  onclose?: ((error: Error) => void) | null;
}

export function isPostgresJs(pool: object): pool is PostgresJsSql {
  return "reserve" in pool && "unsafe" in pool;
}

export function postgresJsClient(sql: PostgresJsSql, prepare: boolean): Client {
  return {
    single: sql.options.max === 1,
    dateText: (date) => date.toISOString(),
    keep: keeping(sql, sql.options.max),
    acquire: async () => postgresJsSession((await sql.reserve()) as ReservedClient, prepare),
  };
}

function postgresJsSession(sql: ReservedClient, prepare: boolean): Session {
  const { release } = sql;
  // A callback that gives back what it was handed would share its transaction with the next one.
  sql.release = () => {};
  let given = false;
  let connection: Connection | undefined;
  let lost: unknown;
  let hear: ((error: Error) => void) | undefined;
  const onexecute = (sentOn: Connection): boolean => {
    connection = sentOn;
    sentOn.onclose = (error) => {
      lost ??= error;
      hear?.(error);
    };
    return true;
  };
  /** One result for each statement; postgres.js gives a lone one without a list. */
  const run = async (
    text: string,
    values: readonly unknown[] = [],
  ): Promise<readonly RawRows[]> => {
    // postgres.js writes to the socket that is gone, which ends the process.
    if (lost !== undefined) throw lost;
    try {
      const answer = await sql.unsafe(text, values, { prepare, onexecute }).raw();
      return "command" in answer ? [answer as RawRows] : (answer as readonly RawRows[]);
    } catch (error) {
      if (isLost(error)) lost ??= error;
      throw error;
    }
  };
  const giveBack = (): void => {
    if (given) return;
    given = true;
    if (connection) connection.onclose = null;
    // A lost one went back by itself, and would be handed out as if it were open.
    if (lost === undefined) release();
  };
  return {
    tx: sql,
    onLost(listen) {
      hear = listen;
      if (lost instanceof Error) listen(lost);
    },
    query: async (text, values) => (await run(text, values)).flatMap(toRows),
    begin: async (script) => (await run(script)).flatMap(toRows),
    script: async (text) => (await run(text)).flatMap(toRows),
    async commit(transactionId, last) {
      // postgres.js puts the tag of a statement without rows on the result before it.
      const results = await run(committing(last));
      return toEnded(results.flatMap(toRows), results.at(-1)?.command ?? "", transactionId);
    },
    async rollback() {
      await systemClock.sleep(CLOSED_MS);
      await run("ROLLBACK");
    },
    release: giveBack,
    // postgres.js cannot end one connection, and one that its server ends in a statement is lost to
    // the pool for good: the next who asks for it is told that error, and nobody gets it. So it is
    // freed of all that is ours, in line behind whatever holds it up, and only then given back.
    destroy: () => {
      const closed = systemClock.sleep(CLOSED_MS);
      const freed = closed.then(() => run("ROLLBACK; SELECT pg_advisory_unlock_all()"));
      freed.then(giveBack, giveBack);
    },
  };
}

/**
 * A socket tells of its error before its end. Whatever postgres.js is asked for in between stays in
 * its queue and takes the connection's place in the pool for good, so the end is waited for.
 */
const CLOSED_MS = 1;

function toRows(rows: RawRows): Row[] {
  return rows.map((row) => row.map(toCell));
}
