import { type Client, type Row, type Session, toCell } from "./client.ts";

/** What the store needs of a PGlite instance; the transaction's type is read from `transaction`. */
export interface PGliteInstance {
  transaction(work: never): Promise<unknown>;
  readonly waitReady: Promise<void>;
}

interface PGliteOptions {
  readonly rowMode: "array";
  readonly parsers: Readonly<Record<number, (value: string) => string>>;
}

interface PGliteResult {
  readonly rows: readonly (readonly unknown[])[];
}

interface PGliteTransaction {
  query(sql: string, values: readonly unknown[], options: PGliteOptions): Promise<PGliteResult>;
  exec(sql: string, options: PGliteOptions): Promise<readonly PGliteResult[]>;
}

interface PGlite extends PGliteTransaction {
  transaction(work: (tx: PGliteTransaction) => Promise<void>): Promise<void>;
}

const TEXT = 25;
const JSON_TYPE = 114;
const raw = (value: string): string => value;
const RAW: PGliteOptions = { rowMode: "array", parsers: { [TEXT]: raw, [JSON_TYPE]: raw } };

const ROLLED_BACK: unique symbol = Symbol("rolled back");

export function isPGlite(pool: object): pool is PGliteInstance {
  return "transaction" in pool && "execProtocol" in pool;
}

/** PGlite has one connection: everything waits in line for it. */
export function pgliteClient(instance: PGliteInstance): Client {
  const db = instance as unknown as PGlite;
  return {
    single: true,
    dateText: (date) => date.toISOString(),
    keep: () => undefined,
    acquire: async () => {
      await instance.waitReady;
      return pgliteSession(db);
    },
  };
}

function pgliteSession(db: PGlite): Session {
  let inside: PGliteTransaction | undefined;
  let finish: (commit: boolean) => void = () => {};
  let ended: Promise<void> = Promise.resolve();

  /** PGlite opens and ends the transaction itself; its callback lasts until we know how it ends. */
  const open = (): Promise<PGliteTransaction> =>
    new Promise((resolve, reject) => {
      const decided = new Promise<boolean>((decide) => {
        finish = decide;
      });
      ended = db.transaction(async (tx) => {
        inside = tx;
        resolve(tx);
        if (!(await decided)) throw ROLLED_BACK;
      });
      ended.catch(reject);
    });
  const rollback = async (): Promise<void> => {
    finish(false);
    inside = undefined;
    await ended.catch((error: unknown) => {
      if (error !== ROLLED_BACK) throw error;
    });
  };

  return {
    get tx() {
      return inside;
    },
    onLost: () => {},
    query: async (sql, values) => toRows(await (inside ?? db).query(sql, values, RAW)),
    async begin(script) {
      const tx = await open();
      const results = await tx.exec(script.replace("BEGIN", "SET TRANSACTION"), RAW);
      return results.flatMap(toRows);
    },
    async script(sql) {
      return (await (inside ?? db).exec(sql, RAW)).flatMap(toRows);
    },
    async commit(transactionId, statements) {
      const last = ((await inside?.exec(statements, RAW)) ?? []).flatMap(toRows).at(-1) ?? [];
      finish(true);
      inside = undefined;
      await ended;
      // PGlite hides the answer to COMMIT, so the transaction's fate is looked up.
      const [row] = toRows(
        await db.query("SELECT pg_xact_status($1::text::xid8)", [last.at(-1) ?? null], RAW),
      );
      const own = (transactionId ?? last.at(-1)) === last.at(-1);
      return { committed: own && row?.[0] === "committed", row: last };
    },
    rollback,
    release: () => {},
    destroy: () => {
      if (inside !== undefined) void rollback().catch(() => {});
    },
  };
}

function toRows(result: PGliteResult): Row[] {
  return result.rows.map((row) => row.map(toCell));
}
