import type { Answer, Call, Route } from "../../provider.ts";
import { invalid, missing } from "./errors.ts";

export type Fields = Readonly<Record<string, unknown>>;

const AMOUNT_MAX = 99_999_999;
const TEXT_MAX = 5_000;
const METADATA_MAX = 50;
const METADATA_NAME_MAX = 40;
const METADATA_VALUE_MAX = 500;

/** A request that is refused while its parameters are read, before anything was written. */
class Refused extends Error {
  override readonly name: string = "Refused";
  readonly answer: Answer;

  constructor(answer: Answer) {
    super("A request was refused.");
    this.answer = answer;
  }
}

/** Ends the reading of a request with an answer. */
export function refuseWith(answer: Answer): never {
  throw new Refused(answer);
}

/** A route that answers what its reading of the parameters was refused with. */
export function route(method: Route["method"], path: string, run: Route["run"]): Route {
  return {
    method,
    path,
    run: (call, books) => {
      try {
        return run(call, books);
      } catch (error) {
        if (error instanceof Refused) return error.answer;
        throw error;
      }
    },
  };
}

/** The parameters of a request: its query, or its body. */
export function fieldsOf(call: Call): Fields {
  return call.method === "GET" ? call.query : fieldsIn(call.body);
}

function fieldsIn(value: unknown): Fields {
  return isFields(value) ? value : {};
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An empty text means that nothing is given. */
export function text(fields: Fields, name: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === "") return undefined;
  if (typeof value !== "string" || value.length > TEXT_MAX)
    return refuseWith(
      invalid(`Invalid string: ${name} must be text of at most ${TEXT_MAX} characters.`, name),
    );
  return value;
}

export function oneOf<Name extends string>(
  fields: Fields,
  name: string,
  names: readonly Name[],
): Name | undefined {
  const value = text(fields, name);
  const known = names.find((candidate) => candidate === value);
  if (value !== undefined && known === undefined)
    return refuseWith(invalid(`Invalid ${name}: must be one of ${names.join(", ")}.`, name));
  return known;
}

export function flag(fields: Fields, name: string): boolean | undefined {
  const value = text(fields, name);
  if (value === undefined) return undefined;
  if (value !== "true" && value !== "false")
    return refuseWith(invalid(`Invalid boolean: ${value}`, name));
  return value === "true";
}

export function integer(fields: Fields, name: string): number | undefined {
  const value = text(fields, name);
  if (value === undefined) return undefined;
  if (!/^-?\d{1,12}$/.test(value))
    return refuseWith(invalid(`Invalid integer: ${value}`, name, "parameter_invalid_integer"));
  return Number(value);
}

export function amount(fields: Fields, name = "amount"): number | undefined {
  const value = integer(fields, name);
  if (value === undefined) return undefined;
  if (value < 1)
    return refuseWith(
      invalid("This value must be greater than or equal to 1.", name, "parameter_invalid_integer"),
    );
  if (value > AMOUNT_MAX)
    return refuseWith(
      invalid(`Amount must be no more than ${AMOUNT_MAX}.`, name, "amount_too_large"),
    );
  return value;
}

export function needed<T>(value: T | undefined, name: string): T {
  return value === undefined ? refuseWith(missing(name)) : value;
}

export function currency(fields: Fields): string {
  const value = needed(text(fields, "currency"), "currency").toLowerCase();
  return /^[a-z]{3}$/.test(value)
    ? value
    : refuseWith(invalid(`Invalid currency: ${value}.`, "currency"));
}

/** What stands, with what is given over it; an empty value takes its name away. */
export function metadata(
  fields: Fields,
  standing: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const given = fields["metadata"];
  if (given === undefined) return { ...standing };
  if (given === "") return {};
  if (!isFields(given)) return refuseWith(invalid("Invalid metadata: must be a hash.", "metadata"));
  const merged = new Map(Object.entries(standing));
  for (const [name, value] of Object.entries(given)) {
    if (typeof value !== "string" || value.length > METADATA_VALUE_MAX)
      return refuseWith(invalid("Metadata values can have up to 500 characters.", "metadata"));
    if (name.length > METADATA_NAME_MAX)
      return refuseWith(invalid("Metadata keys can have up to 40 characters.", "metadata"));
    if (value === "") merged.delete(name);
    else merged.set(name, value);
  }
  if (merged.size > METADATA_MAX)
    return refuseWith(invalid(`You can have at most ${METADATA_MAX} metadata keys.`, "metadata"));
  return Object.fromEntries(merged);
}
