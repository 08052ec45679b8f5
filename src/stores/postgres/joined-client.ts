import { NevertwiceError } from "../../model/errors.ts";
import { type Row, toCell } from "./client.ts";

/** Runs one statement without parameters in the user's transaction; gives its first row. */
export type Speak = (sql: string) => Promise<Row>;

/** Every statement that is asked for a row names its columns so. */
const COLUMNS = ["answer", "transaction"] as const;

type Method = (...values: unknown[]) => PromiseLike<unknown>;

/** How each library runs a statement as it stands, told by the methods of its transaction. */
const SPEAKERS: readonly {
  readonly method: string;
  readonly run: (call: (name: string) => Method, sql: string) => PromiseLike<unknown>;
}[] = [
  // Prisma: one method for rows and one for none.
  {
    method: "$queryRawUnsafe",
    run: (call, sql) =>
      call(sql.startsWith("SELECT") ? "$queryRawUnsafe" : "$executeRawUnsafe")(sql),
  },
  // Kysely, whose compiled queries carry the tree that they were made of.
  {
    method: "executeQuery",
    run: (call, sql) => {
      const query = { kind: "RawNode", sqlFragments: [sql], parameters: [] };
      return call("executeQuery")({ sql, query, parameters: [], queryId: { queryId: "" } });
    },
  },
  // postgres.js.
  { method: "unsafe", run: (call, sql) => call("unsafe")(sql) },
  // Drizzle.
  { method: "execute", run: (call, sql) => call("execute")(sql) },
  // pg and PGlite.
  { method: "query", run: (call, sql) => call("query")(sql) },
];

/**
 * Recognises a transaction of pg, postgres.js, PGlite, Drizzle, Kysely or Prisma by its methods.
 *
 * @throws option-invalid for any other object
 */
export function speakerOf(tx: unknown): Speak {
  const methods = (tx ?? {}) as Readonly<Record<string, unknown>>;
  const speaker = SPEAKERS.find(({ method }) => typeof methods[method] === "function");
  if (speaker === undefined)
    throw new NevertwiceError(
      "option-invalid",
      "join takes a transaction of pg, postgres.js, PGlite, Drizzle, Kysely or Prisma.",
    );
  const call =
    (name: string): Method =>
    (...values) =>
      (methods[name] as Method).apply(tx, values);
  return async (sql) => firstRow(await speaker.run(call, sql));
}

/** The libraries give a list of rows, or an object that holds one. */
function firstRow(result: unknown): Row {
  const rows = Array.isArray(result) ? result : (result as { rows?: unknown } | undefined)?.rows;
  const row: unknown = Array.isArray(rows) ? rows[0] : undefined;
  if (typeof row !== "object" || row === null) return [];
  return COLUMNS.map((column) => toCell((row as Record<string, unknown>)[column]));
}

/** The statement whose row `firstRow` reads. */
export const selecting = (answer: string, transaction: string): string =>
  `SELECT ${answer} AS ${COLUMNS[0]}, ${transaction} AS ${COLUMNS[1]}`;
