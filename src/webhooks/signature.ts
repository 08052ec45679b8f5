import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { NevertwiceError } from "../model/errors.ts";
import { activeSecrets, type NamedSecret } from "./secret.ts";

const TOLERANCE_MS = 300_000;
const FUTURE_MS = 60_000;

/** Whether the bytes are the same, in a time that tells nothing of them. */
export function isEqual(one: Uint8Array, other: Uint8Array): boolean {
  return timingSafeEqual(hash("sha256", one, "buffer"), hash("sha256", other, "buffer"));
}

export function hmac(
  algorithm: "sha256" | "sha1",
  key: string | Uint8Array,
  ...parts: readonly (string | Uint8Array)[]
): Uint8Array {
  const mac = createHmac(algorithm, key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}

/** Strictly: Buffer would stop at the first odd character and call it a signature. */
export function fromHex(text: string): Uint8Array | undefined {
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) ? Buffer.from(text, "hex") : undefined;
}

export function fromBase64(text: string): Uint8Array | undefined {
  // A pattern of groups of four would use up the stack on a text of some megabytes.
  const [, letters, padding = ""] = /^([A-Za-z0-9+/]+)(={0,2})$/.exec(text) ?? [];
  if (letters === undefined || letters.length % 4 === 1) return undefined;
  const isPadded = padding === "" || (letters.length % 4 !== 0 && text.length % 4 === 0);
  return isPadded ? Buffer.from(text, "base64") : undefined;
}

/**
 * The name of the secret that made one of the signatures.
 *
 * @param sign what the secret would have signed with
 * @throws signature-missing if there is no readable signature, signature-wrong if none matches
 */
export function matchSecret(
  secrets: readonly NamedSecret[],
  now: number,
  signatures: readonly (Uint8Array | undefined)[],
  sign: (secret: string) => Uint8Array,
): string {
  const readable = signatures.filter((signature) => signature !== undefined);
  if (readable.length === 0) throw new NevertwiceError("signature-missing");
  // Every one is compared, so that the time does not tell which of them matched.
  let matched: string | undefined;
  for (const { name, secret } of activeSecrets(secrets, now)) {
    const expected = sign(secret);
    for (const signature of readable) if (isEqual(signature, expected)) matched ??= name;
  }
  if (matched === undefined) throw new NevertwiceError("signature-wrong");
  return matched;
}

/**
 * Refuses a signed time that is too far from now, in either direction.
 *
 * @throws signature-late
 */
export function checkSignedTime(
  signedAt: number,
  now: number,
  toleranceMs: number = TOLERANCE_MS,
): void {
  const age = now - signedAt;
  if (age <= toleranceMs && age >= -FUTURE_MS) return;
  throw new NevertwiceError("signature-late", `It was signed ${Math.round(age / 1000)} s ago.`);
}
