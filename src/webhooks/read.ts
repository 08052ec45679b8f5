import { hash } from "node:crypto";
import type { Delivery } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const BYTES_MAX_DEFAULT = 1_048_576;

/** What every provider's webhook takes. */
export interface WebhookOptions {
  /** The endpoint's name; needed where one provider has several accounts. */
  readonly source?: string;
  /** The largest body, in bytes; 1 MiB by default. */
  readonly bytesMax?: number;
}

/** The options that do not depend on the provider, checked. @throws option-invalid */
export function commonOptions(
  options: WebhookOptions,
  source: string,
): { readonly source: string; readonly bytesMax: number } {
  const { bytesMax = BYTES_MAX_DEFAULT } = options;
  const name = options.source ?? source;
  if (typeof name !== "string" || !/^[\x21-\x7e]{1,100}$/.test(name))
    throw new NevertwiceError("option-invalid", "`source` has 1 to 100 visible characters.");
  if (!Number.isSafeInteger(bytesMax) || bytesMax < 1)
    throw new NevertwiceError("option-invalid", "`bytesMax` is a whole number of bytes.");
  return { source: name, bytesMax };
}

/**
 * The body as text. Strictly: a lenient decoder gives the same text for different bytes, and then
 * one signature fits them all.
 *
 * @throws webhook-malformed
 */
export function textOf({ body }: Delivery): string {
  try {
    return DECODER.decode(body);
  } catch (error) {
    throw new NevertwiceError("webhook-malformed", "The body is not UTF-8.", { cause: error });
  }
}

/** @throws webhook-malformed */
export function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new NevertwiceError("webhook-malformed", "The body is not JSON.", { cause: error });
  }
}

/** The one value of a header. @throws signature-missing, also for a header that came twice */
export function signedHeader(delivery: Delivery, name: string): string {
  const [value, ...others] = delivery.header(name);
  if (value === undefined || value === "" || others.length > 0)
    throw new NevertwiceError("signature-missing", `The header ${name} is expected once.`);
  return value;
}

/** The value of a header that nobody signed. */
export function plainHeader(delivery: Delivery, name: string): string | undefined {
  const values = delivery.header(name);
  return values.length === 1 && values[0] !== "" ? values[0] : undefined;
}

/** A member of an object, however deep; undefined where the way ends. */
export function memberOf(value: unknown, ...path: readonly (string | number)[]): unknown {
  let found: unknown = value;
  for (const name of path) {
    if (typeof found !== "object" || found === null || !Object.hasOwn(found, name))
      return undefined;
    found = (found as Readonly<Record<string | number, unknown>>)[name];
  }
  return found;
}

/** A member that is a text of some length. */
export function textAt(value: unknown, ...path: readonly (string | number)[]): string | undefined {
  const found = memberOf(value, ...path);
  return typeof found === "string" && found !== "" ? found : undefined;
}

/** A member that an event of this provider always has. @throws webhook-malformed */
export function neededText(value: unknown, ...path: readonly (string | number)[]): string {
  const found = textAt(value, ...path);
  if (found !== undefined) return found;
  throw new NevertwiceError("webhook-malformed", `It has no ${path.join(".")}.`);
}

export function sha256(content: string | Uint8Array): Uint8Array {
  return hash("sha256", content, "buffer");
}
