import postgres from "postgres";
import type { Answer, Store } from "../../src/store.ts";
import { type Patience, postgresStore } from "../../src/stores/postgres/store.ts";
import { quietPool } from "./postgres-bench.ts";
import type { Wired } from "./postgres-wire-call.ts";

/** A store over the proxy, and what a user of its driver does beside it. */
export interface Opened extends Wired {
  close(): Promise<void>;
}

/** Fewer than the faults of one method: a connection that is not given back is missed soon. */
const CONNECTIONS = 3;
/** How much longer than the store a user waits for a statement of their own. */
const USER_MS = 100;
const INSERT = "INSERT INTO orders VALUES ('o')";

/** A connection of the user's own. */
interface Line {
  readonly tx: unknown;
  /** What the server said that it did. */
  ask(sql: string): Promise<string | null>;
  giveBack(broken: boolean): void;
}

function overPg(url: string, patience: Patience, prepare: boolean): Opened {
  const { statementMs } = patience;
  const pool = quietPool(url, { max: CONNECTIONS });
  const store = postgresStore(pool, { ...patience, prepare, leases: pool });
  return {
    store: store as unknown as Store,
    statement: { text: INSERT, values: [] },
    insert: (tx) =>
      bounded(statementMs, (tx as { query(sql: string): Promise<void> }).query(INSERT)),
    joining: joiningOver(statementMs, async () => {
      const client = await pool.connect();
      client.on("error", () => {});
      return {
        tx: client,
        ask: async (sql) => (await client.query(sql)).command,
        giveBack: (broken) => client.release(broken),
      };
    }),
    async close() {
      await store.close();
      await pool.end();
    },
  };
}

function overPostgresJs(url: string, patience: Patience): Opened {
  const { statementMs } = patience;
  const sql = postgres(url, { max: CONNECTIONS, onnotice: () => {}, backoff: () => 0 });
  const store = postgresStore(sql, { ...patience, leases: sql });
  return {
    store: store as unknown as Store,
    statement: { text: INSERT, values: [] },
    insert: (tx) =>
      bounded(statementMs, (tx as { unsafe(text: string): Promise<void> }).unsafe(INSERT)),
    joining: joiningOver(statementMs, async () => {
      const reserved = await sql.reserve();
      return {
        tx: reserved,
        ask: async (text) => (await reserved.unsafe(text)).command,
        // A lost connection goes back by itself; given back twice it is handed out closed.
        giveBack: (broken) => void (broken || reserved.release()),
      };
    }),
    async close() {
      await store.close();
      await sql.end({ timeout: 1 });
    },
  };
}

/** The ways to the database, each over its own pool. */
export const DRIVERS: Readonly<Record<string, (url: string, patience: Patience) => Opened>> = {
  pg: (url, patience) => overPg(url, patience, false),
  "pg-prepared": (url, patience) => overPg(url, patience, true),
  "postgres.js": overPostgresJs,
};

async function bounded<T>(ms: number, statement: PromiseLike<T>): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error("The user gave up.")), ms + USER_MS);
  try {
    return await Promise.race([statement, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** As a careful user does it: what fails before the COMMIT was not applied. */
function joiningOver(statementMs: number, acquire: () => Promise<Line>): Wired["joining"] {
  return async (work) => {
    let line: Line | undefined;
    let answer: Answer<unknown>;
    try {
      line = await acquire();
      await bounded(statementMs, line.ask("BEGIN"));
      answer = await work(line.tx);
      if (answer.kind !== "ok") throw answer.error;
      if (isThrown(answer.value)) await bounded(statementMs, line.ask("ROLLBACK"));
    } catch (error) {
      line?.giveBack(true);
      return { kind: "not-applied", error, again: true };
    }
    if (isThrown(answer.value)) {
      line.giveBack(false);
      return answer;
    }
    try {
      const said = await bounded(statementMs, line.ask("COMMIT"));
      line.giveBack(false);
      if (said === "COMMIT") return answer;
      return { kind: "not-applied", error: new Error(`COMMIT said ${said}.`), again: true };
    } catch (error) {
      line.giveBack(true);
      return { kind: "not-known", error };
    }
  };
}

const isThrown = (value: unknown): boolean =>
  typeof value === "object" && value !== null && "kind" in value && value.kind === "threw";
