import type { Acknowledgement, Delivery, Reading, WebhookProvider } from "../model/delivery.ts";
import { NevertwiceError } from "../model/errors.ts";
import type { AuthenticEvent } from "../model/event.ts";
import { insistOnOfficial, type Opinion } from "./official.ts";
import { commonOptions, textOf, type WebhookOptions } from "./read.ts";
import { activeSecrets, type NamedSecret, namedSecrets, type Secrets } from "./secret.ts";
import { checkSignedTime, fromBase64, fromHex, hmac, matchSecret } from "./signature.ts";

/** What a webhook under a shared secret takes. */
export interface HmacOptions extends WebhookOptions {
  /** One secret, or all that count while they are rotated. */
  readonly secret: Secrets;
  /** How old a signed time may be, in milliseconds; 300,000 by default. */
  readonly toleranceMs?: number;
}

/** What the provider's own package is asked about. */
export interface Question {
  readonly secret: string;
  readonly signature: Uint8Array;
  readonly text: string;
  readonly delivery: Delivery;
  readonly now: number;
}

/** What the providers with a shared secret do differently. */
export interface HmacScheme {
  readonly algorithm?: "sha256" | "sha1";
  readonly acknowledgement: Acknowledgement;
  /** Every signature, decoded. @throws signature-missing */
  signatures(delivery: Delivery): readonly (Uint8Array | undefined)[];
  /** What may have been signed, in every spelling that the provider has; the body by default. */
  contents?(delivery: Delivery, text: string): readonly (string | Uint8Array)[];
  /** The signed time in milliseconds since 1970, where there is one. */
  signedAt?(delivery: Delivery): number;
  /** The answer of the provider's own package, or that it cannot know. */
  official?(question: Question): Opinion | Promise<Opinion>;
  events(text: string, delivery: Delivery): readonly AuthenticEvent[];
}

/**
 * A provider whose deliveries are signed with a shared secret.
 *
 * @throws option-invalid
 */
export function hmacProvider(
  options: HmacOptions,
  source: string,
  scheme: HmacScheme,
): WebhookProvider {
  const common = commonOptions(options, source);
  const secrets = namedSecrets(options.secret);
  const { toleranceMs } = options;
  if (toleranceMs !== undefined && !(Number.isSafeInteger(toleranceMs) && toleranceMs > 0))
    throw new NevertwiceError("option-invalid", "`toleranceMs` is a whole number above 0.");
  const { algorithm = "sha256", acknowledgement } = scheme;
  return {
    ...common,
    acknowledgement,
    async read(delivery, now): Promise<Reading> {
      const signatures = scheme.signatures(delivery);
      const text = textOf(delivery);
      const contents = scheme.contents?.(delivery, text) ?? [text];
      const secret = matchContent(contents, (content) =>
        matchSecret(secrets, now, signatures, (one) => hmac(algorithm, one, content)),
      );
      if (scheme.signedAt !== undefined)
        checkSignedTime(scheme.signedAt(delivery), now, toleranceMs);
      const { official } = scheme;
      if (official !== undefined)
        await insistOnOfficial(pairs(namesake(secrets, secret, now), signatures), (pair) =>
          official({ ...pair, text, delivery, now }),
        );
      return { kind: "events", secret, events: scheme.events(text, delivery) };
    },
  };
}

/** The secret's name for the first spelling that was signed. @throws as the last one */
function matchContent<T>(contents: readonly T[], match: (content: T) => string): string {
  let refusal: unknown = new NevertwiceError("signature-missing");
  for (const content of contents) {
    try {
      return match(content);
    } catch (error) {
      refusal = error;
    }
  }
  throw refusal;
}

function namesake(
  secrets: readonly NamedSecret[],
  name: string,
  now: number,
): readonly NamedSecret[] {
  return activeSecrets(secrets, now).filter((one) => one.name === name);
}

/** Every secret with every signature, of which the provider's package sees one at a time. */
function pairs(
  secrets: readonly NamedSecret[],
  signatures: readonly (Uint8Array | undefined)[],
): readonly Pick<Question, "secret" | "signature">[] {
  const given = signatures.filter((one) => one !== undefined);
  return secrets.flatMap(({ secret }) => given.map((signature) => ({ secret, signature })));
}

/** The bytes of a signature as text, in one spelling only; undefined for any other. */
export function decodeSignature(text: string, encoding: "hex" | "base64"): Uint8Array | undefined {
  if (encoding === "hex") return fromHex(text);
  const bytes = fromBase64(text);
  // Padding may be left out and the last letter has bits to spare: many texts for one signature.
  return bytes && toText(bytes, "base64") === text ? bytes : undefined;
}

/** The spelling that every package takes. */
export function toText(signature: Uint8Array, encoding: "hex" | "base64"): string {
  return Buffer.from(signature).toString(encoding);
}
