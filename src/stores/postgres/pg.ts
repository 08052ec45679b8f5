import { localTime } from "../../model/clock.ts";
import { digest } from "../../model/key.ts";
import {
  type Cell,
  type Client,
  committing,
  type Ended,
  type Ends,
  keeping,
  type Row,
  type Session,
  toEnded,
} from "./client.ts";
import { PgScript, type Played } from "./pg-script.ts";

/** What the store needs of pg's `Pool`; the client's type is read from `connect`. */
export interface PgPool {
  connect(): Promise<object>;
  readonly totalCount: number;
  readonly options: { readonly max?: number | undefined };
  /** Tells of each new client before anybody has it. */
  on?(event: "connect", listener: (client: never) => void): unknown;
}

/** The same pool, as it tells of connections that were lost while idle. */
interface PoolOfErrors {
  on?(event: "error", listener: (error: Error) => void): unknown;
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

interface PgConnection {
  readonly stream?: Partial<Ends>;
  readonly query?: unknown;
  on?(event: "readyForQuery", listener: (message: { readonly status?: string }) => void): unknown;
}

/** A checked-out client, as pg 8 has it. */
interface PgClient {
  query(query: PgQuery | PgScript): void;
  release(broken?: boolean): void;
  on(event: "error" | "end", listener: (error?: Error) => void): unknown;
  /** `I` outside of a transaction; older releases of pg do not keep it. */
  getTransactionStatus?(): string | null;
  /** Private to pg, and the only sign of statements that nobody awaited. */
  readonly _queryQueue?: readonly unknown[];
  readonly _activeQuery?: unknown;
  readonly _sentQueryQueue?: readonly unknown[];
  /** The same in older releases. */
  readonly queryQueue?: readonly unknown[];
  readonly activeQuery?: unknown;
  /** Absent in pg's native client. */
  readonly connection?: PgConnection;
  readonly pipeline?: boolean;
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
    dateText: localTime,
    keep: keeping(pool, pool.options.max),
    acquire: async () => new PgSession(await idle(pool), nameOf),
  };
}

/**
 * A client that somebody gave back inside of a transaction is ended: what is written there says
 * that it is done, and goes with a transaction that nobody will commit.
 */
