import type { Clock } from "../../model/clock.ts";
import type { Holder } from "../../model/operation.ts";
import type { Answer } from "../../store.ts";
import type { Cell, Row, Session } from "./client.ts";
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

/** A connection kept from the pool from the first live claim to the end of the last. */
export function keptConnection(pool: Connections, clock: Clock): LeaseConnection {
  /** When each live claim ends at the latest, on this process's own clock. */
  const live = new Map<string, { fence: number; until: number }>();
  let kept: Promise<Session> | undefined;

  const open = (): Promise<Session> => {
    const opening = pool.acquire();
    kept = opening;
    opening.then(
      (session) => session.lost.catch(() => giveUp(opening, session)),
      () => forget(opening),
    );
    return opening;
  };
  const forget = (opening: Promise<Session>): void => {
    if (kept === opening) kept = undefined;
  };
  const giveUp = (opening: Promise<Session>, session: Session): void => {
    forget(opening);
    session.destroy();
  };
  let asking = 0;
  const giveBack = (): void => {
    if (asking > 0 || live.size > 0) return;
    kept?.then((session) => session.release()).catch(() => {});
    kept = undefined;
  };
  let readCommitted = true;
  const ask = async (
    session: Session,
    sql: string,
    values: readonly Cell[],
  ): Promise<readonly Row[]> => {
    if (readCommitted) return session.query(sql, values);
    const transactionId = await pool.begin(session);
    const rows = await session.query(sql, values);
    if (await session.commit(transactionId)) return rows;
    throw new Error("The renewal was rolled back.");
  };

  return {
    hold({ id, fence }, runForMs) {
      live.set(id, { fence, until: clock.monotonic() + runForMs });
      if (kept === undefined) open().catch(() => {});
    },
    drop({ id, fence }) {
      if (live.get(id)?.fence === fence) live.delete(id);
      const now = clock.monotonic();
      for (const [name, { until }] of live) if (until < now) live.delete(name);
      giveBack();
    },
    async run(sql, values) {
      asking += 1;
      try {
        return await renew(sql, values);
      } finally {
        asking -= 1;
        giveBack();
      }
    },
    close() {
      live.clear();
      giveBack();
    },
  };

  async function renew(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>> {
    const opening = kept ?? open();
    let session: Session;
    try {
      session = await opening;
    } catch (error) {
      return classify(error, "connect");
    }
    try {
      const asked = ask(session, sql, values);
      const rows = await pool.within("A renewal", pool.patience.statementMs, asked);
      return { kind: "ok", value: rows };
    } catch (error) {
      const failure = classify(error, "commit");
      if (readCommitted && sqlState(error) === SQLSTATES.isolation) {
        readCommitted = false;
        return renew(sql, values);
      }
      if (!readCommitted || sqlState(error) === undefined) giveUp(opening, session);
      return failure;
    }
  }
}

/** Leases over a pool of their own, or over the only connection there is. */
export function pooledLeases(pool: Connections): LeaseConnection {
  return { hold: () => {}, drop: () => {}, run: pool.alone, close: () => {} };
}
