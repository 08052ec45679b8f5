import { digest, type Origin } from "./key.ts";

/**
 * What a provider key is derived from: the same over retries, take-overs, restarts and lost
 * records.
 */
export interface ProviderKeyParts {
  readonly namespace: string;
  readonly origin: Origin;
  readonly scope: string;
  readonly operation: string;
  readonly key: string;
  readonly step: string;
  /** Raised only by proof that nothing happened. */
  readonly generation: number;
}

/**
 * The key to send to a provider, as a UUID of version 8: it fits every provider's rules, tells
 * nothing of the client's key, and differs per step, scope and environment.
 *
 * @see RFC 9562, section 5.8
 */
export function providerKey(parts: ProviderKeyParts): string {
  const { namespace, origin, scope, operation, key, step, generation } = parts;
  return digestUuid(namespace, scope, origin, operation, key, step, String(generation));
}

/** A UUID of version 8 from what is always the same. @see RFC 9562, section 5.8 */
export function digestUuid(...parts: readonly string[]): string {
  const bytes = digest(...parts).subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
