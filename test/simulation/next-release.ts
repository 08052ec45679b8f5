import type { Code } from "./code.ts";
import { loadMutant, type Mutant, type Patch, patch, type Shelf } from "./mutant.ts";

/**
 * What a later release of the library may change while today's still runs beside it: it compares
 * payloads by a recipe of its own, and knows a doubt that today's has never heard of.
 */
const CHANGES: readonly Patch[] = [
  patch("model/fingerprint.ts", "RECIPE_VERSION = 1;", "RECIPE_VERSION: number = 2;"),
  patch(
    "model/fingerprint.ts",
    "parts[0] !== RECIPE_VERSION || typeof",
    "(parts[0] !== 1 && parts[0] !== 2) || typeof",
  ),
  patch(
    "model/fingerprint.ts",
    "return { version: RECIPE_VERSION, operation: parts[1] };",
    "return { version: parts[0], operation: parts[1] };",
  ),
  patch(
    "model/fingerprint.ts",
    "return { version: RECIPE_VERSION, operation: parts[1], fields };",
    "return { version: parts[0], operation: parts[1], fields };",
  ),
  patch(
    "model/decide.ts",
    'return parked(open.length > 0 ? "effect-unknown" : "attempts-exhausted");',
    'return parked(open.length > 0 ? "effect-unknown" : ("worn-out" as Doubt));',
  ),
];

/** The release after the given code, with the same promise broken if it is a mutant. */
export async function loadNext(shelf: Shelf, mutant?: Mutant): Promise<Code> {
  const name = `next-after-${mutant?.name ?? "today"}`;
  return loadMutant({ name, patches: [...CHANGES, ...(mutant?.patches ?? [])] }, shelf);
}
