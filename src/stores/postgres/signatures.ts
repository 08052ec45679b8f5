import type { Cell } from "./client.ts";
import {
  type Kind,
  OPERATION_FUNCTIONS,
  type OperationFunction,
  type Parameters,
} from "./parameters.ts";
import {
  INBOX_FUNCTIONS,
  type InboxFunction,
  OUTBOX_FUNCTIONS,
  type OutboxFunction,
} from "./parameters-inbox.ts";
import type { Names } from "./statements.ts";

const CASTS: Readonly<Record<Kind, (text: string) => string>> = {
  id: (text) => `decode(${text}, 'hex')`,
  bytes: (text) => `decode(${text}, 'hex')`,
  text: (text) => text,
  texts: (text) => `${text}::text[]`,
  integer: (text) => `${text}::bigint`,
  number: (text) => `${text}::float8`,
  flag: (text) => `${text}::boolean`,
  json: (text) => `${text}::json`,
};

const TYPES: Readonly<Record<Kind, string>> = {
  id: "bytea",
  bytes: "bytea",
  text: "text",
  texts: "text[]",
  integer: "bigint",
  number: "float8",
  flag: "boolean",
  json: "json",
};

/** The functions of the database that write. */
export type FunctionName = OperationFunction | InboxFunction | OutboxFunction;

const FUNCTIONS: Readonly<Record<FunctionName, Parameters>> = {
  ...OPERATION_FUNCTIONS,
  ...INBOX_FUNCTIONS,
  ...OUTBOX_FUNCTIONS,
};

/** The same without the names, which are asked for with every call. */
const KINDS: ReadonlyMap<string, readonly Kind[]> = new Map(
  Object.entries(FUNCTIONS).map(([name, parameters]) => [name, Object.values(parameters)]),
);
const kindsOf = (name: FunctionName): readonly Kind[] => KINDS.get(name) ?? [];

/** A function of the database and its arguments, in the order of its signature. */
export interface Call {
  readonly name: FunctionName;
  readonly values: readonly Cell[];
}

/** The parameter list of a function's definition. */
export function signature(name: FunctionName): string {
  return Object.entries(FUNCTIONS[name])
    .map(([parameter, kind]) => `${parameter} ${TYPES[kind]}`)
    .join(", ");
}

/** One call of a function, its arguments as parameters. */
export function callOne(names: Names, name: FunctionName): string {
  const kinds = kindsOf(name);
  const parameters = kinds.map((kind, i) => CASTS[kind](`$${i + 1}::text`));
  return `SELECT ${names.of(name)}(${parameters.join(", ")})`;
}

/** The same with its arguments in the text, to share a round trip with other statements. */
export function inline(names: Names, { name, values }: Call): string {
  const kinds = kindsOf(name);
  const constants = kinds.map((kind, i) => constant(kind, values[i] ?? null));
  return `${names.of(name)}(${constants.join(", ")})`;
}

/** Printable, and neither the quote nor the backslash. */
const HARMLESS = /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/;
const HEXADECIMAL = /^[0-9a-f]*$/;

/** Only harmless characters ever stand between quotes; any other text goes as hexadecimal. */
function constant(kind: Kind, cell: Cell): string {
  if (cell === null) return "NULL";
  if (kind === "id" || kind === "bytes") {
    if (!HEXADECIMAL.test(cell)) throw new TypeError("Bytes travel as hexadecimal digits.");
    // The escape means the same whatever `standard_conforming_strings` is.
    return `E'\\\\x${cell}'`;
  }
  // A constant without a type takes the parameter's, and is read faster than one with a cast.
  if (HARMLESS.test(cell)) return `'${cell}'`;
  const bytes = Buffer.from(cell, "utf8").toString("hex");
  const text = `convert_from(decode('${bytes}', 'hex'), 'UTF8')`;
  return kind === "text" ? text : CASTS[kind](text);
}

/** The text of a constant, for a place that is not a parameter of ours. */
export const quoted = (text: string): string => constant("text", text);

/** Many calls of a function in one statement: one array of texts for each parameter. */
export function callMany(names: Names, name: FunctionName): string {
  const kinds = kindsOf(name);
  const columns = kinds.map((_, i) => `c${i + 1}`);
  const call = kinds.map((kind, i) => CASTS[kind](`t.c${i + 1}`)).join(", ");
  const arrays = kinds.map((_, i) => `$${i + 1}::text::text[]`).join(", ");
  return `SELECT ${names.of(name)}(${call}), t.position::text
FROM unnest(${arrays}) WITH ORDINALITY AS t(${columns.join(", ")}, position)`;
}
