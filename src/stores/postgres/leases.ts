import type { Clock } from "../../model/clock.ts";
import type { Holder } from "../../model/operation.ts";
import type { Answer } from "../../store.ts";
import { type Cell, PROOF, type Row, type Session } from "./client.ts";
import type { Connections } from "./connection.ts";
import { classify, sqlState } from "./errors.ts";
import { SQLSTATES } from "./statements.ts";

/** The connection that heartbeats go over while user work may have taken every other. */
export interface LeaseConnection {
  /** A claim lives: its heartbeats will need the connection. */
  hold(holder: Holder, runForMs: number): void;
  /** The claim has ended. */
  drop(holder: Holder): void;
  run(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>>;
  close(): void;
}

/** A claim that lives for longer than this is worth a connection: most end before. */
const BRIEF_MS = 50;

/** A connection kept from the pool while claims live, and given back with the last one. */
export function keptConnection(pool: Connections, clock: Clock): LeaseConnection {
  /** When each live claim ends at the latest, on this process's own clock. */
  const live = new Map<string, { fence: number; until: number }>();
  const keeper = sessionKeeper(pool, () => live.size > 0);
  let waiting = false;

  async function openLater(): Promise<void> {
    waiting = true;
    await clock.sleep(BRIEF_MS);
    waiting = false;
    if (live.size > 0) keeper.open().catch(() => {});
  }

  return {
    hold({ id, fence }, runForMs) {
      live.set(id, { fence, until: clock.monotonic() + runForMs });
      if (!waiting && !keeper.isOpen()) void openLater();
    },
    drop({ id, fence }) {
      if (live.get(id)?.fence === fence) live.delete(id);
      const now = clock.monotonic();
      for (const [name, { until }] of live) if (until < now) live.delete(name);
      keeper.giveBack();
    },
    run: keeper.run,
    close() {
      live.clear();
      keeper.giveBack();
    },
  };
}

interface SessionKeeper extends Pick<LeaseConnection, "run"> {
  isOpen(): boolean;
  open(): Promise<Session>;
  giveBack(): void;
}

function sessionKeeper(pool: Connections, isNeeded: () => boolean): SessionKeeper {
  let kept: Promise<Session> | undefined;
  let asking = 0;

  const forget = (opening: Promise<Session>): void => {
    if (kept === opening) kept = undefined;
  };
  const giveUp = (opening: Promise<Session>, session: Session): void => {
    forget(opening);
    session.destroy();
  };
  const open = (): Promise<Session> => {
    if (kept !== undefined) return kept;
    const opening = pool.acquire();
    kept = opening;
    opening.then(
      (session) => session.lost.catch(() => giveUp(opening, session)),
      () => forget(opening),
    );
    return opening;
  };
  const giveBack = (): void => {
    if (asking > 0 || isNeeded()) return;
    kept?.then((session) => session.release()).catch(() => {});
    kept = undefined;
  };
  const ask = asker(pool);

  async function run(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>> {
    asking += 1;
    const opening = open();
    let session: Session | undefined;
    try {
      session = await opening;
      const rows = await pool.within(
        "A renewal",
        pool.patience.statementMs,
        ask(session, sql, values),
      );
      return { kind: "ok", value: rows };
    } catch (error) {
      if (session === undefined) return classify(error, "connect");
      // Without a code from the server the state of the connection is unknown.
      if (sqlState(error) === undefined) giveUp(opening, session);
      return classify(error, "commit");
    } finally {
      asking -= 1;
      giveBack();
    }
  }
  return { isOpen: () => kept !== undefined, open, giveBack, run };
}

type Ask = (session: Session, sql: string, values: readonly Cell[]) => Promise<readonly Row[]>;

/** A lone statement, or one in a transaction where the default isolation is not READ COMMITTED. */
function asker(pool: Connections): Ask {
  let readCommitted = true;

  const wrapped: Ask = async (session, sql, values) => {
    const { transactionId } = await pool.begin(session);
    try {
      const rows = await session.query(sql, values);
      if ((await session.commit(transactionId, `SELECT ${PROOF}`)).committed) return rows;
    } catch (error) {
      await session.rollback();
      throw error;
    }
    throw new Error("The renewal was rolled back.");
  };
  return async (session, sql, values) => {
    if (!readCommitted) return wrapped(session, sql, values);
    try {
      return await session.query(sql, values);
    } catch (error) {
      if (sqlState(error) !== SQLSTATES.isolation) throw error;
      readCommitted = false;
      return wrapped(session, sql, values);
    }
  };
}

/** Leases over a pool of their own, or over the only connection there is. */
export function pooledLeases(pool: Connections): LeaseConnection {
  return { hold: () => {}, drop: () => {}, run: pool.alone, close: () => {} };
}
