/** The member of an answer at a path, or undefined where there is none. */
export function memberOf(answer: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null
        ? (inner as Record<string, unknown>)[name]
        : undefined,
    answer,
  );
}

/** A text, or a number as text; undefined for anything else and for an empty text. */
export function textOf(answer: unknown, ...path: readonly string[]): string | undefined {
  const value = memberOf(answer, ...path);
  if (typeof value === "number") return String(value);
  return typeof value === "string" && value !== "" ? value : undefined;
}

export function numberOf(answer: unknown, ...path: readonly string[]): number | undefined {
  const value = memberOf(answer, ...path);
  return typeof value === "number" ? value : undefined;
}

/** A text that an answer must have. @throws an error that proves nothing */
export function requiredText(answer: unknown, ...path: readonly string[]): string {
  const text = textOf(answer, ...path);
  if (text === undefined) throw new Error(`The answer has no ${path.join(".")}.`);
  return text;
}

/** The members that are there, so that what is stored is plain JSON. */
export function present<T extends object>(members: T): Present<T> {
  const entries = Object.entries(members).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Present<T>;
}

type Present<T> = {
  [Name in keyof T as undefined extends T[Name] ? never : Name]: T[Name];
} & {
  [Name in keyof T as undefined extends T[Name] ? Name : never]?: Exclude<T[Name], undefined>;
};
