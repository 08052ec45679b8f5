const LENGTH_MAX = 500;

/**
 * What is stored and shown of an error, given the text that would be and the error itself. Masks
 * what may not stand in a database; the result is cut to 500 characters.
 *
 * @example (text) => text.replaceAll(/\S+@\S+/g, "(mail)")
 */
export type ErrorText = (text: string, error: unknown) => string;

/** The application's say in what is stored of an error, where it wants one. */
export interface ErrorWriting {
  readonly errorText: ErrorText | undefined;
}

/** One bounded line about an error; its cause says what a suspended run met. */
export function errorLine(error: unknown, writing?: ErrorWriting): string {
  return toldLine(textOf(error), error, writing);
}

/** Whatever was thrown, in words: also what has no text, or throws when it is asked for one. */
export function textOf(error: unknown): string {
  try {
    return error instanceof Error ? `${head(error)}${tail(error.cause)}` : String(error);
  } catch {
    return "Something was thrown that has no text.";
  }
}

/** A bounded line about something that went wrong, as the application wants it told. */
export function toldLine(text: string, error: unknown, writing?: ErrorWriting): string {
  if (writing?.errorText === undefined) return boundedLine(text);
  try {
    return boundedLine(String(writing.errorText(text, error)));
  } catch {
    // What could not be masked is not stored.
    return "An error, of which `errorText` could tell nothing.";
  }
}

/** Text that every store can keep in a column: bounded, well-formed, without a NUL. */
export function boundedLine(text: string): string {
  return text.replaceAll("\0", "").toWellFormed().slice(0, LENGTH_MAX);
}

function head(error: Error): string {
  return `${error.name}: ${error.message}`;
}

function tail(cause: unknown): string {
  return cause instanceof Error ? `: ${cause.message}` : "";
}
