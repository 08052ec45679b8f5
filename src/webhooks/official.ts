import { NevertwiceError } from "../model/errors.ts";

/**
 * Asks the provider's own package with one secret after the other. One of them must make it say
 * true; whatever else it says, or throws, is a refusal.
 *
 * @throws signature-wrong
 */
export async function insistOnOfficial<Secret>(
  secrets: readonly Secret[],
  ask: (secret: Secret) => boolean | Promise<boolean>,
): Promise<void> {
  let cause: unknown;
  for (const secret of secrets) {
    try {
      if ((await ask(secret)) === true) return;
    } catch (error) {
      cause = error;
    }
  }
  throw new NevertwiceError("signature-wrong", "The provider's package refused it.", { cause });
}
