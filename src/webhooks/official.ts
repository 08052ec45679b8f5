import { NevertwiceError } from "../model/errors.ts";

/** What the provider's own package says of a signature; `silent` where it cannot know. */
export type Opinion = boolean | "silent";

/**
 * Asks the provider's own package with one key after the other, for it may know no more than the
 * last of several. One of them must make it say true, unless it is silent about all; whatever else
 * it says, or throws, is a refusal.
 *
 * @throws signature-wrong
 */
export async function insistOnOfficial<Key>(
  keys: readonly Key[],
  ask: (key: Key) => Opinion | Promise<Opinion>,
): Promise<void> {
  let isRefused = keys.length === 0;
  let cause: unknown;
  for (const key of keys) {
    try {
      const opinion = await ask(key);
      if (opinion === true) return;
      isRefused ||= opinion !== "silent";
    } catch (error) {
      isRefused = true;
      cause ??= error;
    }
  }
  if (isRefused)
    throw new NevertwiceError("signature-wrong", "The provider's package refused it.", { cause });
}
