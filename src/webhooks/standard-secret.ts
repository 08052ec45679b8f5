import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { NevertwiceError } from "../model/errors.ts";
import { decodeSignature } from "./hmac.ts";
import { type NamedSecret, namedSecrets, type Secrets } from "./secret.ts";
import { fromBase64, hmac, isEqual } from "./signature.ts";

/** A secret, and what it stands for. */
export interface StandardSecret extends NamedSecret {
  readonly key:
    | { readonly kind: "shared"; readonly bytes: Uint8Array }
    | { readonly kind: "public"; readonly key: KeyObject };
}

const SHARED = "whsec_";
const PUBLIC = "whpk_";
const ED25519_BYTES = 32;
/** @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md */
const SHARED_BYTES_LEAST = 24;

/** @throws option-invalid */
export function standardSecrets(secrets: Secrets): readonly StandardSecret[] {
  return namedSecrets(secrets).map((one) => ({ ...one, key: keyOf(one.secret) }));
}

function keyOf(secret: string): StandardSecret["key"] {
  if (secret.startsWith(PUBLIC)) {
    const bytes = fromBase64(secret.slice(PUBLIC.length));
    if (bytes?.length !== ED25519_BYTES) throw unreadable();
    const x = Buffer.from(bytes).toString("base64url");
    return {
      kind: "public",
      key: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }),
    };
  }
  const bytes = fromBase64(secret.startsWith(SHARED) ? secret.slice(SHARED.length) : secret);
  if (bytes === undefined || bytes.length < SHARED_BYTES_LEAST) throw unreadable();
  return { kind: "shared", bytes };
}

function unreadable(): NevertwiceError {
  const detail =
    "A secret is `whsec_` and at least 24 bytes in base64, or `whpk_` and a public key.";
  return new NevertwiceError("option-invalid", detail);
}

/**
 * The secret that made one of the signatures, each of which is a version and base64.
 *
 * @throws signature-missing if none is of a version that a secret is for, signature-wrong
 */
export function matchStandard(
  secrets: readonly StandardSecret[],
  signatures: readonly string[],
  content: string,
): StandardSecret {
  const byVersion = { shared: versioned(signatures, "v1"), public: versioned(signatures, "v1a") };
  if (byVersion.shared.length + byVersion.public.length === 0)
    throw new NevertwiceError("signature-missing");
  // Every one is compared, so that the time does not tell which of them matched.
  let matched: StandardSecret | undefined;
  for (const secret of secrets) {
    const { key } = secret;
    const made =
      key.kind === "shared"
        ? isSignedBy(hmac("sha256", key.bytes, content))
        : isSignedFor(key.key, content);
    for (const signature of byVersion[key.kind]) if (made(signature)) matched ??= secret;
  }
  if (matched === undefined) throw new NevertwiceError("signature-wrong");
  return matched;
}

function isSignedBy(expected: Uint8Array): (signature: Uint8Array) => boolean {
  return (signature) => isEqual(signature, expected);
}

function isSignedFor(key: KeyObject, content: string): (signature: Uint8Array) => boolean {
  return (signature) => verify(null, Buffer.from(content), key, signature);
}

function versioned(signatures: readonly string[], version: "v1" | "v1a"): Uint8Array[] {
  return signatures.flatMap((signature) => {
    const [name, value, ...others] = signature.split(",");
    if (name !== version || value === undefined || others.length > 0) return [];
    const bytes = decodeSignature(value, "base64");
    return bytes === undefined ? [] : [bytes];
  });
}
