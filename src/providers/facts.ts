/**
 * How a provider treats idempotency keys, as data. Where its pages say nothing, the value is
 * undefined or `unknown`, and its adapter takes the careful side.
 */
export interface ProviderFacts {
  /** The name under which references are adopted, such as `stripe`. */
  readonly provider: string;
  /** Where the key travels; undefined for a provider without keys. */
  readonly carrier: { readonly in: "header" | "body"; readonly name: string } | undefined;
  /** The characters that a key may have, as the source of a regular expression. */
  readonly characters: string;
  /** The least and the most characters of a key. */
  readonly lengths: readonly [least: number, most: number];
  /** How long a key is surely remembered, in milliseconds; undefined where it is not published. */
  readonly keptForMs: number | undefined;
  /** Within what two equal keys are the same key. */
  readonly scope: string;
  /** Which answers are stored under a key. */
  readonly stores: "everything" | "final answers" | "successes" | "nothing" | "unknown";
  /** What a repeated key is answered. */
  readonly replays: "same answer" | "current state" | "conflict" | "unknown";
  /** The answer while the first request is being executed. */
  readonly whileRunning: string | undefined;
  /** The answer to the same key with another payload. */
  readonly onMismatch: string | undefined;
  /** Whether the same key may be sent again after no answer, and after the provider's own error. */
  readonly replay: {
    readonly afterNoAnswer: "safe" | "unsafe";
    readonly afterFailure: "resolves" | "frozen" | "unsafe";
  };
  /** How an effect is found without its answer, and how long that may lag, in milliseconds. */
  readonly lookUp: { readonly by: string; readonly lagMs: number } | undefined;
  /** Whether a key whose effect is not known can be cancelled. */
  readonly cancelByKey: boolean;
  /** The pages that say so. */
  readonly sources: readonly string[];
}
