import { NevertwiceError } from "../model/errors.ts";

/** A secret with a name for reports, and with the time in which it counts. */
export interface NamedSecret {
  /** Told when it matches; never the secret itself. */
  readonly name: string;
  readonly secret: string;
  /** Milliseconds since 1970. */
  readonly notBefore?: number;
  readonly notAfter?: number;
}

/** One secret, or several while they are rotated. */
export type Secrets = string | NamedSecret | readonly (string | NamedSecret)[];

/** No provider issues a shorter one, so it is what a person made up or forgot to replace. */
const BYTES_LEAST = 16;

/** The secrets by their names: those without one are numbered. @throws option-invalid */
export function namedSecrets(secrets: Secrets): readonly NamedSecret[] {
  const list = Array.isArray(secrets) ? (secrets as readonly (string | NamedSecret)[]) : [secrets];
  if (list.length === 0) throw missing();
  return list.map((one, index) => {
    const named = typeof one === "string" ? { name: String(index + 1), secret: one } : one;
    const { name, secret } = (named ?? {}) as Partial<NamedSecret>;
    if (typeof secret !== "string" || secret === "" || typeof name !== "string") throw missing();
    if (Buffer.byteLength(secret) < BYTES_LEAST) throw tooShort(name);
    return named as NamedSecret;
  });
}

/** Those that count at `now`. */
export function activeSecrets(
  secrets: readonly NamedSecret[],
  now: number,
): readonly NamedSecret[] {
  return secrets.filter(
    ({ notBefore = Number.NEGATIVE_INFINITY, notAfter = Number.POSITIVE_INFINITY }) =>
      notBefore <= now && now <= notAfter,
  );
}

/** A webhook without a secret would let everybody in. */
function missing(): NevertwiceError {
  return new NevertwiceError(
    "option-invalid",
    "The webhook's secret is missing or empty. Is its environment variable set?",
  );
}

/** What can be guessed would let everybody in too. */
function tooShort(name: string): NevertwiceError {
  return new NevertwiceError(
    "option-invalid",
    `The webhook's secret "${name}" has fewer than ${BYTES_LEAST} characters. ` +
      "Have the provider make a new one, or make one of random bytes.",
  );
}
