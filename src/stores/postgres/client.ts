/** Every value travels as text, so that nobody's type parsers matter. */
export type Cell = string | null;
export type Row = readonly Cell[];

/** The seam between the store and a driver. */
export interface Client {
  /** Whether one connection serves everything, so that nothing may be kept from it. */
  readonly single: boolean;
  /** A `Date` as the driver writes it: a column without a zone takes its day and hour from that. */
  dateText(date: Date): string;
  /** Counts one connection as kept until the function is called; none if no more may be kept. */
  keep(): (() => void) | undefined;
  /** Waits for a connection. A failure means that nothing was sent. */
  acquire(): Promise<Session>;
}

/** How many connections of each pool are kept, by all stores over it. */
const kept = new WeakMap<object, number>();

/** What pg's and postgres.js's pools have, unless they are told. */
const CONNECTIONS = 10;

/**
 * Half of a pool at least is for work: stores that each kept a connection of a small one would wait
 * for each other to settle the claims that they keep it for.
 */
export function keeping(pool: object, max: number | undefined): Client["keep"] {
  const most = Math.floor((max ?? CONNECTIONS) / 2);
  return () => {
    const count = kept.get(pool) ?? 0;
    if (count >= most) return undefined;
    kept.set(pool, count + 1);
    let counted = true;
    return () => {
      if (counted) kept.set(pool, (kept.get(pool) ?? 1) - 1);
      counted = false;
    };
  };
}

/** One connection while we hold it. */
export interface Session {
  /** The user's own client, for callbacks. */
  readonly tx: unknown;
  /** Told if the connection is lost while nothing is asked of it, by drivers that tell of it. */
  onLost(listen: (error: Error) => void): void;
  /** Both ends of the TCP connection, of drivers that show them. */
  ends?(): Ends | undefined;
  /** One statement with parameters. */
  query(sql: string, values: readonly Cell[]): Promise<readonly Row[]>;
  /** `BEGIN` and what follows it in one round trip; the rows of all its statements. */
  begin(script: string): Promise<readonly Row[]>;
  /** Statements without parameters in one round trip; the rows of all of them. */
  script(sql: string): Promise<readonly Row[]>;
  /** The last statements, which end with `PROOF`, and the COMMIT in one round trip. */
  commit(transactionId: string | undefined, last: string): Promise<Ended>;
  rollback(): Promise<void>;
  /** Back to the pool; a connection that still has the user's statements to do is given up. */
  release(): void;
  /** Ends the connection as far as the driver can, so that nobody else gets it in this state. */
  destroy(): void;
}

/** A TCP connection as this side sees it: addresses as text, ports as numbers. */
export interface Ends {
  readonly localAddress: string;
  readonly localPort: number;
  readonly remoteAddress: string;
  readonly remotePort: number;
}

export interface Ended {
  /** True only if the server's answer proves that the transaction of that id was committed. */
  readonly committed: boolean;
  /** The row of the last statement. */
  readonly row: Row;
}

/**
 * Which transaction it is that the COMMIT after it ends: outside of one COMMIT is answered all
 * the same. It is the last column of the statement before the COMMIT.
 */
export const PROOF = "pg_current_xact_id_if_assigned()::text";

export const committing = (last: string): string => `${last}; COMMIT`;

/**
 * @param rows of all statements of `committing`, the transaction's id in the last one
 * @param transactionId undefined if `last` itself began the transaction
 */
export function toEnded(
  rows: readonly Row[],
  command: string,
  transactionId: string | undefined,
): Ended {
  const row = rows.at(-1) ?? [];
  const ended = row.at(-1) ?? undefined;
  const own = ended !== undefined && (transactionId ?? ended) === ended;
  return { committed: own && command === "COMMIT", row };
}

export function toCell(value: unknown): Cell {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString("utf8");
  return String(value);
}
