/** What SQLite binds and gives back. */
type SqliteValue = string | number | bigint | Uint8Array | null;
export type SqliteRow = Readonly<Record<string, SqliteValue>>;

/** A prepared statement, as far as the store uses one. */
interface SqliteStatement {
  run(parameters: SqliteRow): { readonly changes: number | bigint };
  get(parameters: SqliteRow): unknown;
  all(parameters: SqliteRow): unknown[];
}

/** The user's database object: `DatabaseSync` of node:sqlite or `Database` of better-sqlite3. */
export interface SqliteClient {
  exec(sql: string): unknown;
  prepare(sql: string): SqliteStatement;
}

/**
 * The two clients behind one face: named parameters, plain rows, statements prepared once.
 * A statement that names `@skew` is given the store's skew.
 */
export interface Connection {
  exec(sql: string): void;
  /**
   * Ends the open transaction; false if that has to wait. better-sqlite3 ends none while a query of
   * the user's is being read.
   */
  rollback(): boolean;
  /** Ends what a rollback had to leave open. @throws while that cannot be done */
  clean(): void;
  /** Runs a statement without rows and says how many it changed. */
  run(sql: string, parameters?: SqliteRow): number;
  get<Row>(sql: string, parameters?: SqliteRow): Row | undefined;
  all<Row>(sql: string, parameters?: SqliteRow): Row[];
  /** A setting as it is now; a pragma that was prepared earlier would give its value of then. */
  pragma(name: string): unknown;
}

const NONE: SqliteRow = {};

const NOTHING_OPEN = /no transaction is active/;

interface Prepared {
  readonly statement: SqliteStatement;
  readonly skewed: boolean;
}

export function connectionOf(db: SqliteClient, skew: { readonly ms: number }): Connection {
  const known = new Map<string, Prepared>();
  const prepare = (sql: string): Prepared => {
    const found = known.get(sql);
    if (found !== undefined) return found;
    const prepared = { statement: plainly(db.prepare(sql)), skewed: sql.includes("@skew") };
    known.set(sql, prepared);
    return prepared;
  };
  const bound = ({ skewed }: Prepared, parameters: SqliteRow): SqliteRow =>
    skewed ? { ...parameters, skew: skew.ms } : parameters;
  let left: { readonly error: unknown } | undefined;
  const rollback = (): boolean => {
    left = undefined;
    try {
      db.exec("ROLLBACK");
    } catch (error) {
      const isOver = error instanceof Error && NOTHING_OPEN.test(error.message);
      if (!isOver) left = { error };
    }
    return left === undefined;
  };
  return {
    exec: (sql) => void db.exec(sql),
    rollback,
    clean() {
      if (left !== undefined && !rollback()) throw left.error;
    },
    run(sql, parameters = NONE) {
      const prepared = prepare(sql);
      return Number(prepared.statement.run(bound(prepared, parameters)).changes);
    },
    get<Row>(sql: string, parameters = NONE) {
      const prepared = prepare(sql);
      const row = prepared.statement.get(bound(prepared, parameters));
      return row === undefined ? undefined : (withPlainBytes(row) as Row);
    },
    all<Row>(sql: string, parameters = NONE) {
      const prepared = prepare(sql);
      return prepared.statement.all(bound(prepared, parameters)).map(withPlainBytes) as Row[];
    },
    pragma(name) {
      const row = plainly(db.prepare(`PRAGMA ${name}`)).get(NONE);
      return Object.values(row ?? {})[0];
    },
  };
}

interface Switches {
  safeIntegers?(on: boolean): unknown;
  setReadBigInts?(on: boolean): unknown;
  setReturnArrays?(on: boolean): unknown;
  setAllowBareNamedParameters?(on: boolean): unknown;
}

/** Whatever defaults the user gave the database, our statements speak numbers and objects. */
function plainly(statement: SqliteStatement & Switches): SqliteStatement {
  statement.safeIntegers?.(false);
  statement.setReadBigInts?.(false);
  statement.setReturnArrays?.(false);
  statement.setAllowBareNamedParameters?.(true);
  return statement;
}

/** A Buffer can be a window on a shared pool, so it is copied out. */
function withPlainBytes(row: unknown): unknown {
  const given = row as Record<string, unknown>;
  for (const name in given) {
    const value = given[name];
    if (Buffer.isBuffer(value)) given[name] = new Uint8Array(value);
  }
  return given;
}
