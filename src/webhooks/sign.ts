import { createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { NevertwiceError } from "../model/errors.ts";
import { activeSecrets, type NamedSecret, namedSecrets, type Secrets } from "./secret.ts";
import { fromBase64, hmac } from "./signature.ts";

/** A secret that can sign. */
export interface SigningSecret extends NamedSecret {
  sign(content: string): string;
}

const SHARED = "whsec_";
const PRIVATE = "whsk_";
const SHARED_BYTES = { min: 24, max: 64 };
const SEED_BYTES = 32;
/** What stands before the seed of an Ed25519 key in PKCS #8. @see RFC 8410, section 7 */
const ED25519_HEAD = Buffer.from("302e020100300506032b657004220420", "hex");

/**
 * Secrets of Standard Webhooks: `whsec_` and 24 to 64 bytes in base64, which are shared, or `whsk_`
 * and an Ed25519 key, its seed alone or with its public half.
 *
 * @throws option-invalid
 * @see https://github.com/standard-webhooks/standard-webhooks
 */
export function signingSecrets(secrets: Secrets): readonly SigningSecret[] {
  return namedSecrets(secrets).map((one) => ({ ...one, sign: signerOf(one.secret) }));
}

/** The three headers of a message, signed with every secret that counts at `now`. */
export function signedHeaders(
  secrets: readonly SigningSecret[],
  id: string,
  body: string,
  now: number,
): Readonly<Record<string, string>> {
  const stamp = String(Math.floor(now / 1_000));
  const active = activeSecrets(secrets, now) as readonly SigningSecret[];
  if (active.length === 0)
    throw new NevertwiceError("option-invalid", "No secret to sign with counts at this time.");
  const signatures = active.map((secret) => secret.sign(`${id}.${stamp}.${body}`));
  return {
    "webhook-id": id,
    "webhook-timestamp": stamp,
    "webhook-signature": signatures.join(" "),
  };
}

function signerOf(secret: string): SigningSecret["sign"] {
  if (secret.startsWith(PRIVATE)) {
    const key = privateKey(fromBase64(secret.slice(PRIVATE.length)));
    return (content) => `v1a,${sign(null, Buffer.from(content), key).toString("base64")}`;
  }
  const bytes = secret.startsWith(SHARED) ? fromBase64(secret.slice(SHARED.length)) : undefined;
  if (bytes === undefined || bytes.length < SHARED_BYTES.min || bytes.length > SHARED_BYTES.max)
    throw unreadable();
  return (content) => `v1,${Buffer.from(hmac("sha256", bytes, content)).toString("base64")}`;
}

function privateKey(bytes: Uint8Array | undefined): KeyObject {
  if (bytes?.length !== SEED_BYTES && bytes?.length !== 2 * SEED_BYTES) throw unreadable();
  const key = createPrivateKey({
    key: Buffer.concat([ED25519_HEAD, bytes.subarray(0, SEED_BYTES)]),
    format: "der",
    type: "pkcs8",
  });
  const { x = "" } = createPublicKey(key).export({ format: "jwk" });
  const half = bytes.subarray(SEED_BYTES);
  // A half of another key would make signatures that nobody can check.
  if (half.length > 0 && !Buffer.from(x, "base64url").equals(half)) throw unreadable();
  return key;
}

function unreadable(): NevertwiceError {
  const detail = "A secret to sign with is `whsec_` and 24 to 64 bytes in base64, or `whsk_`.";
  return new NevertwiceError("option-invalid", detail);
}
