import type { Client, Ended, Ends, Row, Session } from "../../src/stores/postgres/client.ts";
import { type Connections, connections } from "../../src/stores/postgres/connection.ts";
import { type HandClock, handClock } from "../core/hand-clock.ts";

export const PATIENCE = { connectMs: 50, lockMs: 1, statementMs: 100, idleMs: 2, commitMs: 200 };

/** What a session answers; everything goes well unless it is said. */
export interface Plan {
  /** Whether a connection may be kept; true unless it is said. */
  readonly keeps?: boolean;
  readonly acquire?: (session: Session) => Promise<Session>;
  readonly ends?: () => Ends | undefined;
  readonly query?: (sql: string) => Promise<readonly Row[]>;
  readonly begin?: () => Promise<readonly Row[]>;
  readonly script?: () => Promise<readonly Row[]>;
  readonly commit?: () => Promise<Ended>;
  readonly rollback?: () => Promise<void>;
}

export interface Planned {
  readonly db: Connections;
  readonly clock: HandClock;
  readonly session: Session;
  /** What was done with the connection, by name. */
  readonly done: string[];
  /** What was sent with a BEGIN, with a COMMIT and alone. */
  readonly scripts: string[];
  /** The server or the network ends the connection. */
  lose(error: Error): void;
}

/** Connections to a server that follows a plan; time passes by hand. */
export function planned(plan: Plan = {}): Planned {
  const done: string[] = [];
  const scripts: string[] = [];
  let hear: (error: Error) => void = () => {};
  const session: Session = {
    tx: undefined,
    onLost(listen) {
      hear = listen;
    },
    ...(plan.ends === undefined ? {} : { ends: plan.ends }),
    async query(sql) {
      done.push("query");
      scripts.push(sql);
      return plan.query === undefined ? [["answer"]] : plan.query(sql);
    },
    async begin(script) {
      done.push("begin");
      scripts.push(script);
      return plan.begin === undefined ? [["first"], ["x", "77"]] : plan.begin();
    },
    async script(sql) {
      done.push("script");
      scripts.push(sql);
      return plan.script === undefined ? [] : plan.script();
    },
    async commit(_, last) {
      done.push("commit");
      scripts.push(last);
      return plan.commit === undefined ? { committed: true, row: ["last", "77"] } : plan.commit();
    },
    async rollback() {
      done.push("rollback");
      await plan.rollback?.();
    },
    release: () => void done.push("release"),
    destroy: () => void done.push("destroy"),
  };
  const client: Client = {
    single: false,
    dateText: (date) => date.toISOString(),
    keep: () => (plan.keeps === false ? undefined : () => {}),
    async acquire() {
      done.push("acquire");
      return plan.acquire === undefined ? session : plan.acquire(session);
    },
  };
  const clock = handClock();
  return {
    ...{ db: connections(client, clock, PATIENCE), clock, session, done, scripts },
    lose: (error) => hear(error),
  };
}