async function idle(pool: PgPool): Promise<PgClient> {
  for (let others = pool.totalCount; ; others -= 1) {
    const client = (await pool.connect()) as PgClient;
    if ((client.getTransactionStatus?.() ?? listenTo(client).status ?? "I") === "I") return client;
    client.release(true);
    if (others <= 0) throw new Error("The pool gives connections inside of transactions only.");
  }
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

interface Listener {
  /** Who wants to hear that the client was lost, while one of our sessions has it. */
  tell: (error: Error) => void;
  /** What the server last said of the client's transaction. */
  status?: string | undefined;
}

const listeners = new WeakMap<PgClient, Listener>();

/**
 * pg emits the loss of an idle connection as an event that ends the process if nobody listens. One
 * listener stays with each client, also with a destroyed one, which may still report its end.
 */
function listenTo(client: PgClient): Listener {
  const known = listeners.get(client);
  if (known !== undefined) return known;
  const listener: Listener = { tell: deaf };
  listeners.set(client, listener);
  const onLoss = (error?: Error): void =>
    listener.tell(error ?? new Error("The connection was ended."));
  client.on("error", onLoss);
  client.on("end", onLoss);
  client.connection?.on?.("readyForQuery", ({ status }) => {
    listener.status = status;
  });
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
  // Without a listener the loss of an idle connection, as in a restart, ends the process.
  (pool as object as PoolOfErrors).on?.("error", deaf);
}

/** A class, because there is one for every transaction. */
class PgSession implements Session {
  readonly tx: PgClient;
  readonly #nameOf: (text: string) => string | undefined;
  readonly #listener: Listener;
  readonly #release: PgClient["release"];
  #given = false;
  #lost: Error | undefined;
  #hear: ((error: Error) => void) | undefined;

  constructor(client: PgClient, nameOf: (text: string) => string | undefined) {
    this.tx = client;
    this.#nameOf = nameOf;
    this.#listener = listenTo(client);
    // A callback that gives back what it was handed would share its transaction with the next one.
    this.#release = client.release;
    client.release = () => {};
    this.#listener.tell = (error) => {
      this.#lost ??= error;
      this.#hear?.(error);
    };
  }

  onLost(listen: (error: Error) => void): void {
    this.#hear = listen;
    if (this.#lost !== undefined) listen(this.#lost);
  }

  ends(): Ends | undefined {
    return endsOf(this.tx);
  }

  async query(sql: string, values: readonly Cell[]): Promise<readonly Row[]> {
    return rowsOf(await ask(this.tx, sql, values, this.#nameOf(sql)));
  }

  async begin(script: string): Promise<readonly Row[]> {
    return (await play(this.tx, script)).rows;
  }

  async script(sql: string): Promise<readonly Row[]> {
    return (await play(this.tx, sql)).rows;
  }

  async commit(transactionId: string | undefined, last: string): Promise<Ended> {
    const { rows, command } = await play(this.tx, committing(last));
    return toEnded(rows, command, transactionId);
  }

  async rollback(): Promise<void> {
    await play(this.tx, "ROLLBACK");
  }

  release(): void {
    this.#giveBack(isBusy(this.tx));
  }

  destroy(): void {
    this.#giveBack(true);
  }

  #giveBack(broken: boolean): void {
    if (this.#given) return;
    this.#given = true;
    this.#listener.tell = deaf;
    this.tx.release = this.#release;
    this.tx.release(broken);
  }
}

/** One result for each statement; pg gives a lone one without a list. */
function ask(
  client: PgClient,
  text: string,
  values?: readonly Cell[],
  name?: string,
): Promise<readonly PgResult[]> {
  return new Promise((resolve, reject) => {
    const callback: PgQuery["callback"] = (error, answer) => {
      if (error) reject(error);
      else resolve(Array.isArray(answer) ? answer : [answer as PgResult]);
    };
    client.query({
      ...{ ...RAW_QUERY, text, callback },
      ...(values === undefined ? {} : { values }),
      ...(name === undefined ? {} : { name }),
    });
  });
}

async function play(client: PgClient, text: string): Promise<Played> {
  if (takesScripts(client))
    return new Promise((resolve, reject) => {
      const end: PgScript["callback"] = (error, played) =>
        played === undefined ? reject(error) : resolve(played);
      client.query(new PgScript(text, end));
    });
  const results = await ask(client, text);
  return { rows: rowsOf(results), command: results.at(-1)?.command ?? "" };
}

/** pg's native client knows its own queries alone, and so does one that pipelines. */
function takesScripts({ connection, pipeline }: PgClient): boolean {
  return typeof connection?.query === "function" && pipeline !== true;
}

const rowsOf = (results: readonly PgResult[]): readonly Row[] =>
  results.flatMap(({ rows }) => rows);

function endsOf({ connection }: PgClient): Ends | undefined {
  const { localAddress, localPort, remoteAddress, remotePort } = connection?.stream ?? {};
  // A Unix socket has none.
  if (localAddress === undefined || localPort === undefined) return undefined;
  if (remoteAddress === undefined || remotePort === undefined) return undefined;
  return { localAddress, localPort, remoteAddress, remotePort };
}

function isBusy(client: PgClient): boolean {
  // Newer releases warn whoever reads the older names.
  const [queue, active] =
    client._queryQueue === undefined
      ? [client.queryQueue, client.activeQuery]
      : [client._queryQueue, client._activeQuery];
  const queued = (queue?.length ?? 0) + (client._sentQueryQueue?.length ?? 0);
  return queued > 0 || (active ?? null) !== null;
}
