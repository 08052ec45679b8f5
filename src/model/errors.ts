import { ERRORS, type ErrorCode, type Retry } from "./error-table.ts";

export { ERRORS, type ErrorCode, type Retry } from "./error-table.ts";

const BRAND = Symbol.for("nevertwice.error");

/** The one error class; `code` says which error, `retry` what may be done about it. */
export class NevertwiceError extends Error {
  override readonly name: string = "NevertwiceError";
  readonly code: ErrorCode;
  readonly status: number;
  readonly retry: Retry;
  /** What exactly was wrong, where the title alone does not say it. */
  readonly detail: string | undefined;

  /** @param detail what exactly was wrong and how to mend it; added to the table's title */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    const entry = ERRORS[code];
    super(detail === undefined ? entry.title : `${entry.title} ${detail}`, options);
    this.code = code;
    this.status = entry.status;
    this.retry = entry.retry;
    this.detail = detail;
    Object.defineProperty(this, BRAND, { value: true });
  }
}

/** True for an error of this library with that code, also across two copies of the library. */
export function isNevertwiceError(error: unknown, code?: ErrorCode): error is NevertwiceError {
  if (typeof error !== "object" || error === null || !(BRAND in error)) return false;
  return code === undefined || ("code" in error && error.code === code);
}
