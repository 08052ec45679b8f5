import type { Clock } from "../../model/clock.ts";
import type { Answer } from "../../store.ts";
import { type Cell, type Client, type Ended, PROOF, type Row, type Session } from "./client.ts";
import { deadlines, type Within } from "./deadline.ts";
import { classify, sqlState } from "./errors.ts";
import { SQLSTATES } from "./statements.ts";

/** How long the store waits for what, in milliseconds. */
export interface Patience {
  /** A free connection of the pool. */
  readonly connectMs: number;
  /** A row lock, told to the server. */
  readonly lockMs: number;
  /** A statement, told to the server, and kept by the store where a statement stands alone. */
  readonly statementMs: number;
  /** A callback between two statements, told to the server. */
  readonly idleMs: number;
  /** The answer to COMMIT: no setting of the server bounds it. */
  readonly commitMs: number;
}

export interface Begun {
  /** The transaction's own id: the last column of the row. */
  readonly transactionId: string;
  /** The last row of the first statements. */
  readonly row: Row;
}

/** Statements over a client: none of them waits longer than its patience. */
export interface Connections {
  readonly client: Client;
  readonly patience: Patience;
  acquire(): Promise<Session>;
  /** One statement that commits by itself. */
  alone(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>>;
  /** One statement in a transaction of ours, which may wait for a lock. */
  wrapped(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>>;
  /** `BEGIN` and the first statements, which hold no parameters and bring their own settings. */
  begin(session: Session, first?: string): Promise<Begun>;
  /** Whether the server said that it committed; a lost answer is not known. */
  commit(
    session: Session,
    transactionId: string | undefined,
    last?: string,
  ): Promise<Answer<Ended>>;
  /** Rolls back and gives the connection back, or ends it if that fails. */
  abandon(session: Session): Promise<void>;
  readonly within: Within;
}

export function connections(client: Client, clock: Clock, patience: Patience): Connections {
  const within = deadlines(clock);
  let readCommitted = true;

  async function acquire(): Promise<Session> {
    const wanted = client.acquire();
    try {
      return await within("Waiting for a connection", patience.connectMs, wanted);
    } catch (error) {
      // One that comes late goes back to the pool.
      wanted.then((session) => session.release()).catch(() => {});
      throw error;
    }
  }

  async function alone(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>> {
    if (!readCommitted) return wrapped(db, sql, values);
    const answer = await once(db, sql, values);
    if (answer.kind !== "not-applied" || sqlState(answer.error) !== SQLSTATES.isolation)
      return answer;
    // The database's default isolation is another, so from now on every statement says its own.
    readCommitted = false;
    return wrapped(db, sql, values);
  }

  async function begin(session: Session, first = settings(patience)): Promise<Begun> {
    const script = `BEGIN ISOLATION LEVEL READ COMMITTED; ${first}`;
    const rows = await within("BEGIN", patience.statementMs, session.begin(script));
    const row = rows.at(-1) ?? [];
    return { transactionId: row.at(-1) ?? "", row };
  }

  async function commit(
    session: Session,
    transactionId: string | undefined,
    last = `SELECT ${PROOF}`,
  ): Promise<Answer<Ended>> {
    try {
      const value = await within("COMMIT", patience.commitMs, session.commit(transactionId, last));
      session.release();
      return { kind: "ok", value };
    } catch (error) {
      const failure = classify(error, "commit");
      if (failure.kind === "not-known") session.destroy();
      else await abandon(session);
      return failure;
    }
  }

  async function abandon(session: Session): Promise<void> {
    try {
      await within("ROLLBACK", patience.statementMs, session.rollback());
      session.release();
    } catch {
      session.destroy();
    }
  }

  const db: Connections = {
    ...{ client, patience, acquire, alone, begin, commit, abandon, within },
    wrapped: (sql, values) => wrapped(db, sql, values),
  };
  return db;
}

async function once(
  db: Connections,
  sql: string,
  values: readonly Cell[],
): Promise<Answer<readonly Row[]>> {
  let session: Session;
  try {
    session = await db.acquire();
  } catch (error) {
    return classify(error, "connect");
  }
  try {
    const rows = await db.within(
      "A statement",
      db.patience.statementMs,
      session.query(sql, values),
    );
    session.release();
    return { kind: "ok", value: rows };
  } catch (error) {
    // An error with a code came from the server, so the connection is in order.
    if (sqlState(error) === undefined) session.destroy();
    else session.release();
    return classify(error, "commit");
  }
}

async function wrapped(
  db: Connections,
  sql: string,
  values: readonly Cell[],
): Promise<Answer<readonly Row[]>> {
  let session: Session;
  try {
    session = await db.acquire();
  } catch (error) {
    return classify(error, "connect");
  }
  try {
    const { transactionId } = await db.begin(session);
    const rows = await db.within(
      "A statement",
      db.patience.statementMs,
      session.query(sql, values),
    );
    const committed = await db.commit(session, transactionId);
    if (committed.kind !== "ok") return committed;
    if (committed.value.committed) return { kind: "ok", value: rows };
    return classify(new Error("COMMIT was answered with ROLLBACK."), "open");
  } catch (error) {
    await db.abandon(session);
    return classify(error, "open");
  }
}

/** Settings are local to the transaction, because behind a pooler a session is anybody's. */
export function settings({ lockMs, statementMs, idleMs }: Patience): string {
  const local = (name: string, ms: number): string => `set_config('${name}', '${ms}', true)`;
  return `SELECT ${local("lock_timeout", lockMs)}, ${local(
    "statement_timeout",
    statementMs,
  )}, ${local("idle_in_transaction_session_timeout", idleMs)}, pg_current_xact_id()::text`;
}
