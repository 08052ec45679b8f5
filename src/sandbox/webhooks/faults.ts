/** What goes wrong with the deliveries of one event. */
export type WebhookFault =
  | { readonly kind: "duplicate"; readonly times: number; readonly atOnce: boolean }
  | { readonly kind: "delay"; readonly ms: number }
  /** Held until so many events are together, which are then sent in the opposite order. */
  | { readonly kind: "reorder"; readonly events: number }
  | { readonly kind: "drop" }
  /** Signed with another secret. */
  | { readonly kind: "forge" }
  /** Changed after it was signed. */
  | { readonly kind: "alter" };

const TIMES_MAX = 100;
/** A week: the sandbox's clock can be moved on. */
const DELAY_MS_MAX = 604_800_000;

/** In the order in which a refusal names them. */
export const WEBHOOK_FAULT_NAMES: readonly string[] = [
  "duplicate:<times>",
  "duplicate-at-once:<times>",
  "delay:<ms>",
  "reorder:<events>",
  "drop",
  "forge",
  "alter",
];

/** The fault of a name, or undefined if there is none. */
export function readWebhookFault(name: unknown): WebhookFault | undefined {
  if (name === "drop" || name === "forge" || name === "alter") return { kind: name };
  const match = /^([a-z-]+):(\d{1,9})$/.exec(typeof name === "string" ? name : "");
  const number = Number(match?.[2]);
  const counts = number >= 2 && number <= TIMES_MAX;
  switch (match?.[1]) {
    case "duplicate":
      return counts ? { kind: "duplicate", times: number, atOnce: false } : undefined;
    case "duplicate-at-once":
      return counts ? { kind: "duplicate", times: number, atOnce: true } : undefined;
    case "reorder":
      return counts ? { kind: "reorder", events: number } : undefined;
    case "delay":
      return number <= DELAY_MS_MAX ? { kind: "delay", ms: number } : undefined;
    default:
      return undefined;
  }
}

/** One byte other than it was signed, so that the text can still be read. */
export function altered(text: string): string {
  const digit = /"(?:amount|value)":"?(\d)/.exec(text);
  if (digit !== null) return replaced(text, digit.index + digit[0].length - 1);
  // The escapes of a form stay what they are.
  const letters = [...text.matchAll(/(?<!%|%.)[A-Za-z0-9]/g)];
  return replaced(text, letters[letters.length >> 1]?.index ?? 0);
}

function replaced(text: string, index: number): string {
  const letter = text[index] ?? "";
  const other = /[1-8A-Ya-y]/.test(letter)
    ? String.fromCharCode(letter.charCodeAt(0) + 1)
    : /\d/.test(letter)
      ? "1"
      : "a";
  return text.slice(0, index) + other + text.slice(index + 1);
}
