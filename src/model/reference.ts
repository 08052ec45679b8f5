/** Whether every store can keep a text in a column: no NUL, and no character cut in two. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes("\0");
}

/** More than any provider's ids have; an index of a store takes no text of any length. */
const LENGTH_MAX = 500;

/** Somebody's own id of a thing, as every store can keep it; undefined for what is none. */
export function toReference(given: unknown): string | undefined {
  // In plain JavaScript an id may be a number.
  const text = typeof given === "number" || typeof given === "bigint" ? String(given) : given;
  if (typeof text !== "string" || text === "" || text.length > LENGTH_MAX) return undefined;
  return isStorable(text) ? text : undefined;
}
