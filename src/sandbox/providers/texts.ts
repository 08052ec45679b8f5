/** The metadata of an object as the ledger keeps it: texts by name. */
export function textsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== "object" || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).map(([name, text]) => [name, String(text)]));
}
