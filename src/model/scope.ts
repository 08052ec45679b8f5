import { NevertwiceError } from "./errors.ts";

/** @internal */
export const SCOPE_LENGTH_MAX = 255;

/** What string templates make of a value that was not there. */
const ACCIDENT = /(?:^|[^A-Za-z])(?:undefined|null|NaN)(?:$|[^A-Za-z])|\[object/;

/**
 * The scope itself if it is fit to own keys.
 *
 * @throws scope-missing for undefined, empty, over-long or accidental text such as `acct_undefined`
 */
export function checkScope(scope: unknown): string {
  if (typeof scope !== "string" || scope.length === 0) throw new NevertwiceError("scope-missing");
  if (scope.length > SCOPE_LENGTH_MAX)
    throw new NevertwiceError(
      "scope-missing",
      `It may have ${SCOPE_LENGTH_MAX} characters at most.`,
    );
  if (ACCIDENT.test(scope))
    throw new NevertwiceError(
      "scope-missing",
      "The text looks like a missing value turned into a string.",
    );
  if (!scope.isWellFormed())
    throw new NevertwiceError("scope-missing", "It is not well-formed Unicode.");
  // A NUL cannot be stored as text in Postgres.
  if (scope.includes("\0")) throw new NevertwiceError("scope-missing", "It holds a NUL character.");
  return scope;
}
