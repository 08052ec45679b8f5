import type { Answer } from "../../store.ts";
import type { Owner } from "./calls.ts";
import { type Cell, PROOF, type Row, type Session } from "./client.ts";
import type { Connections } from "./connection.ts";
import { classify, sqlState } from "./errors.ts";
import { freeOwner, type Held, ownClaims, takeOwner } from "./owner.ts";
import { type Names, SQLSTATES } from "./statements.ts";

/** A session that is opened when it is first needed, and kept until it no longer is. */
export interface KeptSession {
  /** Whether the session has something to do for a claim that names this owner. */
  isWanting(owner: Owner): boolean;
  /** Opens the session, locks the owner, and names it in the claims that have another. */
  tend(claims: readonly Held[]): Promise<void>;
  run(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>>;
  owner(): Owner;
  noticesDeath(): boolean;
  /** Gives the session back to the pool, without its lock, unless it is needed. */
  giveBack(): Promise<void>;
}

interface Kept {
  readonly opening: Promise<Session>;
  /** Others may keep a connection in its place. */
  free(): void;
  owner: Owner;
  /** The end of what was asked last: a session is asked one thing at a time. */
  turn: Promise<unknown>;
}

type Work<T> = (session: Session, kept: Kept) => Promise<T>;

/** @param onLost told when a session that is still needed is gone */
export function keptSession(
  pool: Connections,
  names: Names,
  skew: { readonly ms: number },
  isNeeded: () => boolean,
  onLost: () => void,
): KeptSession {
  const place = sessionPlace(pool, isNeeded, onLost);
  const ask = asker(pool);
  let proof: "open" | "given" | "refused" = "open";

  const lock: Work<void> = async (session, kept) => {
    if (kept.owner !== undefined || proof === "refused") return;
    try {
      const owner = await takeOwner(session);
      proof = owner === "unproven" ? "refused" : "given";
      if (owner !== "unproven") kept.owner = owner;
    } catch (error) {
      // A server that refuses to say will do so again.
      if (sqlState(error) !== undefined) proof = "refused";
      // Whether the session has the lock is not known, so nobody else may get it.
      place.giveUp(kept, session);
      throw error;
    }
  };

  return {
    isWanting(owner) {
      const kept = place.current();
      if (kept === undefined) return true;
      return proof !== "refused" && (kept.owner === undefined || kept.owner !== owner);
    },
    async tend(claims) {
      await place.use(async (session, kept) => {
        await lock(session, kept);
        const { owner } = kept;
        const others = claims.filter((claim) => claim.owner !== owner);
        if (owner === undefined || others.length === 0) return;
        await ownClaims(session, names, skew.ms, others, owner);
        for (const claim of others) claim.owner = owner;
      });
    },
    run: (sql, values) =>
      place.use((session) => ask(session, sql, values)) ?? pool.alone(sql, values),
    owner: () => place.current()?.owner,
    noticesDeath: () => proof === "given",
    giveBack: place.giveBack,
  };
}

interface SessionPlace extends Pick<KeptSession, "giveBack"> {
  current(): Kept | undefined;
  /**
   * Opens the session if it must, and gives it back if nobody else needs it; undefined if no more
   * connections may be kept.
   */
  use<T>(work: Work<T>): Promise<Answer<T>> | undefined;
  /** The session is in a state that nobody else may get. */
  giveUp(kept: Kept, session: Session): void;
}

function sessionPlace(
  pool: Connections,
  isNeeded: () => boolean,
  onLost: () => void,
): SessionPlace {
  let kept: Kept | undefined;
  let asking = 0;

  const forget = (lost: Kept): void => {
    lost.free();
    if (kept === lost) kept = undefined;
  };
  const giveUp = (lost: Kept, session: Session): void => {
    forget(lost);
    session.destroy();
    if (isNeeded()) onLost();
  };
  const open = (): Kept | undefined => {
    if (kept !== undefined) return kept;
    const free = pool.client.keep();
    if (free === undefined) return undefined;
    const opening = pool.acquire();
    const opened: Kept = { opening, free, owner: undefined, turn: Promise.resolve() };
    kept = opened;
    opening.then(
      (session) => session.onLost(() => giveUp(opened, session)),
      () => forget(opened),
    );
    return opened;
  };
  const giveBack = async (): Promise<void> => {
    if (asking > 0 || isNeeded() || kept === undefined) return;
    const leaving = kept;
    kept = undefined;
    const session = await leaving.opening.catch(() => undefined);
    if (session !== undefined) await leave(pool, session, leaving.owner);
    leaving.free();
  };

  async function used<T>(mine: Kept, work: Work<T>): Promise<Answer<T>> {
    asking += 1;
    let session: Session | undefined;
    try {
      const opened = await mine.opening;
      session = opened;
      const inTurn = mine.turn.then(() =>
        pool.within("A renewal", pool.patience.statementMs, work(opened, mine)),
      );
      mine.turn = inTurn.catch(() => {});
      return { kind: "ok", value: await inTurn };
    } catch (error) {
      if (session === undefined) return classify(error, "connect");
      // Without a code from the server the state of the connection is unknown.
      if (sqlState(error) === undefined) giveUp(mine, session);
      return classify(error, "commit");
    } finally {
      asking -= 1;
      void giveBack();
    }
  }
  const use = <T>(work: Work<T>): Promise<Answer<T>> | undefined => {
    const mine = open();
    return mine === undefined ? undefined : used(mine, work);
  };
  return { current: () => kept, use, giveUp, giveBack };
}

/** Nothing of ours stays in a session of the user's pool. */
async function leave(pool: Connections, session: Session, owner: Owner): Promise<void> {
  if (owner === undefined) return session.release();
  const unlocking = freeOwner(session, owner);
  try {
    if (await pool.within("Unlocking", pool.patience.statementMs, unlocking)) session.release();
    else session.destroy();
  } catch {
    session.destroy();
  }
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
