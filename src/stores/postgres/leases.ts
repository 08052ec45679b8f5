import type { Clock } from "../../model/clock.ts";
import type { RecordId } from "../../model/key.ts";
import type { Holder } from "../../model/operation.ts";
import type { Answer } from "../../store.ts";
import type { Owner } from "./calls.ts";
import type { Cell, Row } from "./client.ts";
import type { Connections } from "./connection.ts";
import { keptSession } from "./kept-session.ts";
import type { Held } from "./owner.ts";
import type { Names } from "./statements.ts";

/** The connection that heartbeats go over while user work may have taken every other. */
export interface LeaseConnection {
  /** A claim lives, made with that owner: its heartbeats will need the connection. */
  hold(holder: Holder, durations: Durations, owner: Owner): void;
  /** The claim has ended. */
  drop(holder: Holder): void;
  run(sql: string, values: readonly Cell[]): Promise<Answer<readonly Row[]>>;
  /** What tells others that this process lives, while the connection holds its lock. */
  owner(): Owner;
  /** Whether the connection has proven that its lock ends with this process. */
  noticesDeath(): boolean;
  close(): Promise<void>;
}

interface Durations {
  readonly leaseMs: number;
  readonly runForMs: number;
}

/** A claim that lives for longer than this is worth a connection: most end before. */
const BRIEF_MS = 50;

/** A connection kept from the pool while claims live, and given back with the last one. */
export function keptConnection(
  pool: Connections,
  clock: Clock,
  names: Names,
  skew: { readonly ms: number },
): LeaseConnection {
  const live = new Map<RecordId, Held>();
  const isNeeded = (): boolean => live.size > 0;
  const session = keptSession(pool, names, skew, isNeeded, () => void tendLater());
  let [tending, asked] = [false, false];

  /** Opens the connection, and names its owner in every claim that has become worth it. */
  async function tendLater(): Promise<void> {
    asked = true;
    if (tending) return;
    tending = true;
    while (asked) {
      asked = false;
      await clock.sleep(BRIEF_MS);
      const wanting = [...live.values()].filter(({ owner }) => session.isWanting(owner));
      const old = clock.monotonic() - BRIEF_MS;
      const lasting = wanting.filter(({ since }) => since <= old);
      if (lasting.length < wanting.length) asked = true;
      if (lasting.length > 0) await session.tend(lasting);
    }
    tending = false;
  }

  return {
    hold({ id, fence, attemptId }, { leaseMs, runForMs }, owner) {
      const since = clock.monotonic();
      live.set(id, { id, fence, attemptId, leaseMs, since, until: since + runForMs, owner });
      if (session.isWanting(owner)) void tendLater();
    },
    drop({ id, attemptId }) {
      if (live.get(id)?.attemptId === attemptId) live.delete(id);
      const now = clock.monotonic();
      for (const [name, { until }] of live) if (until < now) live.delete(name);
      void session.giveBack();
    },
    async run(sql, values) {
      const answer = await session.run(sql, values);
      if (isNeeded() && session.isWanting(session.owner())) void tendLater();
      return answer;
    },
    owner: session.owner,
    noticesDeath: session.noticesDeath,
    async close() {
      live.clear();
      await session.giveBack();
    },
  };
}

/** Leases over a pool of their own, or over the only connection there is. */
export function pooledLeases(pool: Connections): LeaseConnection {
  return {
    ...{ hold: () => {}, drop: () => {}, run: pool.alone, close: async () => {} },
    ...{ owner: () => undefined, noticesDeath: () => false },
  };
}
