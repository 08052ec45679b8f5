import { type Client, committing, type Row, type Session, toCell, toEnded } from "./client.ts";

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
  unsafe(sql: string, values?: readonly unknown[], options?: { prepare: boolean }): RawQuery;
  release(): void;
}

export function isPostgresJs(pool: object): pool is PostgresJsSql {
  return "reserve" in pool && "unsafe" in pool;
}

export function postgresJsClient(sql: PostgresJsSql, prepare: boolean): Client {
  return {
    single: sql.options.max === 1,
    acquire: async () => postgresJsSession((await sql.reserve()) as ReservedClient, prepare),
  };
}

function postgresJsSession(sql: ReservedClient, prepare: boolean): Session {
  let given = false;
  /** One result for each statement of a script; postgres.js gives a lone one without a list. */
  const run = async (text: string, values?: readonly unknown[]): Promise<readonly RawRows[]> => {
    const answer = await (values ? sql.unsafe(text, values, { prepare }) : sql.unsafe(text)).raw();
    return "command" in answer ? [answer as RawRows] : (answer as readonly RawRows[]);
  };
  const giveBack = (): void => {
    if (given) return;
    given = true;
    sql.release();
  };
  return {
    tx: sql,
    // postgres.js rejects the statements of a lost connection and tells of it in no other way.
    onLost: () => {},
    query: async (text, values) => (await run(text, values)).flatMap(toRows),
    begin: async (script) => (await run(script)).flatMap(toRows),
    script: async (text) => (await run(text)).flatMap(toRows),
    async commit(transactionId, last) {
      // postgres.js puts the tag of a statement without rows on the result before it.
      const results = await run(committing(last));
      return toEnded(results.flatMap(toRows), results.at(-1)?.command ?? "", transactionId);
    },
    rollback: async () => void (await run("ROLLBACK")),
    release: giveBack,
    // postgres.js cannot end one connection, so the server is asked to, in line behind whatever
    // holds the connection up; only then does it go back.
    destroy: () => {
      run("SELECT pg_terminate_backend(pg_backend_pid())").then(giveBack, giveBack);
    },
  };
}

function toRows(rows: RawRows): Row[] {
  return rows.map((row) => row.map(toCell));
}
