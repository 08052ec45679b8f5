import { NevertwiceError } from "./errors.ts";
import { canonicalJson } from "./json.ts";
import { digest, type RecordId } from "./key.ts";

/**
 * How a fingerprint was made. Stored beside it, so that a later deploy compares by the same recipe.
 */
export interface Recipe {
  readonly version: number;
  /** The operation's name when the key was first used. */
  readonly operation: string;
  /** The declared fields that make the business, or undefined for the whole payload. */
  readonly fields?: readonly string[];
}

/** What a key stands for: JSON by its meaning, anything else (multipart too) by its bytes. */
export type Payload = { readonly json: unknown } | { readonly bytes: Uint8Array };

export const RECIPE_VERSION = 1;

/**
 * The fingerprint of a payload. The record's id salts it, so that equal payloads do not look equal
 * in a dump.
 */
export function fingerprint(id: RecordId, recipe: Recipe, payload: Payload): Uint8Array {
  const form = "bytes" in payload ? "bytes" : "json";
  const content =
    "bytes" in payload ? payload.bytes : canonicalJson(select(payload.json, recipe.fields));
  return digest(id, String(recipe.version), recipe.operation, form, content);
}

export function encodeRecipe(recipe: Recipe): string {
  return JSON.stringify([
    recipe.version,
    recipe.operation,
    ...(recipe.fields ? [recipe.fields] : []),
  ]);
}

/** The recipe of a stored text, or undefined if this version of the library cannot follow it. */
export function decodeRecipe(text: string): Recipe | undefined {
  let parts: unknown;
  try {
    parts = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!Array.isArray(parts) || parts[0] !== RECIPE_VERSION || typeof parts[1] !== "string")
    return undefined;
  const fields: unknown = parts[2];
  if (fields === undefined) return { version: RECIPE_VERSION, operation: parts[1] };
  if (!areFields(fields)) return undefined;
  return { version: RECIPE_VERSION, operation: parts[1], fields };
}

/** Whether these can name the members of a payload: a name in half a character names none. */
export function areFields(fields: unknown): fields is readonly string[] {
  return (
    Array.isArray(fields) &&
    fields.length > 0 &&
    fields.every((field) => typeof field === "string" && field.isWellFormed())
  );
}

/** The declared fields of a payload, by dotted path; an absent field stays absent. */
function select(value: unknown, fields: readonly string[] | undefined): unknown {
  if (fields === undefined) return value;
  if (fields.length === 0)
    throw new NevertwiceError("option-invalid", "`fingerprint` names no field.");
  // Without a prototype, a field called __proto__ is a member like any other.
  const chosen: Record<string, unknown> = Object.create(null);
  // JSON leaves out what is undefined.
  for (const field of fields) chosen[field] = field.split(".").reduce<unknown>(descend, value);
  return chosen;
}

function descend(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
