/** How far an object has been applied: what the store keeps of it, as one text. */
export interface Mark {
  readonly state: string | undefined;
  /** Undefined where the object has no version. */
  readonly version: number | undefined;
}

const NOTHING: Mark = { state: undefined, version: undefined };

/** The text of a mark; the state alone where there is no version, so that a person can read it. */
export function encodeMark({ state, version }: Mark): string | undefined {
  return version === undefined ? state : `${version}:${state ?? ""}`;
}

/** @param versioned whether a version is declared; before that the text was the state alone */
export function decodeMark(text: string | undefined, versioned: boolean): Mark {
  if (text === undefined) return NOTHING;
  const colon = versioned ? text.indexOf(":") : -1;
  const version = colon > 0 ? Number(text.slice(0, colon)) : Number.NaN;
  if (Number.isNaN(version)) return { state: text, version: undefined };
  return { state: text.slice(colon + 1) || undefined, version };
}
