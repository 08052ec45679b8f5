import { type Client, COMMIT, type Row, type Session, toCell } from "./client.ts";

/** What the store needs of pg's `Pool`; the client's type is read from `connect`. */
export interface PgPool {
  connect(): Promise<object>;
  readonly totalCount: number;
  readonly options: { readonly max?: number | undefined };
}

interface PgResult {
  readonly command: string | null;
  readonly rows: readonly (readonly unknown[])[];
}

interface PgQuery {
  readonly text: string;
  readonly values?: readonly unknown[];
  readonly rowMode: "array";
  readonly types: { getTypeParser(): (value: unknown) => unknown };
}

/** A checked-out client, as pg 8 has it. */
interface PgClient {
  query(query: PgQuery): Promise<PgResult | readonly PgResult[]>;
  release(broken?: boolean): void;
  on(event: "error" | "end", listener: (error?: Error) => void): unknown;
  off(event: "error" | "end", listener: (error?: Error) => void): unknown;
  /** Private to pg, and the only sign of statements that nobody awaited. */
  readonly _queryQueue?: readonly unknown[];
  readonly _activeQuery?: unknown;
  readonly _sentQueryQueue?: readonly unknown[];
}

const RAW = { getTypeParser: () => (value: unknown) => value };

export function isPgPool(pool: object): pool is PgPool {
  return "connect" in pool && "totalCount" in pool && !("reserve" in pool);
}

export function pgClient(pool: PgPool): Client {
  return {
    // A pool of one has no connection to spare for leases.
    single: pool.options.max === 1,
    acquire: async () => pgSession((await pool.connect()) as PgClient),
  };
}

function pgSession(client: PgClient): Session {
  let given = false;
  let fail: (error: Error) => void = () => {};
  const lost = new Promise<never>((_, reject) => {
    fail = reject;
  });
  lost.catch(() => {});
  // pg emits the loss of an idle connection as an event that ends the process if nobody listens.
  const onLoss = (error?: Error): void => fail(error ?? new Error("The connection was ended."));
  client.on("error", onLoss);
  client.on("end", onLoss);

  /** One result for each statement; pg gives a lone one without a list. */
  const runAll = async (text: string, values?: readonly unknown[]): Promise<PgResult[]> => {
    const query = { text, rowMode: "array", types: RAW, ...(values ? { values } : {}) } as const;
    const answer = await client.query(query);
    return Array.isArray(answer) ? [...(answer as readonly PgResult[])] : [answer as PgResult];
  };
  const giveBack = (broken: boolean): void => {
    if (given) return;
    given = true;
    client.release(broken);
    // A destroyed client may still report its end, which must not reach the process.
    if (broken) return;
    client.off("error", onLoss);
    client.off("end", onLoss);
  };

  return {
    tx: client,
    lost,
    query: async (sql, values) => (await runAll(sql, values)).flatMap(toRows),
    begin: async (script) => (await runAll(script)).flatMap(toRows).at(-1) ?? [],
    script: async (sql) => void (await runAll(sql)),
    async commit(transactionId) {
      const [current, done] = await runAll(COMMIT);
      return current?.rows[0]?.[0] === transactionId && done?.command === "COMMIT";
    },
    rollback: async () => void (await runAll("ROLLBACK")),
    release: () => giveBack(isBusy(client)),
    destroy: () => giveBack(true),
  };
}

function toRows(result: PgResult): Row[] {
  return result.rows.map((row) => row.map(toCell));
}

function isBusy(client: PgClient): boolean {
  const queued = (client._queryQueue?.length ?? 0) + (client._sentQueryQueue?.length ?? 0);
  return queued > 0 || (client._activeQuery ?? null) !== null;
}
