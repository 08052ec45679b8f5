import { NevertwiceError } from "../model/errors.ts";
import { areFields } from "../model/fingerprint.ts";
import { decodeJson, encodeJson, isPlain } from "../model/json.ts";
import { type Form, type OperationRecord, STATES } from "../model/operation.ts";
import { watchCardData } from "./card-data.ts";
import type { Effect } from "./effect.ts";
import { describeIssues, type StandardSchema } from "./standard-schema.ts";

/** What a crashed or failed opaque handler means: ask a person, run again, or ask the probe. */
export type AfterCrash = "doubt" | "rerun" | Probe;

/** Finds out what a lost run of a wrapped handler did. */
export type Probe = (operation: {
  readonly scope: string;
  readonly key: string;
}) => Promise<ProbeAnswer>;

/**
 * `not-executed` is a proof, not a guess; an outcome is stored and replayed; otherwise the doubt
 * stays.
 */
export type ProbeAnswer = "not-executed" | "unknown" | { readonly outcome: unknown };

/** An operation as it was declared, without the types that only its author sees. */
export interface Definition {
  readonly name: string;
  readonly version: number;
  readonly form: Form;
  /** Former names, so that a key from before a renaming still finds its operation. */
  readonly aliases: readonly string[];
  readonly input: StandardSchema | undefined;
  /** The payload fields that make the business; undefined for the whole payload. */
  readonly fields: readonly string[] | undefined;
  /** Whether equal keys of two operations are two operations. */
  readonly keysPer: "scope" | "operation";
  /** Input fields that are neither stored nor handed to the handler. */
  readonly redact: readonly string[];
  readonly afterCrash: AfterCrash;
  /** Absent for an opaque operation, whose handler comes with each request. */
  readonly handler: Handler | undefined;
  /** Whether the handler only says what is to be written, before the claim is known. */
  readonly planned?: boolean;
  /** What earlier versions ran, for their operations that have not ended. */
  readonly previous: ReadonlyMap<number, PreviousVersion>;
  /** How a step's effect is taken back where the handler cannot, by the step's name. */
  readonly compensations: Readonly<Record<string, Compensation>>;
}

export type Handler = (op: never, input: never) => unknown;

export interface PreviousVersion {
  readonly input: StandardSchema | undefined;
  readonly handler: Handler;
}

/** The effect that takes another back, made of what that one came to. */
export type Compensation = (value: never) => Effect<unknown, unknown>;

/** The definition of a name, or else the one that had it formerly. */
export function definitionNamed(
  definitions: readonly Definition[],
  name: string,
): Definition | undefined {
  return (
    definitions.find((one) => one.name === name) ??
    definitions.find(({ aliases }) => aliases.includes(name))
  );
}

/** The definition as it ran when the record was made; undefined if that one is not here. */
export function definitionOf(
  definition: Definition,
  { version, form, state }: Pick<OperationRecord, "version" | "form" | "state">,
): Definition | undefined {
  // A state that a later release of the library has added is that release's to act upon.
  if (!STATES.includes(state)) return undefined;
  // A wrapped handler knows nothing of steps, so that it would do them again.
  if (form !== definition.form) return undefined;
  if (version === definition.version) return definition;
  const previous = definition.previous.get(version);
  if (previous === undefined) return undefined;
  const input = previous.input ?? definition.input;
  return { ...definition, version, input, handler: previous.handler };
}

const NAME = /^[A-Za-z][A-Za-z0-9._:-]{0,99}$/;

/** @throws option-invalid, naming the option */
export function checkDefinition(definition: Definition): Definition {
  if (!NAME.test(definition.name)) {
    throw new NevertwiceError(
      "option-invalid",
      "An operation's name starts with a letter and has at most 100 letters, digits, dots, colons, dashes or underscores.",
    );
  }
  if (!Number.isSafeInteger(definition.version) || definition.version < 1) {
    throw new NevertwiceError("option-invalid", "`version` is a whole number from 1.");
  }
  // Its name is part of each of its keys, so that a former name would find nothing.
  if (definition.keysPer === "operation" && definition.aliases.length > 0) {
    throw new NevertwiceError(
      "option-invalid",
      'Keys of `keysPer: "operation"` belong to the name, so that `aliases` would find none of them and each would run again: keep the name that it has.',
    );
  }
  if (definition.fields !== undefined && !areFields(definition.fields))
    throw new NevertwiceError(
      "option-invalid",
      "`fingerprint` is a list of field names; leave it out to take the whole payload.",
    );
  return definition;
}

/**
 * What the handler sees of a stored input: the same decoded value on the first run as after a
 * crash.
 *
 * @throws input-invalid
 */
export async function parseInput(definition: Definition, stored: Uint8Array): Promise<unknown> {
  const value = decodeJson(stored);
  if (definition.input === undefined) return value;
  const result = await definition.input["~standard"].validate(value);
  if (result.issues) throw new NevertwiceError("input-invalid", describeIssues(result.issues));
  return result.value;
}

/** The bytes to store for a raw input, without its redacted fields. @throws input-invalid */
export function encodeInput(definition: Definition, raw: unknown): Uint8Array {
  let kept: unknown;
  let bytes: Uint8Array;
  try {
    kept = definition.redact.length > 0 ? redacted(raw, definition.redact) : raw;
    bytes = encodeJson(kept);
  } catch (error) {
    throw new NevertwiceError("input-invalid", "The input is not JSON.", { cause: error });
  }
  watchCardData(definition, kept);
  return bytes;
}

function redacted(raw: unknown, paths: readonly string[]): unknown {
  return paths.reduce((value, path) => without(value, path.split(".")), raw);
}

/** A copy along the path alone, so that all else is stored or refused as it would be without. */
function without(value: unknown, [name = "", ...rest]: readonly string[]): unknown {
  const kept = (key: string, member: unknown): unknown[] => {
    if (key !== name) return [member];
    return rest.length === 0 ? [] : [without(member, rest)];
  };
  if (Array.isArray(value)) return [...value].flatMap((item, index) => kept(String(index), item));
  if (!isPlain(value)) return value;
  // Entries, because a member may bear the name `__proto__`.
  const members = Object.entries(value);
  return Object.fromEntries(
    members.flatMap(([key, member]) => kept(key, member).map((one) => [key, one])),
  );
}
