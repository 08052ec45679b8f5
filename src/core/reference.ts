import { toReference } from "../model/reference.ts";

/**
 * The reference in a value, read by the user's function. What cannot be read or kept must not lose
 * the result that it belongs to.
 */
export function referenceIn<Value>(
  read: ((value: Value) => unknown) | undefined,
  value: Value,
): string | undefined {
  try {
    return toReference(read?.(value));
  } catch {
    return undefined;
  }
}
