import { NevertwiceError } from "../model/errors.ts";

/**
 * A time in whole seconds since 1970, in milliseconds. Strictly: other spellings of one number
 * would be other signed texts.
 *
 * @throws signature-missing
 */
export function unixTime(text: string): number {
  if (/^[1-9][0-9]{0,11}$/.test(text)) return Number(text) * 1000;
  throw new NevertwiceError("signature-missing", "The signed time is not in seconds since 1970.");
}

/** The tolerance, if one was given. @throws option-invalid */
export function checkTolerance(toleranceMs: number | undefined): void {
  if (toleranceMs === undefined || (Number.isSafeInteger(toleranceMs) && toleranceMs > 0)) return;
  throw new NevertwiceError("option-invalid", "`toleranceMs` is a whole number above 0.");
}
