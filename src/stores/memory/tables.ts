import type { Statement } from "../../model/statement.ts";
import type { MaybePromise } from "../../store.ts";
import type { Shelves } from "./shelves.ts";

/** A committed table as anyone may read it. */
export interface ReadableTable<T> {
  get(id: string): T | undefined;
  values(): T[];
}

/** A table inside a transaction. */
export interface MemoryTable<T> extends ReadableTable<T> {
  /** @throws if a row with that id is there, as a UNIQUE constraint would */
  insert(id: string, value: T): void;
  put(id: string, value: T): void;
  delete(id: string): void;
}

/** What a callback of the memory store writes its own data with. */
export interface MemoryTransaction {
  /** The table of that name, made by its first use. @throws once the callback has ended */
  table<T>(name: string): MemoryTable<T>;
}

/** What became of a callback. */
export type Ended<T> =
  | { readonly kind: "returned"; readonly value: T }
  | { readonly kind: "threw"; readonly error: unknown };

type Rows = Map<string, unknown>;

/** The user's tables. A transaction works on copies, and `apply` puts the copies in their place. */
export interface MemoryTables {
  table<T>(name: string): ReadableTable<T>;
  /** Runs `work`, one transaction after the other, and `end` at once after it. */
  transaction<T, R>(
    work: (tx: MemoryTransaction) => MaybePromise<T>,
    end: (ended: Ended<T>, apply: () => void) => R,
  ): Promise<R>;
}

export function memoryTables(shelves: Shelves): MemoryTables {
  const committed = shelves.map<string, Rows>();
  let turn: Promise<unknown> = Promise.resolve();
  return {
    table: (name) => readable(() => committed.get(name) ?? new Map()),
    transaction(work, end) {
      const mine = turn.then(async () => {
        const copies = new Map<string, Rows>();
        const era = shelves.era();
        const ended = await runOn(copies, committed, work);
        if (shelves.era() !== era) throw new Error("The store went back meanwhile.");
        return end(ended, () => {
          for (const [name, rows] of copies) committed.set(name, rows);
        });
      });
      turn = mine.catch(() => undefined);
      return mine;
    },
  };
}

async function runOn<T>(
  copies: Map<string, Rows>,
  committed: ReadonlyMap<string, Rows>,
  work: (tx: MemoryTransaction) => MaybePromise<T>,
): Promise<Ended<T>> {
  let alive = true;
  const rowsOf = (name: string): Rows => {
    if (!alive) throw new Error("The transaction has ended with its callback.");
    const rows = copies.get(name) ?? new Map(committed.get(name));
    copies.set(name, rows);
    return rows;
  };
  try {
    return { kind: "returned", value: await work({ table: (name) => writable(rowsOf, name) }) };
  } catch (error) {
    return { kind: "threw", error };
  } finally {
    alive = false;
  }
}

/** A statement that nobody here understands, kept as it is. */
export function keepStatement(tx: MemoryTransaction, statement: Statement): void {
  const statements = tx.table<Statement>("statements");
  statements.insert(String(statements.values().length + 1), statement);
}

/** Values are copied in and out, so that nobody holds a row by a reference. */
function readable<T>(rows: () => Rows): ReadableTable<T> {
  return {
    get: (id) => structuredClone(rows().get(id)) as T | undefined,
    values: () => Array.from(rows().values(), (value) => structuredClone(value) as T),
  };
}

function writable<T>(rowsOf: (name: string) => Rows, name: string): MemoryTable<T> {
  const rows = (): Rows => rowsOf(name);
  rows();
  return {
    ...readable<T>(rows),
    insert(id, value) {
      if (rows().has(id)) throw new Error(`The table ${name} has a row with the id ${id}.`);
      rows().set(id, structuredClone(value));
    },
    put: (id, value) => void rows().set(id, structuredClone(value)),
    delete: (id) => void rows().delete(id),
  };
}
