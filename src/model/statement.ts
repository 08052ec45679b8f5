import { NevertwiceError } from "./errors.ts";

/** What a planned write may hand to the database. */
export type StatementValue = string | number | bigint | boolean | Date | Uint8Array | null;

/** One write as data: its text, with the placeholders of the database, and their values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly StatementValue[];
}

/** What a query builder makes of a query: `toSQL()` of Drizzle, `compile()` of Kysely. */
export type Built =
  | { readonly text: string; readonly values?: readonly unknown[] }
  | { toSQL(): { readonly sql: string; readonly params: readonly unknown[] } }
  | { compile(): { readonly sql: string; readonly parameters: readonly unknown[] } };

/** @throws option-invalid, naming what cannot be planned and the way out */
export function toStatement(given: string | Built, values: readonly unknown[] = []): Statement {
  const { text, values: found } =
    typeof given === "string" ? { text: given, values } : partsOf(given);
  if (typeof text !== "string" || !Array.isArray(found))
    throw invalid("A write is a text and a list of values, or a query of Drizzle's or Kysely's.");
  const single = text.trim().replace(/\s*;$/, "");
  // A second statement would run where the first one is prepared, and not where it is known.
  if (single === "" || single.includes(";") || single.includes("\0"))
    throw invalid("A write is one statement without a semicolon in it: hand texts over as values.");
  // It would hold for the other operations of the group too, such as their tenant.
  if (/\bset_config\b/i.test(single))
    throw invalid(
      "A plan shares its transaction with others, so it sets nothing: use a `handler`.",
    );
  return { text: single, values: found.map(checkValue) };
}

function partsOf(given: Built): { readonly text: unknown; readonly values: unknown } {
  if ("toSQL" in given) {
    const { sql, params } = given.toSQL();
    return { text: sql, values: params };
  }
  if ("compile" in given) {
    const { sql, parameters } = given.compile();
    return { text: sql, values: parameters };
  }
  return { text: given.text, values: given.values ?? [] };
}

function checkValue(value: unknown, index: number): StatementValue {
  switch (typeof value) {
    case "string":
    case "bigint":
    case "boolean":
      return value;
    case "number":
      if (Number.isFinite(value)) return value;
      break;
    default:
      if (value === null || value instanceof Uint8Array) return value;
      if (value instanceof Date && Number.isFinite(value.getTime())) return value;
  }
  throw invalid(
    `Value ${index + 1} of a write is a text, a finite number, a bigint, a boolean, a Date, bytes or null. Hand a list or an object over as the text that the column takes, such as JSON.stringify(value).`,
  );
}

const invalid = (message: string): NevertwiceError =>
  new NevertwiceError("option-invalid", message);
