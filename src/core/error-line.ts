const LENGTH_MAX = 500;

/** One bounded line about an error; its cause says what a suspended run met. */
export function errorLine(error: unknown): string {
  return boundedLine(error instanceof Error ? `${head(error)}${tail(error.cause)}` : String(error));
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
