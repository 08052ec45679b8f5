/** More than any provider's ids have; an index of a store takes no text of any length. */
const LENGTH_MAX = 500;

/**
 * A provider's own id as every store can keep it, or undefined: what cannot be read or kept must
 * not lose the result that it belongs to.
 */
export function referenceIn<Value>(
  read: ((value: Value) => unknown) | undefined,
  value: Value,
): string | undefined {
  let given: unknown;
  try {
    given = read?.(value);
  } catch {
    return undefined;
  }
  // In plain JavaScript an id may be a number.
  const text = typeof given === "number" || typeof given === "bigint" ? String(given) : given;
  if (typeof text !== "string" || text === "" || text.length > LENGTH_MAX) return undefined;
  return text.isWellFormed() && !text.includes("\0") ? text : undefined;
}
