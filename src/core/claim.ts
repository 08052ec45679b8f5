import { NevertwiceError } from "../model/errors.ts";
import {
  decodeRecipe,
  encodeRecipe,
  fingerprint,
  type Payload,
  RECIPE_VERSION,
  type Recipe,
} from "../model/fingerprint.ts";
import { checkKey, type Origin, recordId, uuidTime } from "../model/key.ts";
import type { OperationRecord } from "../model/operation.ts";
import { checkScope } from "../model/scope.ts";
import type { ClaimRequest } from "../store.ts";
import { type Definition, encodeInput, parseInput } from "./definition.ts";
import type { Ports } from "./ports.ts";
import { HORIZON_MARGIN_MS } from "./settings.ts";

/** One call of an operation, from wherever it came. */
export interface Call {
  readonly origin: Origin;
  readonly scope: unknown;
  readonly key: unknown;
  /** The raw input; JSON. Ignored for an opaque operation. */
  readonly input?: unknown;
  /** What the fingerprint reads, where it is not the input. */
  readonly payload?: Payload;
  /** How long a duplicate waits, in milliseconds; the setting by default. */
  readonly waitMs?: number | undefined;
  /** For a key of the house's own making, which has no time in it to compare with a horizon. */
  readonly timeless?: boolean;
}

/** A checked call: everything that the store needs to claim it, but for the attempt's id. */
export interface Claim {
  readonly request: Omit<ClaimRequest, "attemptId">;
  readonly payload: Payload;
  /** The input's bytes before they were sealed. */
  readonly input: Uint8Array;
}

const ATTEMPT_ID_BYTES = 16;

/**
 * Checks a call before anything is stored, so that a refusal leaves the key free. The input's own
 * schema is left to `checkInput`, which may have to wait.
 *
 * @throws scope-missing, key-malformed, key-too-old, input-invalid, payload-ambiguous
 */
export function prepareClaim(ports: Ports, definition: Definition, call: Call): Claim {
  const { settings } = ports;
  const scope = checkScope(call.scope);
  const key = checkKey(call.key);
  const id = recordId(
    call.origin,
    scope,
    key,
    definition.keysPer === "operation" ? definition.name : undefined,
  );
  const opaque = definition.form === "opaque";
  const input = opaque ? new Uint8Array(0) : encodeInput(definition, call.input);
  if (input.length > settings.requestBytesMax) throw new NevertwiceError("body-too-large");
  const payload = call.payload ?? { json: call.input };
  const { recipe, text } = recipeOf(definition);
  return {
    payload,
    input,
    request: {
      id,
      origin: call.origin,
      scope,
      key,
      name: definition.name,
      version: definition.version,
      form: definition.form,
      fingerprint: fingerprint(id, recipe, payload),
      recipe: text,
      input: ports.sealer.seal(id, "input", input),
      leaseMs: settings.leaseMs,
      runForMs: settings.runForMs,
      ...(call.timeless ? {} : horizonPart(ports, key)),
    },
  };
}

/** @throws input-invalid */
export async function checkInput(definition: Definition, { input }: Claim): Promise<void> {
  await parseInput(definition, input);
}

/** Every call of a definition has the same one, so it is made with the first. */
const recipes = new WeakMap<Definition, WrittenRecipe>();

interface WrittenRecipe {
  readonly recipe: Recipe;
  /** As it is stored. */
  readonly text: string;
}

function recipeOf(definition: Definition): WrittenRecipe {
  const known = recipes.get(definition);
  if (known !== undefined) return known;
  const base = { version: RECIPE_VERSION, operation: definition.name };
  const recipe = definition.fields ? { ...base, fields: definition.fields } : base;
  const written = { recipe, text: encodeRecipe(recipe) };
  recipes.set(definition, written);
  return written;
}

function horizonPart(ports: Ports, key: string): Pick<ClaimRequest, "horizon"> {
  const pastMs = ports.settings.keyHorizonMs;
  if (pastMs === undefined) return {};
  const keyTime = uuidTime(key);
  if (keyTime === undefined)
    throw new NevertwiceError("key-malformed", "Only UUIDs of version 7 are accepted here.");
  return { horizon: { keyTime, pastMs, futureMs: HORIZON_MARGIN_MS } };
}

/** A fresh id for one claimer, so that a claim whose answer was lost is recognised as one's own. */
export function attemptId(ports: Ports): string {
  return Buffer.from(ports.random.bytes(ATTEMPT_ID_BYTES)).toString("hex");
}

/** The call's payload against a record, by the recipe that the record was stored with. */
export function comparePayload(
  definition: Definition,
  claim: Claim,
  record: OperationRecord,
): "same" | "other" | "recipe-unknown" {
  const recipe = decodeRecipe(record.recipe);
  if (recipe === undefined) return "recipe-unknown";
  const known =
    recipe.operation === definition.name || definition.aliases.includes(recipe.operation);
  if (!known) return "other";
  const ours =
    record.recipe === claim.request.recipe
      ? claim.request.fingerprint
      : fingerprint(record.id, recipe, claim.payload);
  return Buffer.compare(ours, record.fingerprint) === 0 ? "same" : "other";
}
