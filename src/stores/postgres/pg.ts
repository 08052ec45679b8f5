import { digest } from "../../model/key.ts";
import { type Client, committing, type Ends, type Row, type Session, toEnded } from "./client.ts";

/** What the store needs of pg's `Pool`; the client's type is read from `connect`. */
export interface PgPool {
  connect(): Promise<object>;
  readonly totalCount: number;
  readonly options: { readonly max?: number | undefined };
  /** Tells of each new client before anybody has it. */
  on?(event: "connect", listener: (client: never) => void): unknown;
}

interface PgResult {
  readonly command: string | null;
  readonly rows: readonly Row[];
}

type PgAnswer = PgResult | readonly PgResult[];

/** What every query of ours has; its own, since whoever wraps a driver may copy own properties. */
const RAW_QUERY = {
  rowMode: "array",
  types: { getTypeParser: () => (value: unknown) => value },
} as const;

interface PgQuery {
  readonly name?: string;
  readonly text: string;
  readonly values?: readonly unknown[];
  /** With one, pg makes no promise of its own. */
  callback(error: unknown, answer: PgAnswer): void;
}

/** A checked-out client, as pg 8 has it. */
interface PgClient {
  query(query: PgQuery): void;
  release(broken?: boolean): void;
  on(event: "error" | "end", listener: (error?: Error) => void): unknown;
  /** Private to pg, and the only sign of statements that nobody awaited. */
  readonly _queryQueue?: readonly unknown[];
  readonly _activeQuery?: unknown;
  readonly _sentQueryQueue?: readonly unknown[];
  /** Absent in pg's native client. */
  readonly connection?: { readonly stream?: Partial<Ends> };
}

export function isPgPool(pool: object): pool is PgPool {
  return "connect" in pool && "totalCount" in pool && !("reserve" in pool);
}

export function pgClient(pool: PgPool, prepare: boolean): Client {
  const nameOf = prepare ? statementNames() : () => undefined;
  hearFrom(pool);
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

/** Who wants to hear that a client was lost, while one of our sessions has it. */
const listeners = new WeakMap<PgClient, { tell: (error: Error) => void }>();

/**
 * pg emits the loss of an idle connection as an event that ends the process if nobody listens. One
 * listener stays with each client, also with a destroyed one, which may still report its end.
 */
function listenTo(client: PgClient): { tell: (error: Error) => void } {
  const known = listeners.get(client);
  if (known !== undefined) return known;
  const listener = { tell: deaf };
  listeners.set(client, listener);
  const onLoss = (error?: Error): void =>
    listener.tell(error ?? new Error("The connection was ended."));
  client.on("error", onLoss);
  client.on("end", onLoss);
  return listener;
}

const deaf = (_: Error): void => {};

const heard = new WeakSet<PgPool>();

/**
 * A server that ends a session at once may say so in the same packet as that it is ready, before
 * whoever asked for the connection has it.
 */
function hearFrom(pool: PgPool): void {
  if (heard.has(pool)) return;
  heard.add(pool);
  pool.on?.("connect", (client: PgClient) => void listenTo(client));
}

function pgSession(client: PgClient, nameOf: (text: string) => string | undefined): Session {
  let given = false;
  let lost: Error | undefined;
  let hear: ((error: Error) => void) | undefined;
  const listener = listenTo(client);
  listener.tell = (error) => {
    lost ??= error;
    hear?.(error);
  };

  /** One result for each statement; pg gives a lone one without a list. */
  const runAll = (text: string, values?: readonly unknown[]): Promise<readonly PgResult[]> =>
    new Promise((resolve, reject) => {
      const callback: PgQuery["callback"] = (error, answer) => {
        if (error) reject(error);
        else resolve(Array.isArray(answer) ? answer : [answer as PgResult]);
      };
      const name = values === undefined ? undefined : nameOf(text);
      client.query({
        ...{ ...RAW_QUERY, text, callback },
        ...(values === undefined ? {} : { values }),
        ...(name === undefined ? {} : { name }),
      });
    });
  const rowsOf = async (text: string, values?: readonly unknown[]): Promise<readonly Row[]> =>
    (await runAll(text, values)).flatMap(toRows);
  const giveBack = (broken: boolean): void => {
    if (given) return;
    given = true;
    listener.tell = deaf;
    client.release(broken);
  };

  return {
    tx: client,
    onLost(listen) {
      hear = listen;
      if (lost !== undefined) listen(lost);
    },
    ends: () => endsOf(client),
    query: rowsOf,
    begin: rowsOf,
    script: rowsOf,
    async commit(transactionId, last) {
      const results = await runAll(committing(last));
      return toEnded(results.flatMap(toRows), results.at(-1)?.command ?? "", transactionId);
    },
    rollback: async () => void (await runAll("ROLLBACK")),
    release: () => giveBack(isBusy(client)),
    destroy: () => giveBack(true),
  };
}

const toRows = ({ rows }: PgResult): readonly Row[] => rows;

function endsOf({ connection }: PgClient): Ends | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = connection?.stream ?? {};
  // A Unix socket has none.
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { localAddress, localPort, remoteAddress, remotePort };
}

function isBusy(client: PgClient): boolean {
  const queued = (client._queryQueue?.length ?? 0) + (client._sentQueryQueue?.length ?? 0);
  return queued > 0 || (client._activeQuery ?? null) !== null;
}
