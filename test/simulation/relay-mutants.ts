import { type Mutant, patch } from "./mutant.ts";

const SEND = "core/outbox/send.ts";

/** What sends a message again on a guess. */
export const RELAY_MUTANTS: readonly Mutant[] = [
  {
    name: "message-sent-again-without-being-known",
    patches: [
      patch(
        SEND,
        "if (doubted && now() >= resendUntil(relay, firstSentAt))",
        "if (doubted && now() >= 1e15)",
      ),
    ],
    relays: true,
  },
  {
    name: "unanswered-message-taken-for-unsent",
    patches: [patch(SEND, "const unsure = doubted || !untouched;", "const unsure = false;")],
    relays: true,
  },
  {
    name: "lapsed-send-leaves-no-doubt",
    patches: [
      patch(
        "stores/memory/outbox.ts",
        'doubted: row.doubted || row.state === "sending",',
        "doubted: row.doubted,",
      ),
    ],
    relays: true,
  },
];
