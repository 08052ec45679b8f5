import { digest } from "../../model/key.ts";
import { type Client, committing, type Row, type Session, toCell, toEnded } from "./client.ts";

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
  readonly name?: string;
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

export function pgClient(pool: PgPool, prepare: boolean): Client {
  const nameOf = prepare ? statementNames() : () => undefined;
  return {
    // A pool of one has no connection to spare for leases.
    single: pool.options.max === 1,
    acquire: async () => pgSession((await pool.connect()) as PgClient, nameOf),
  };
}

/** The same name for the same text in every store over the pool. */
function statementNames(): (text: string) => string {
  const names = new Map<string, string>();
  return (text) => {
    const known = names.get(text) ?? `nevertwice_${digest(text).toString("hex").slice(0, 32)}`;
    names.set(text, known);
    return known;
  };
}

function pgSession(client: PgClient, nameOf: (text: string) => string | undefined): Session {
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
    const query: PgQuery = { text, rowMode: "array", types: RAW };
    const name = values === undefined ? undefined : nameOf(text);
    const answer = await client.query({
      ...query,
      ...(values === undefined ? {} : { values }),
      ...(name === undefined ? {} : { name }),
    });
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
    begin: async (script) => (await runAll(script)).flatMap(toRows),
    script: async (sql) => (await runAll(sql)).flatMap(toRows),
    async commit(transactionId, last) {
      const results = await runAll(committing(last));
      return toEnded(results.flatMap(toRows), results.at(-1)?.command ?? "", transactionId);
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
